//! What no vote can outweigh (SPEC sections 1 and 3).

use super::{
    Electorate, HeightSyncManager, Tally,
    heard::Heard,
    manager::State,
    rows::{Alarms, Future},
    runs::is_on,
};
use crate::{
    block_id::BlockId,
    headers::{Claim, VerifiedTip},
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
            if conflict.is_none()
                && let Some(found) = final_conflict(bridge, run, max_reorg)?
                && self.has_somebody_on(state, heard, run)
            {
                conflict = Some(found);
            }
        }
        let on_it = |block: &BlockId<B>| {
            let voters = heard.ballot.voters.iter();
            let on_it = voters.filter(|voter| {
                voter.chain.above().contains(block)
                    || state.claims.is_parked_above(&voter.tip, block)
            });
            on_it.count()
        };
        let need = tally.need_of_electors;
        let in_consensus = state
            .claims
            .parked_blocks()
            .find(|block| need > 0 && on_it(block) >= need);
        // Two peers that deliver the same bytes may be in one hand. Where authorities vote, more of them than may be faulty have
        // to be on it: one that is honest executed it.
        let is_doubtful = |block: &BlockId<B>| match self.strategy.electorate() {
            Electorate::Peers => true,
            Electorate::Authorities => on_it(block) > tally.electors.saturating_sub(need),
        };
        let mut confirmed = state.tips.confirmed_above(ours);
        let faulty = in_consensus.or_else(|| confirmed.find(is_doubtful));
        Ok(Alarms {
            foreign_seal: state.foreign_seal,
            conflict,
            faulty,
            future: self.future(state, heard, tally),
        })
    }

    /// Whether a connected peer, or an authority whose attestation counts, is on `run`. What everybody has left is no chain any more,
    /// whatever was sealed.
    fn has_somebody_on(&self, state: &State<B>, heard: &Heard<B>, run: &VerifiedTip<B>) -> bool {
        let attested = heard
            .attesters
            .iter()
            .any(|attester| is_on(run, &attester.chain));
        let table = self.context.peers.table();
        let claimed = table.iter().any(|(peer, entry)| {
            let best = entry.sighting.as_ref().map(|told| told.standing.best);
            let shown = state.claims.get(peer).and_then(Claim::shown);
            best.into_iter()
                .chain(shown)
                .any(|block| run.contains(&block))
        });
        attested || claimed
    }

    /// Who signed what lies in our future. Where authorities vote they are counted: free identities could all show one header
    /// that a single authority sealed for a slot to come.
    fn future(&self, state: &State<B>, heard: &Heard<B>, tally: &Tally<B>) -> Future {
        match self.strategy.electorate() {
            Electorate::Peers => {
                let of = heard.turnout.connected;
                Future {
                    voters: heard.from_future,
                    of,
                    most: of / 2,
                }
            }
            Electorate::Authorities => {
                let now = self.context.clock.wall();
                let own = &state.attesting.own;
                Future {
                    voters: state.attestations.ahead_of(own, self.validity(), now),
                    of: tally.electors,
                    most: tally.electors.saturating_sub(tally.need_of_electors),
                }
            }
        }
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
