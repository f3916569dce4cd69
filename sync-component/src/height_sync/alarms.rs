//! What no vote can outweigh (SPEC sections 1 and 3).

use super::{
    HeightSyncManager, Tally,
    judging::Heard,
    manager::State,
    rows::{Alarms, Future},
};
use crate::{
    block_id::BlockId,
    headers::VerifiedTip,
    ports::{Bridge, BridgeError},
};
use sp_runtime::traits::Block as BlockT;
use std::collections::BTreeSet;

impl<B: BlockT> HeightSyncManager<B> {
    /// What no vote can outweigh.
    pub(super) fn alarms(
        &self,
        state: &State<B>,
        heard: &Heard<B>,
        tally: &Tally<B>,
        ours: &BlockId<B>,
    ) -> Result<Alarms<B>, BridgeError> {
        let bridge = self.context.bridge.as_ref();
        let max_reorg = self.context.settings.tier2.max_reorg;
        let mut conflict = None;
        for run in state.tips.iter() {
            conflict = conflict.or(final_conflict(bridge, run, max_reorg)?);
        }
        let voters = &heard.ballot.voters;
        let in_consensus = state.claims.parked_blocks().find(|block| {
            let on_it = voters
                .iter()
                .filter(|voter| state.claims.is_parked_above(&voter.tip, block));
            on_it.count() >= tally.need_of_electors
        });
        Ok(Alarms {
            foreign_seal: state.foreign_seal,
            conflict,
            faulty: in_consensus.or_else(|| state.tips.confirmed_above(ours)),
            future: Future {
                peers: heard.from_future,
                of: heard.turnout.connected,
            },
        })
    }
}

/// Our final block, and another.
type Conflict<B> = (BlockId<B>, BlockId<B>);

/// Our final block and the highest one that `run` makes final by its own seals, if they are of two chains
/// (SPEC section 1, *finality*).
fn final_conflict<B: BlockT>(
    bridge: &dyn Bridge<B>,
    run: &VerifiedTip<B>,
    max_reorg: u64,
) -> Result<Option<Conflict<B>>, BridgeError> {
    let ours = bridge.finalized();
    if run.ancestor.number >= ours.number {
        return Ok(None);
    }
    let authorities = bridge.authorities_at(run.ancestor.hash)?.len();
    let mut builders = BTreeSet::new();
    let rising = run.headers().iter().zip(run.ids());
    for (above, (header, id)) in rising.rev().enumerate() {
        // A verified header has a slot.
        let turn = bridge
            .slot_of(header)
            .ok()
            .and_then(|slot| u64::from(slot).checked_rem(authorities as u64));
        builders.extend(turn);
        if above as u64 >= max_reorg && builders.len() * 3 > authorities * 2 {
            return Ok(Some((ours, *id)));
        }
    }
    Ok(None)
}
