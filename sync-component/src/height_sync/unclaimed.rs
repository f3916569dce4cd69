//! Tips that nobody has any more.

use super::{HeightSyncManager, attested::attested_blocks, manager::State, rows::VoteRule};
use crate::{
    block_id::BlockId,
    headers::{Claim, ClaimState, VerifiedTip},
    wire::ATTESTED_HASHES,
};
use sp_runtime::traits::Block as BlockT;

impl<B: BlockT> HeightSyncManager<B> {
    /// Nobody delivered the block `tip`. If no connected peer claims it or may build on it, and no authority attests a chain
    /// that may hold it, its headers are forgotten: a chain that nobody has must not hold the voters up for ever. Whoever
    /// claims it again is probed again. Where no votes are counted, a tip that was once verified holds up until it is imported.
    pub fn forget_if_unclaimed(&self, tip: &BlockId<B>) {
        if self.rule != VoteRule::Votes {
            return;
        }
        let mut state = self.state();
        let Some(run) = state.tips.holding(tip) else {
            return;
        };
        if self.is_claimed(&state, run) || self.is_attested(&state, run) {
            return;
        }
        tracing::debug!(%tip, "nobody has this tip any more");
        state.tips.forget(tip);
        drop(state);
        self.touch();
    }

    /// Whether a connected peer said last that it has a block of `run`, silent since or not, or something that may turn out to
    /// build on it.
    fn is_claimed(&self, state: &State<B>, run: &VerifiedTip<B>) -> bool {
        let table = self.context.peers.table();
        table.iter().any(|(peer, entry)| {
            let Some(told) = &entry.sighting else {
                return false;
            };
            let best = told.standing.best;
            let claim = state.claims.get(peer);
            let open = claim.is_some_and(|claim| may_build_on(run, claim));
            open || run.contains(&best)
        })
    }

    /// Whether an authority attests a chain that holds the end of `run`, or may hold it below all that it names. Whoever names fewer blocks
    /// than it could leaves nothing open by that.
    fn is_attested(&self, state: &State<B>, run: &VerifiedTip<B>) -> bool {
        let (wall, now) = (self.context.clock.wall(), self.context.clock.now());
        let end = run.tip();
        state
            .attestations
            .counting(self.validity(), wall, now)
            .any(|(attestation, _)| {
                let named = attested_blocks(&attestation.tip);
                let is_above = named
                    .last()
                    .is_some_and(|lowest| lowest.number > end.number);
                let is_full = named.len() > ATTESTED_HASHES;
                named.iter().any(|block| run.contains(block)) || (is_above && is_full)
            })
    }
}

/// Whether what `claim` names may turn out to build on `run`.
fn may_build_on<B: BlockT>(run: &VerifiedTip<B>, claim: &Claim<B>) -> bool {
    match claim.state {
        ClaimState::Partial { run: reached } => run.contains(&reached),
        ClaimState::Parked { .. } => false,
        state => !state.is_void(),
    }
}
