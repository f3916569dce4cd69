//! Whether a staged chain is the one that the voters are on. No I/O.

use crate::{block_id::BlockId, height_sync::Electorate, settings::Threshold};
use sp_runtime::traits::{Block as BlockT, NumberFor};
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
    /// Its best block and the blocks below it that it told of, the highest first.
    pub told: Vec<BlockId<B>>,
    /// Where these lie.
    pub place: Place<B>,
}

/// Where the blocks that a voter told of lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place<B: BlockT> {
    /// One of them is in the staged chain, and so is all that lies below it.
    Staged,
    /// None of them is, and the staged chain has another block at the height of the lowest one.
    Elsewhere {
        /// The staged block.
        staged: BlockId<B>,
        /// The voter's.
        theirs: BlockId<B>,
    },
    /// All lie above the staged tip.
    Above,
}

/// All votes of one round.
#[derive(Clone, Debug)]
pub struct Votes<B: BlockT> {
    /// Who has one.
    pub electorate: Electorate,
    /// What was heard.
    pub heard: Vec<Ballot<B>>,
    /// Voters that were not heard and count all the same: authorities without an attestation that counts. 0 where peers vote.
    pub silent: usize,
}

impl<B: BlockT> Votes<B> {
    /// n.
    pub fn voters(&self) -> usize {
        self.heard.len().saturating_add(self.silent)
    }

    /// The highest block that need(n) of the voters tell of who do not hold the staged tip.
    pub fn elsewhere(&self, staged: &StagedChain<B>, threshold: Threshold) -> Option<BlockId<B>> {
        let need = threshold.need(self.voters());
        let tip = staged.top.first()?;
        let holds_tip = |ballot: &&Ballot<B>| ballot.hashes.first() == Some(&Some(tip.hash));
        let elsewhere = self.heard.iter().filter(|ballot| !holds_tip(ballot));
        let told = count(elsewhere.flat_map(|ballot| &ballot.told).copied());
        let shared = told.into_iter().filter(|(_, holders)| *holders >= need);
        shared.map(|(block, _)| block).max()
    }

    /// How many were heard of whom any block is known that all of them have, within what they told.
    fn agreeing(&self) -> usize {
        let heard = || self.heard.iter();
        let staged = heard().filter(|ballot| ballot.place == Place::Staged);
        let elsewhere = heard().filter(|ballot| ballot.place != Place::Staged);
        let blocks = elsewhere.flat_map(|ballot| &ballot.told);
        let blocks = count(blocks.copied());
        let most = blocks.into_values().max().unwrap_or(0);
        most.max(staged.count())
    }

    /// How many are known to be on another chain that leaves the staged one below `lowest`, and where one of them is.
    fn elsewhere_below(&self, lowest: BlockId<B>) -> Option<(BlockId<B>, BlockId<B>, usize)> {
        let elsewhere = self.heard.iter().filter_map(|ballot| match ballot.place {
            Place::Elsewhere { staged, theirs } if staged.number < lowest.number => {
                Some((staged, theirs))
            }
            _ => None,
        });
        let elsewhere: Vec<_> = elsewhere.collect();
        let (staged, theirs) = elsewhere.iter().max()?;
        Some((*staged, *theirs, elsewhere.len()))
    }
}

impl<B: BlockT> Ballot<B> {
    /// The ballot of a voter that told of these blocks of its chain, the highest first, each the parent of the one before.
    /// `canonical` is the staged chain's hash at a height.
    pub fn of_told<E>(
        told: Vec<BlockId<B>>,
        staged: &StagedChain<B>,
        canonical: impl Fn(NumberFor<B>) -> Result<Option<B::Hash>, E>,
    ) -> Result<Self, E> {
        let mut shared = None;
        for block in &told {
            if canonical(block.number)? == Some(block.hash) {
                shared = Some(block.number);
                break;
            }
        }
        let place = match (shared, told.last()) {
            (Some(_), _) => Place::Staged,
            (None, None) => Place::Above,
            (None, Some(theirs)) => match canonical(theirs.number)? {
                Some(hash) => Place::Elsewhere {
                    staged: BlockId::new(theirs.number, hash),
                    theirs: *theirs,
                },
                None => Place::Above,
            },
        };
        let hashes = staged.top.iter().map(|block| {
            if shared.is_some_and(|shared| block.number <= shared) {
                return Some(block.hash);
            }
            let theirs = told.iter().find(|theirs| theirs.number == block.number);
            theirs.map(|theirs| theirs.hash)
        });
        Ok(Self {
            best: told.first().map_or(0, BlockId::height),
            hashes: hashes.collect(),
            told,
            place,
        })
    }
}

fn count<T: Ord>(items: impl Iterator<Item = T>) -> BTreeMap<T, usize> {
    let mut counts = BTreeMap::new();
    for item in items {
        *counts.entry(item).or_default() += 1;
    }
    counts
}

/// Why a staged chain does not become the live one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotVoted<B: BlockT> {
    /// No peer has a vote.
    #[error(
        "no peer has a vote; connect peers, or order the resync again with --checkpoint N:HASH, which says which chain is the right one"
    )]
    NoVoters,
    /// Fewer peers answered than Tier 1 asks of a round.
    #[error(
        "only {responses} of at least {required} peers answered; wait until more are connected, or order the resync again with --checkpoint N:HASH, which says which chain is the right one"
    )]
    TooFewAnswers {
        /// Peers that answered.
        responses: usize,
        /// How many are needed.
        required: usize,
    },
    /// Too few authorities attest one and the same block for any chain to be the voted one.
    #[error(
        "no vote is possible: {heard} of {authorities} authorities attest their tips here now (this node's own key aside), {agreeing} of them one chain, and {need} are needed; wait until more of them run, check this machine's clock, or order the resync again with --checkpoint N:HASH, which says which chain is the right one"
    )]
    TooFewAttest {
        /// Authorities whose attestation counts.
        heard: usize,
        /// How many of them share a block that they tell of.
        agreeing: usize,
        /// All authorities.
        authorities: usize,
        /// need(authorities).
        need: usize,
    },
    /// The staged chain ends far below the voters.
    #[error(
        "the staged chain ends at {tip}, and {ahead} of {voters} voters are at {theirs} or above: its sources are behind the network, or this machine's clock is; check that clock, wait until the sources have caught up, or order the resync again with others, named with --peer"
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
        "only {most} of {voters} voters share a block of the staged chain at most {reach} blocks below its tip {tip}; {need} are needed; wait until they agree; where they do not, find out with the other operators which chain goes on"
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
    round: &Votes<B>,
    threshold: Threshold,
) -> Result<BlockId<B>, NotVoted<B>> {
    let voters = round.voters();
    let need = threshold.need(voters);
    let (Some(tip), Some(lowest)) = (staged.top.first(), staged.top.last()) else {
        return Err(NotVoted::NoVoters);
    };
    if voters == 0 {
        return Err(NotVoted::NoVoters);
    }
    let reach = staged.reach;
    // Whoever is further above holds the staged chain, and its word for it would throw away all that comes after.
    let highest = tip.height().saturating_add(reach);
    let heard = || round.heard.iter();
    let ahead = || heard().filter(|ballot| ballot.best > highest);
    let mut most = 0;
    let mut other = None;
    for (index, block) in staged.top.iter().enumerate() {
        let held = count(heard().filter_map(|ballot| *ballot.hashes.get(index)?));
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
    // Their chains end below what was asked for.
    let elsewhere = round.elsewhere_below(*lowest);
    let elsewhere = elsewhere.filter(|(.., on_other)| *on_other >= need);
    Err(match other.or(elsewhere) {
        Some((staged, theirs, on_other)) => NotVoted::OtherChain {
            staged,
            theirs,
            on_other,
            voters,
        },
        None => undecided(*tip, reach, round, most, need),
    })
}

/// Why no block is voted where the voters share none; `most` of them hold one staged block.
fn undecided<B: BlockT>(
    tip: BlockId<B>,
    reach: u64,
    round: &Votes<B>,
    most: usize,
    need: usize,
) -> NotVoted<B> {
    let voters = round.voters();
    let is_unknown = |ballot: &&Ballot<B>| {
        ballot.place == Place::Above && ballot.hashes.iter().all(Option::is_none)
    };
    let above = || round.heard.iter().filter(is_unknown);
    let ahead = above().count();
    if let Some(theirs) = above().map(|ballot| ballot.best).min()
        && most.saturating_add(ahead) >= need
    {
        return NotVoted::Behind {
            tip,
            theirs,
            ahead,
            voters,
        };
    }
    let agreeing = round.agreeing();
    if round.electorate == Electorate::Authorities && agreeing < need {
        return NotVoted::TooFewAttest {
            heard: round.heard.len(),
            agreeing,
            authorities: voters,
            need,
        };
    }
    NotVoted::NoConsensus {
        tip,
        most,
        voters,
        need,
        reach,
    }
}
