//! Whether a staged chain is the one that the voters are on. No I/O.

use crate::{block_id::BlockId, settings::Threshold};
use sp_runtime::traits::Block as BlockT;
use std::collections::BTreeMap;

/// The highest blocks of a staged chain, the highest first: as many as a voted block may lie below the tip
/// (`tier1_max_gap`), and the tip.
#[derive(Clone, Debug)]
pub struct StagedChain<B: BlockT> {
    /// The blocks.
    pub top: Vec<BlockId<B>>,
    /// `tier1_max_gap`.
    pub reach: u64,
}

/// What a voter says of its chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ballot<B: BlockT> {
    /// Height of its best block.
    pub best: u64,
    /// Its hashes at the heights of [`StagedChain::top`], in that order.
    pub hashes: Vec<Option<B::Hash>>,
}

/// Why a staged chain does not become the live one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotVoted<B: BlockT> {
    /// No peer has a vote.
    #[error(
        "no peer has a vote; connect peers, or say with --checkpoint N:HASH which chain is the right one"
    )]
    NoVoters,
    /// Fewer peers answered than Tier 1 asks of a round.
    #[error(
        "only {responses} of at least {required} peers answered; wait until more are connected, or say with --checkpoint N:HASH which chain is the right one"
    )]
    TooFewAnswers {
        /// Peers that answered.
        responses: usize,
        /// How many are needed.
        required: usize,
    },
    /// The staged chain ends far below the voters.
    #[error(
        "the staged chain ends at {tip}, and {ahead} of {voters} voters are at {theirs} or above: its sources are behind the network; wait until they have caught up, or name others with --peer"
    )]
    Behind {
        /// The staged tip.
        tip: BlockId<B>,
        /// The lowest height of those that are far above it.
        theirs: u64,
        /// How many are.
        ahead: usize,
        /// All voters.
        voters: usize,
    },
    /// The voters have left the staged chain near its tip, and hold what lies below.
    #[error(
        "{on_other} of {voters} voters hold {theirs} where the staged chain holds {staged}, and share the blocks below: its sources are on a short fork; wait until it has ended"
    )]
    ShortFork {
        /// The staged block.
        staged: BlockId<B>,
        /// The voters' block.
        theirs: BlockId<B>,
        /// Voters that hold it.
        on_other: usize,
        /// All voters.
        voters: usize,
    },
    /// The voters share another block at this height.
    #[error(
        "{on_other} of {voters} voters hold {theirs} where the staged chain holds {staged}: it is not the network's chain"
    )]
    OtherChain {
        /// The staged block.
        staged: BlockId<B>,
        /// The voters' block.
        theirs: BlockId<B>,
        /// Voters that hold it.
        on_other: usize,
        /// All voters.
        voters: usize,
    },
    /// No block near the staged tip is shared by enough voters.
    #[error(
        "only {most} of {voters} voters share a block of the staged chain at most {reach} blocks below its tip {tip}; {need} are needed"
    )]
    NoConsensus {
        /// The staged tip.
        tip: BlockId<B>,
        /// Voters that hold the staged block that most hold.
        most: usize,
        /// All voters.
        voters: usize,
        /// need(voters).
        need: usize,
        /// `tier1_max_gap`.
        reach: u64,
    },
}

impl<B: BlockT> NotVoted<B> {
    /// Whether another vote, later, may come out otherwise.
    pub fn may_pass(&self) -> bool {
        !matches!(self, Self::OtherChain { .. })
    }
}

/// The highest staged block near the tip that need(n) of the voters hold: C, as far as the staged chain reaches (SPEC
/// section 7, 2). The network goes on while it is asked, so C may lie as far above the staged tip as below it, and no
/// further.
pub fn voted_block<B: BlockT>(
    staged: &StagedChain<B>,
    ballots: &[Ballot<B>],
    threshold: Threshold,
) -> Result<BlockId<B>, NotVoted<B>> {
    let voters = ballots.len();
    let (Some(tip), false) = (staged.top.first(), ballots.is_empty()) else {
        return Err(NotVoted::NoVoters);
    };
    let need = threshold.need(voters);
    let reach = staged.reach;
    // Whoever is further above holds the staged chain, and its word for it would throw away all that comes after.
    let highest = tip.height().saturating_add(reach);
    let ahead = || ballots.iter().filter(|ballot| ballot.best > highest);
    let mut most = 0;
    let mut other = None;
    for (index, block) in staged.top.iter().enumerate() {
        let mut held: BTreeMap<B::Hash, usize> = BTreeMap::new();
        for hash in ballots
            .iter()
            .filter_map(|ballot| *ballot.hashes.get(index)?)
        {
            *held.entry(hash).or_default() += 1;
        }
        most = most.max(held.get(&block.hash).copied().unwrap_or_default());
        match held.into_iter().find(|(_, count)| *count >= need) {
            Some((hash, holders)) if hash == block.hash => {
                let ahead: Vec<u64> = ahead()
                    .filter(|ballot| ballot.hashes.get(index) == Some(&Some(hash)))
                    .map(|ballot| ballot.best)
                    .collect();
                if let Some(&theirs) = ahead.iter().min()
                    && holders - ahead.len() < need
                {
                    return Err(NotVoted::Behind {
                        tip: *tip,
                        theirs,
                        ahead: ahead.len(),
                        voters,
                    });
                }
                return match other {
                    None => Ok(*block),
                    Some((staged, theirs, on_other)) => Err(NotVoted::ShortFork {
                        staged,
                        theirs,
                        on_other,
                        voters,
                    }),
                };
            }
            Some((hash, on_other)) => {
                let theirs = BlockId::new(block.number, hash);
                other.get_or_insert((*block, theirs, on_other));
            }
            None => {}
        }
    }
    Err(match other {
        Some((staged, theirs, on_other)) => NotVoted::OtherChain {
            staged,
            theirs,
            on_other,
            voters,
        },
        None => NotVoted::NoConsensus {
            tip: *tip,
            most,
            voters,
            need,
            reach,
        },
    })
}
