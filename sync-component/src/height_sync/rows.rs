//! The outcome rows of SPEC section 4: the first that holds. Nothing is latched: each round computes it anew.

use super::{Electorate, Tally};
use crate::{
    block_id::BlockId,
    error::{Apart, NetworkError, NoConsensus},
    settings::{JoinWindows, SyncSettings},
    status::{CriticalReason, GapRemedy, SyncStatus, Verdict},
};
use sp_runtime::traits::Block as BlockT;
use std::time::Duration;

/// Largest gap that is still a medium one, in blocks (SPEC section 4, row 1).
pub const MEDIUM_GAP: u64 = 100;

/// What the rows look at.
#[derive(Clone, Debug)]
pub struct Facts<B: BlockT> {
    /// Our best block.
    pub ours: BlockId<B>,
    /// Who answered.
    pub turnout: Turnout,
    /// The votes.
    pub tally: Tally<B>,
    /// Whose votes they are.
    pub electorate: Electorate,
    /// Authorities without an attestation that counts.
    pub silent: usize,
    /// Row 1: blocks between us and the highest verified tip that holds us up.
    pub gap: Option<u64>,
    /// Row 2: branches with verified headers that leave ours deeper than the fork choice may go.
    pub deep_forks: Vec<DeepFork<B>>,
    /// Row 3: voters on such branches that cannot come back to ours by themselves either.
    pub apart: Option<Apart>,
    /// What comes before any vote.
    pub alarms: Alarms<B>,
    /// Row 4: voters more than `tier1_max_gap` below us.
    pub behind: usize,
    /// Row 4: for how long that has been more than half of them.
    pub ahead_for: Duration,
    /// Length of a slot.
    pub slot: Duration,
    /// Whether this chain needs votes at all.
    pub rule: VoteRule,
}

/// What no vote can outweigh (SPEC sections 1 and 3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alarms<B: BlockT> {
    /// A block that somebody else sealed with a key of ours.
    pub foreign_seal: Option<BlockId<B>>,
    /// Our final block and another that is final by its own chain's seals.
    pub conflict: Option<(BlockId<B>, BlockId<B>)>,
    /// A block that fails in execution here and that others have.
    pub faulty: Option<BlockId<B>>,
    /// How many voters' blocks or attestations lie in our future.
    pub future: Future,
}

impl<B: BlockT> Copy for Alarms<B> {}

/// Who signed what lies in our future: peers that show sealed headers, or authorities that attest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Future {
    /// So many.
    pub voters: usize,
    /// Of so many connected peers of our chain, or authorities.
    pub of: usize,
    /// With more than this many it is our clock that is wrong, not theirs: half of the peers, or the authorities that may be
    /// faulty.
    pub most: usize,
}

/// Who answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turnout {
    /// Connected peers of our chain.
    pub connected: usize,
    /// Answers in time, votes or not.
    pub responses: usize,
    /// Answers that are required.
    pub required: usize,
    /// How long the round has waited.
    pub waited: Duration,
}

/// Whether this chain needs votes at all (SPEC section 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VoteRule {
    /// Several authorities.
    Votes,
    /// A single authority: only a verified higher tip stops it.
    NoVotes,
    /// Forced authoring while no connected peer has a block above genesis: as `NoVotes`. With one that has, it is `Votes`.
    NoVotesAtGenesis,
}

impl VoteRule {
    /// Whether this node may author only with votes.
    pub fn asks_for_votes(self) -> bool {
        match self {
            Self::Votes => true,
            Self::NoVotes | Self::NoVotesAtGenesis => false,
        }
    }
}

/// A verified branch that leaves ours deeper than `tier2_max_reorg`, or below the final block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeepFork<B: BlockT> {
    /// Its tip.
    pub tip: BlockId<B>,
    /// Where it leaves our chain.
    pub ancestor: BlockId<B>,
    /// Voters on it.
    pub voters: usize,
}

impl<B: BlockT> Copy for DeepFork<B> {}

/// The first row that holds.
pub fn outcome<B: BlockT>(facts: &Facts<B>, settings: &SyncSettings) -> Verdict<B> {
    let alarms = &facts.alarms;
    if let Some(block) = alarms.foreign_seal {
        return Verdict::Known(SyncStatus::Critical(CriticalReason::OwnKeyUsedElsewhere {
            block,
        }));
    }
    if let Some((ours, theirs)) = alarms.conflict {
        return Verdict::Known(SyncStatus::Critical(CriticalReason::FinalityConflict {
            ours,
            theirs,
        }));
    }
    // Whatever the turnout, we are behind a verified tip: nothing that anybody says can change that.
    if let Some(gap) = facts.gap {
        return Verdict::Known(gap_status(gap, settings));
    }
    if let Some(block) = alarms.faulty {
        return Verdict::Known(SyncStatus::Critical(CriticalReason::MayBeFaulty { block }));
    }
    let Future { voters, of, most } = alarms.future;
    if voters > most {
        return Verdict::Unverified(NetworkError::ClockSuspect { voters, of });
    }
    if !facts.rule.asks_for_votes() {
        return Verdict::Known(SyncStatus::InSync);
    }
    if let Some(error) = turnout_fault(facts) {
        return Verdict::Unverified(error);
    }
    if let Some(fork) = facts
        .deep_forks
        .iter()
        .find(|fork| fork.voters > 0 && fork.voters >= facts.tally.need_of_electors)
    {
        return Verdict::Known(SyncStatus::Critical(CriticalReason::Fork {
            ours: facts.ours,
            theirs: fork.tip,
            ancestor: fork.ancestor,
        }));
    }
    if let Some(reason) = vote_fault(facts) {
        return Verdict::Unverified(NetworkError::NoConsensusReached(reason));
    }
    if facts.behind > facts.tally.electors / 2 {
        return ahead(facts, settings);
    }
    if let Some(reason) = off_consensus(facts, settings) {
        return Verdict::Unverified(NetworkError::NoConsensusReached(reason));
    }
    Verdict::Known(SyncStatus::InSync)
}

fn gap_status<B: BlockT>(gap: u64, settings: &SyncSettings) -> SyncStatus<B> {
    if gap <= settings.tier1.max_gap {
        SyncStatus::SmallGap(gap)
    } else if gap <= MEDIUM_GAP {
        SyncStatus::MediumGap(gap)
    } else if gap <= settings.tier2.max_gap {
        SyncStatus::LargeGap(gap)
    } else {
        let remedy = match settings.tier2.join_windows {
            JoinWindows::Successive => GapRemedy::Windows,
            JoinWindows::Operator => GapRemedy::Operator,
        };
        SyncStatus::Critical(CriticalReason::Gap { gap, remedy })
    }
}

fn turnout_fault<B: BlockT>(facts: &Facts<B>) -> Option<NetworkError> {
    let Turnout {
        connected,
        responses,
        required,
        waited,
    } = facts.turnout;
    if connected == 0 {
        return Some(NetworkError::NoPeersAvailable);
    }
    if facts.electorate == Electorate::Authorities {
        return None;
    }
    if responses == 0 {
        return Some(NetworkError::Timeout {
            asked: connected,
            waited,
        });
    }
    let reason = if responses < required {
        NoConsensus::TooFewResponses {
            responses,
            connected,
            required,
        }
    } else if facts.tally.electors == 0 {
        NoConsensus::NoVotes { responses }
    } else {
        return None;
    };
    Some(NetworkError::NoConsensusReached(reason))
}

fn vote_fault<B: BlockT>(facts: &Facts<B>) -> Option<NoConsensus> {
    let Tally {
        voters,
        need,
        with_us,
        consensus,
        ..
    } = facts.tally;
    if !facts.tally.is_with_us() {
        let is_for_good = |apart: &Apart| apart.voters.saturating_add(need) > voters;
        let apart = facts.apart.filter(is_for_good);
        Some(match facts.electorate {
            Electorate::Peers => NoConsensus::Split {
                with_us,
                voters,
                need,
                apart,
            },
            Electorate::Authorities => NoConsensus::Attestations {
                with_us,
                silent: facts.silent,
                authorities: voters,
                need,
                apart,
            },
        })
    } else if consensus.is_none() {
        Some(NoConsensus::NoCommonHeight { voters, need })
    } else {
        None
    }
}

/// Whoever lags votes for what it has, so two authors that nobody hears in time could each build a branch of their own on the
/// votes of the same laggards, until neither may be taken back any more. Where authorities vote nobody builds as far above
/// the consensus block as a fork may heal.
fn off_consensus<B: BlockT>(facts: &Facts<B>, settings: &SyncSettings) -> Option<NoConsensus> {
    if facts.electorate == Electorate::Peers {
        return None;
    }
    let most = settings.tier2.most_above_consensus();
    let consensus = facts.tally.consensus?;
    // Its headers are not verified here yet, or not any more; that enough authorities signed that they hold it is no claim.
    if let Some(below) = consensus.height().checked_sub(facts.ours.height())
        && below > 0
    {
        return Some(NoConsensus::BelowConsensus { below });
    }
    let above = facts.ours.height().saturating_sub(consensus.height());
    (above >= most).then_some(NoConsensus::AboveConsensus { above, most })
}

fn ahead<B: BlockT>(facts: &Facts<B>, settings: &SyncSettings) -> Verdict<B> {
    let (behind, voters) = (facts.behind, facts.tally.electors);
    if facts.ahead_for > facts.slot {
        Verdict::Known(SyncStatus::Critical(CriticalReason::Ahead {
            ours: facts.ours,
            behind,
            voters,
        }))
    } else {
        let max_gap = settings.tier1.max_gap;
        Verdict::Unverified(NetworkError::NoConsensusReached(NoConsensus::Ahead {
            behind,
            voters,
            max_gap,
        }))
    }
}
