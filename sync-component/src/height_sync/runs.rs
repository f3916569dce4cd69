//! Verified runs, sorted by what they are to us: worth following, worth fetching, or a fork too deep to heal.

use super::{
    Ballot, Lineage, Tally, Voter,
    caution::{Caution, KeptBack},
    heard::Heard,
    manager::State,
    rows::DeepFork,
};
use crate::{
    block_id::BlockId,
    error::Apart,
    headers::VerifiedTip,
    ports::{Bridge, BridgeError},
};
use sp_runtime::traits::Block as BlockT;
use std::cmp::Reverse;

/// The verified runs of one judgement.
pub(super) struct Runs<'a, B: BlockT> {
    ours: BlockId<B>,
    /// Those that the fork choice may go over to.
    near: Vec<VerifiedTip<B>>,
    /// Those of them that enough voters share.
    voted: Vec<VerifiedTip<B>>,
    /// Of which not all take all now.
    kept_back: Vec<KeptBack<B>>,
    /// All others.
    far: Vec<&'a VerifiedTip<B>>,
}

impl<'a, B: BlockT> Runs<'a, B> {
    pub(super) fn sort(
        state: &'a State<B>,
        heard: &Heard<B>,
        tally: &Tally<B>,
        caution: Option<&Caution<'_, B>>,
        chain: &dyn Bridge<B>,
        max_reorg: u64,
    ) -> Result<Self, BridgeError> {
        let ours = heard.ballot.ours;
        let finalized = chain.finalized();
        let (near, far): (Vec<_>, Vec<_>) = state.tips.iter().partition(|tip| {
            tip.depth_below(&ours) <= max_reorg && tip.ancestor.number >= finalized.number
        });
        let mut kept_back = Vec::new();
        let mut taken = Vec::new();
        for run in near {
            let held = caution.map(|caution| caution.kept_back(run)).transpose()?;
            match held.flatten() {
                Some(held) => {
                    taken.extend(held.part());
                    kept_back.push(held);
                }
                None => taken.push(run.clone()),
            }
        }
        let near = taken;
        let is_enough = |votes: usize| votes > 0 && votes >= tally.need_of_electors;
        let voted = near.iter().cloned();
        let voted = voted.filter(|tip| is_enough(voters_on(tip, &heard.ballot)));
        Ok(Self {
            ours,
            voted: voted.collect(),
            near,
            kept_back,
            far,
        })
    }

    /// Those of which not all take all now.
    pub(super) fn into_kept_back(self) -> Vec<KeptBack<B>> {
        self.kept_back
    }

    /// What enough voters have imported is not withheld, whoever sealed it.
    fn is_voted(&self, tip: &VerifiedTip<B>) -> bool {
        self.voted.iter().any(|voted| voted.tip() == tip.tip())
    }

    /// A chain that enough voters share is followed, and no other that it rules out: whoever is far behind would follow the first
    /// dead fork that it hears of deeper than it may come back from.
    fn is_ruled_out(&self, tip: &VerifiedTip<B>) -> bool {
        self.voted.iter().any(|voted| voted.conflicts_with(tip))
    }

    /// The highest one that holds us up. `honest_one` is how many authorities have to attest a suspect's block.
    pub(super) fn target(
        &self,
        state: &State<B>,
        heard: &Heard<B>,
        chain: &dyn Bridge<B>,
        honest_one: usize,
    ) -> Result<Option<VerifiedTip<B>>, BridgeError> {
        let trusted = self.near.iter().map(|tip| {
            if self.is_voted(tip) {
                return Ok(Some(tip.clone()));
            }
            state.suspects.trusted_part(tip, chain, &|block, author| {
                heard.attesters_but(author, block) >= honest_one
            })
        });
        let trusted = trusted.collect::<Result<Vec<_>, _>>()?;
        let trusted = trusted.into_iter().flatten();
        Ok(trusted
            .filter(|tip| tip.tip().number > self.ours.number)
            .filter(|tip| !self.is_ruled_out(tip))
            .max_by_key(|tip| (tip.tip().number, Reverse(tip.tip().hash))))
    }

    /// All that are worth fetching: of our height at least. The blocks of whoever sealed two for one slot count as soon as one other
    /// authority attests them: it has them, and builds on nothing else until all who disagree have the same blocks to choose from.
    pub(super) fn rivals(
        &self,
        state: &State<B>,
        heard: &Heard<B>,
        chain: &dyn Bridge<B>,
    ) -> Result<Vec<VerifiedTip<B>>, BridgeError> {
        // What nobody claims any more, nobody has.
        let claimed = self.near.iter();
        let claimed = claimed.filter(|tip| {
            // Authorities attest their newest block, and nothing above a block that changes the authorities is verified before that one is stored.
            voters_on(tip, &heard.ballot) > 0 || state.claims.goes_on_above(tip)
        });
        let rivals = claimed.filter(|tip| !self.is_ruled_out(tip)).map(|tip| {
            if self.is_voted(tip) {
                return Ok(Some(tip.clone()));
            }
            state.suspects.fetchable_part(tip, chain, &|block, author| {
                heard.attesters_but(author, block) > 0
            })
        });
        let rivals = rivals.collect::<Result<Vec<_>, _>>()?;
        let rivals = rivals.into_iter().flatten();
        let is_high = |tip: &VerifiedTip<B>| tip.tip().number >= self.ours.number;
        Ok(rivals.filter(is_high).collect())
    }

    /// Those that are too deep to heal. Voters whose tips differ by their last blocks share the fork all the same.
    pub(super) fn deep_forks(&self, ballot: &Ballot<B>) -> Vec<DeepFork<B>> {
        let deep_forks = self.far.iter().map(|tip| DeepFork {
            tip: tip.tip(),
            ancestor: tip.ancestor,
            voters: tip.first(1).map_or(0, |first| voters_on(&first, ballot)),
        });
        deep_forks.collect()
    }

    /// Voters on those whose own branch is too long for them to leave it again by themselves.
    pub(super) fn apart(&self, ballot: &Ballot<B>, max_reorg: u64) -> Option<Apart> {
        let beyond = self.far.iter().filter_map(|run| {
            let height = run.ancestor.height().saturating_add(max_reorg);
            let lowest = height.max(run.base.height()).saturating_add(1);
            Some((run.ancestor.height(), *run.id_at(lowest)?))
        });
        let beyond: Vec<_> = beyond.collect();
        let stays = |voter: &Voter<B>| {
            let holds = |block: &BlockId<B>| voter.chain.above_at(block.height()) == Some(*block);
            beyond.iter().find(|(_, block)| holds(block))
        };
        let stay = ballot.voters.iter().filter_map(stays);
        let ancestors: Vec<_> = stay.map(|(ancestor, _)| *ancestor).collect();
        Some(Apart {
            voters: ancestors.len(),
            ancestor: ancestors.into_iter().max()?,
        })
    }
}

/// Voters who are on `run`.
pub(super) fn voters_on<B: BlockT>(run: &VerifiedTip<B>, ballot: &Ballot<B>) -> usize {
    let voters = ballot.voters.iter();
    voters.filter(|voter| is_on(run, &voter.chain)).count()
}

/// Whether `chain` ends in `run`, as far as it is known, or goes through its end.
pub(super) fn is_on<B: BlockT>(run: &VerifiedTip<B>, chain: &Lineage<B>) -> bool {
    run.contains(&chain.end()) || chain.above().contains(&run.tip())
}
