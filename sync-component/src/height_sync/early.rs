//! Whether a round can end before all answers are there (SPEC section 4). I/O-free.

use super::{
    Ballot, Lineage, Side, Voter,
    rows::{self, Facts},
};
use crate::{
    block_id::{BlockId, number},
    error::NetworkError,
    registry::HeightStrategy,
    settings::SyncSettings,
    status::{SyncStatus, Verdict},
};
use sp_runtime::traits::Block as BlockT;
use std::mem;

/// A round as far as it has come.
#[derive(Debug)]
pub(super) struct Round<'a, B: BlockT> {
    /// The votes so far.
    pub(super) ballot: &'a Ballot<B>,
    /// What they, and all else, amount to.
    pub(super) facts: &'a Facts<B>,
    /// Answers that are missing.
    pub(super) open: usize,
    /// Block 0.
    pub(super) genesis: BlockId<B>,
}

/// Where all missing answers fall.
#[derive(Debug)]
enum Fall<'a, B: BlockT> {
    /// On our tip.
    WithUs,
    /// On our chain, as far below us as can be.
    FarBelow,
    /// Each on a chain of its own.
    Against,
    /// All on a fork that is too deep to heal.
    OnDeepFork,
    /// Where this voter stands.
    With(&'a Voter<B>),
}

impl<B: BlockT> Round<'_, B> {
    /// Whether the row stays whatever the missing answers say. What depends on how many are with us, against us or far below us
    /// moves one way with each, so the extremes are enough for that. Which block enough voters share does not: a few
    /// missing ones can complete any group that is there, so each place where a voter stands is tried too.
    pub(super) fn is_decided(
        &self,
        strategy: &dyn HeightStrategy<B>,
        settings: &SyncSettings,
        verdict: &Verdict<B>,
    ) -> bool {
        let stays = |fall: Fall<'_, B>| {
            let facts = self.fill(strategy, settings, &fall);
            same_row(&rows::outcome(&facts, settings), verdict)
        };
        let extremes = [
            Fall::WithUs,
            Fall::FarBelow,
            Fall::Against,
            Fall::OnDeepFork,
        ];
        extremes.into_iter().all(stays) && self.places().into_iter().map(Fall::With).all(stays)
    }

    /// One voter for each place where some stand: no more than there are voters.
    fn places(&self) -> Vec<&Voter<B>> {
        let mut places: Vec<&Voter<B>> = Vec::new();
        for voter in &self.ballot.voters {
            if voter.tip != self.ballot.ours && !places.contains(&voter) {
                places.push(voter);
            }
        }
        places
    }

    fn fill(
        &self,
        strategy: &dyn HeightStrategy<B>,
        settings: &SyncSettings,
        fall: &Fall<'_, B>,
    ) -> Facts<B> {
        let voter = match fall {
            Fall::WithUs => Voter::on_our_chain(self.ballot.ours),
            Fall::FarBelow => Voter::on_our_chain(self.genesis),
            Fall::Against | Fall::OnDeepFork => Voter {
                tip: BlockId::new(number::<B>(0), B::Hash::default()),
                side: Side::Against,
                chain: Lineage::on_our_chain(self.genesis),
            },
            Fall::With(voter) => (*voter).clone(),
        };
        let mut ballot = self.ballot.clone();
        // A silent authority that speaks is silent no more.
        ballot.silent = ballot.silent.saturating_sub(self.open);
        let missing = std::iter::repeat_n(voter, self.open);
        ballot.voters.extend(missing);
        let mut facts = self.facts.clone();
        facts.tally = strategy.tally(&ballot);
        facts.behind = behind(&ballot, settings.tier1.max_gap);
        facts.turnout.responses += self.open;
        if matches!(fall, Fall::OnDeepFork) {
            for fork in &mut facts.deep_forks {
                fork.voters += self.open;
            }
        }
        facts
    }
}

/// Voters more than `max_gap` blocks below us.
pub(super) fn behind<B: BlockT>(ballot: &Ballot<B>, max_gap: u64) -> usize {
    let ours = ballot.ours.height();
    ballot
        .voters
        .iter()
        .filter(|voter| voter.tip.height().saturating_add(max_gap) < ours)
        .count()
}

/// Whether both verdicts are of one outcome row.
pub(super) fn same_row<B: BlockT>(a: &Verdict<B>, b: &Verdict<B>) -> bool {
    match (a, b) {
        (Verdict::Known(SyncStatus::Critical(a)), Verdict::Known(SyncStatus::Critical(b))) => {
            mem::discriminant(a) == mem::discriminant(b)
        }
        (Verdict::Known(a), Verdict::Known(b)) => mem::discriminant(a) == mem::discriminant(b),
        (
            Verdict::Unverified(NetworkError::NoConsensusReached(a)),
            Verdict::Unverified(NetworkError::NoConsensusReached(b)),
        ) => mem::discriminant(a) == mem::discriminant(b),
        (Verdict::Unverified(a), Verdict::Unverified(b)) => {
            mem::discriminant(a) == mem::discriminant(b)
        }
        _ => false,
    }
}
