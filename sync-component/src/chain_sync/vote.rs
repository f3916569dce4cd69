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
}

/// Why a staged chain does not become the live one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotVoted<B: BlockT> {
    /// No peer has a vote.
    #[error(
        "no peer has a vote; connect peers, or say with --checkpoint N:HASH which chain is the right one"
    )]
    NoVoters,
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
        reach: usize,
    },
}

/// The highest staged block near the tip that need(n) of the voters hold: C, as far as the staged chain reaches (SPEC
/// section 7, 2). Each answer holds a voter's hashes at the heights of `staged.top`, in its order.
pub fn voted_block<B: BlockT>(
    staged: &StagedChain<B>,
    answers: &[Vec<Option<B::Hash>>],
    threshold: Threshold,
) -> Result<BlockId<B>, NotVoted<B>> {
    let voters = answers.len();
    let (Some(tip), false) = (staged.top.first(), answers.is_empty()) else {
        return Err(NotVoted::NoVoters);
    };
    let need = threshold.need(voters);
    let mut most = 0;
    for (index, block) in staged.top.iter().enumerate() {
        let mut held: BTreeMap<B::Hash, usize> = BTreeMap::new();
        for hash in answers.iter().filter_map(|answer| *answer.get(index)?) {
            *held.entry(hash).or_default() += 1;
        }
        most = most.max(held.get(&block.hash).copied().unwrap_or_default());
        match held.into_iter().find(|(_, count)| *count >= need) {
            Some((hash, _)) if hash == block.hash => return Ok(*block),
            Some((hash, on_other)) => {
                return Err(NotVoted::OtherChain {
                    staged: *block,
                    theirs: BlockId::new(block.number, hash),
                    on_other,
                    voters,
                });
            }
            None => {}
        }
    }
    Err(NotVoted::NoConsensus {
        tip: *tip,
        most,
        voters,
        need,
        reach: staged.top.len() - 1,
    })
}
