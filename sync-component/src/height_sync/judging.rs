//! What the view amounts to: from what peers said to one outcome row. No network I/O.

use super::{
    Ballot, HeightSyncManager, Judgement, Side, Voter, Waiting,
    manager::State,
    rows::{self, DeepFork, Facts, Turnout, VoteRule},
};
use crate::{
    block_id::{BlockId, number},
    error::NetworkError,
    headers::{ClaimState, VerifiedTip},
    peers::Sighting,
    ports::{BridgeError, MonoTime, PeerId, Presence},
    settings::Threshold,
    status::{Note, SyncStatus, Verdict},
    wire::Activity,
};
use sp_runtime::traits::Block as BlockT;
use std::{cmp::Reverse, mem, time::Duration};

/// One peer's part in a judgement.
enum Part<B: BlockT> {
    /// No answer yet; one may come.
    Awaited,
    /// No answer, and none is awaited.
    Absent,
    /// It answered; whether it votes depends on a probe that runs.
    Probing,
    /// It answered and has no vote.
    Voteless,
    /// It votes.
    Votes(Voter<B>),
}

impl<B: BlockT> HeightSyncManager<B> {
    /// What the answers that are at most `horizon` old amount to. No network I/O; a few short reads of the store.
    pub fn judge(&self, horizon: Duration) -> Result<Judgement<B>, BridgeError> {
        let mut count = self.count(horizon)?;
        let verdict = rows::outcome(&count.facts, &self.context.settings);
        let decided =
            count.heard.open == 0 || (count.heard.probing == 0 && self.stays(&count, &verdict));
        let waiting = if decided {
            Waiting::Decided
        } else {
            Waiting::For(count.heard.open)
        };
        if count.facts.rule == VoteRule::NoVotes && count.facts.tally.consensus.is_none() {
            count.facts.tally.consensus = Some(count.facts.ours);
        }
        Ok(Judgement {
            notes: count
                .facts
                .deep_forks
                .iter()
                .filter_map(|fork| minority(fork, &verdict))
                .collect(),
            verdict,
            ours: count.facts.ours,
            tally: count.facts.tally,
            turnout: count.facts.turnout,
            target: count.target,
            rivals: count.rivals,
            age: count.heard.age,
            open: count.heard.open,
            waiting,
        })
    }

    fn count(&self, horizon: Duration) -> Result<Count<B>, BridgeError> {
        let settings = &self.context.settings;
        let ours = self.context.bridge.best();
        let mut state = self.state();
        let heard = self.hear(&state, horizon, &ours)?;
        let ballot = &heard.ballot;
        let finalized = self.context.bridge.finalized();
        let (near, far): (Vec<_>, Vec<_>) = state.tips.iter().partition(|tip| {
            tip.depth_below(&ours) <= settings.tier2.max_reorg
                && tip.ancestor.number >= finalized.number
        });
        let chain = self.context.bridge.as_ref();
        // A chain that enough voters share is followed, and no other that it rules out: whoever is far behind would
        // follow the first dead fork that it hears of deeper than it may come back from.
        let voted: Vec<_> = near
            .iter()
            .filter(|tip| {
                let on_it = state.voters_on(tip, ballot);
                on_it > 0 && on_it >= ballot.threshold.need(ballot.voters.len())
            })
            .collect();
        let trusted: Vec<_> = near
            .iter()
            .map(|tip| {
                // What enough voters have imported is not withheld, whoever sealed it.
                if voted.iter().any(|voted| voted.tip() == tip.tip()) {
                    return Ok(Some((*tip).clone()));
                }
                state.suspects.trusted_part(tip, chain)
            })
            .collect::<Result<_, _>>()?;
        let trusted = trusted.into_iter().flatten();
        let target = trusted
            .filter(|tip| tip.tip().number > ours.number)
            .filter(|tip| !voted.iter().any(|voted| voted.conflicts_with(tip)))
            .max_by_key(|tip| (tip.tip().number, Reverse(tip.tip().hash)));
        let deep_forks = far.into_iter().map(|tip| DeepFork {
            tip: tip.tip(),
            ancestor: tip.ancestor,
            voters: state.voters_on(tip, ballot),
        });
        let deep_forks = deep_forks.collect();
        let rivals = near
            .iter()
            .copied()
            .filter(|tip| tip.tip().number >= ours.number)
            // What nobody claims any more, nobody has.
            .filter(|tip| state.voters_on(tip, ballot) > 0)
            .filter(|tip| !voted.iter().any(|voted| voted.conflicts_with(tip)))
            .cloned();
        let rivals = rivals.collect();
        let behind = behind(ballot, settings.tier1.max_gap);
        let facts = Facts {
            ours,
            turnout: heard.turnout,
            tally: self.strategy.tally(ballot),
            gap: target
                .as_ref()
                .map(|tip| tip.tip().height().saturating_sub(ours.height())),
            deep_forks,
            behind,
            alarms: self.alarms(&state, &heard, &ours)?,
            ahead_for: state.ahead_for(
                behind > ballot.voters.len() / 2,
                self.context.clock.now(),
                if horizon >= self.horizon() {
                    Timing::Keep
                } else {
                    Timing::Read
                },
            ),
            slot: self.slot(),
            rule: self.effective_rule(heard.above_genesis),
        };
        Ok(Count {
            facts,
            heard,
            target,
            rivals,
        })
    }

    /// Sorts all connected peers into answers, votes and what is still missing.
    fn hear(
        &self,
        state: &State<B>,
        horizon: Duration,
        ours: &BlockId<B>,
    ) -> Result<Heard<B>, BridgeError> {
        let tier1 = &self.context.settings.tier1;
        let now = self.context.clock.now();
        let table = self.context.peers.table();
        let mut heard = Heard::nobody(*ours, tier1.threshold, table.len());
        let mut expected: usize = 0;
        for (peer, entry) in table.iter() {
            expected += usize::from(entry.is_expected());
            let told = entry.sighting.as_ref();
            let asked_for = state.asking.get(peer).map(|since| now.since(*since));
            heard.turnout.waited = heard.turnout.waited.max(asked_for.unwrap_or_default());
            let fresh = told.filter(|sighting| now.since(sighting.at) <= horizon);
            let latency = table.record(peer).and_then(|record| record.latency);
            let awaited =
                asked_for.is_some_and(|asked| patience(entry.silent_rounds, latency, asked));
            let part = match fresh {
                Some(sighting) => {
                    let tip = sighting.standing.best;
                    heard.from_future += usize::from(self.is_from_future(state, peer, &tip)?);
                    self.part(state, peer, sighting, ours)?
                }
                None if awaited => Part::Awaited,
                None => Part::Absent,
            };
            // A claim that failed its probe says nothing.
            heard.above_genesis |= matches!(part, Part::Votes(_) | Part::Probing)
                && fresh.is_some_and(|told| told.standing.best.height() > 0);
            heard.add(
                &part,
                fresh.map_or(Duration::ZERO, |sighting| now.since(sighting.at)),
            );
        }
        heard.turnout.required = tier1.required(expected);
        Ok(heard)
    }

    /// Whether the chain that `peer` claims goes on in our future, for all that is known of it.
    fn is_from_future(
        &self,
        state: &State<B>,
        peer: &PeerId,
        tip: &BlockId<B>,
    ) -> Result<bool, BridgeError> {
        Ok(state.claims.is_from_future(peer, tip) && self.is_unknown(state, peer, tip)?)
    }

    fn part(
        &self,
        state: &State<B>,
        peer: &PeerId,
        sighting: &Sighting<B>,
        ours: &BlockId<B>,
    ) -> Result<Part<B>, BridgeError> {
        let standing = &sighting.standing;
        if standing.activity == Activity::Syncing {
            return Ok(Part::Voteless);
        }
        let tip = standing.best;
        if self.is_unknown(state, peer, &tip)? {
            return Ok(match state.claims.state(peer, &tip) {
                None | Some(ClaimState::Probing { .. } | ClaimState::Partial { .. }) => {
                    Part::Probing
                }
                // Its headers hold, so it is on that chain; that we cannot follow may be our own fault.
                Some(ClaimState::Parked { .. }) => Part::Votes(Voter {
                    tip,
                    side: Side::Against,
                }),
                Some(
                    ClaimState::Impossible
                    | ClaimState::Refuted
                    | ClaimState::Retrying { .. }
                    | ClaimState::Unanswered { .. },
                ) => Part::Voteless,
            });
        }
        let side = self.side(state, peer, sighting, ours)?;
        Ok(side.map_or(Part::Voteless, |side| Part::Votes(Voter { tip, side })))
    }

    /// The side of a voter whose tip is stored or verified.
    fn side(
        &self,
        state: &State<B>,
        peer: &PeerId,
        sighting: &Sighting<B>,
        ours: &BlockId<B>,
    ) -> Result<Option<Side>, BridgeError> {
        let bridge = &self.context.bridge;
        let tip = sighting.standing.best;
        let at = tip.number.min(ours.number);
        let our_hash = bridge.canonical_hash(at)?;
        if let Some(theirs) = sighting.hash_at(crate::block_id::height::<B>(at)) {
            return Ok(Some(if our_hash == Some(theirs) {
                Side::WithUs
            } else {
                Side::Against
            }));
        }
        let partial = match state.claims.get(peer).map(|claim| claim.state) {
            Some(ClaimState::Partial { run }) => state.tips.holding(&run),
            _ => None,
        };
        if let Some(run) = state.tips.holding(&tip).or(partial) {
            return Ok(Some(if run.ancestor == *ours {
                Side::WithUs
            } else {
                Side::Against
            }));
        }
        // Stored on a branch that reaches above our best block, which the fork choice did not take.
        Ok((bridge.presence(tip.hash)? != Presence::Absent).then_some(Side::Against))
    }

    fn effective_rule(&self, anybody_above_genesis: bool) -> VoteRule {
        match self.rule {
            VoteRule::NoVotesAtGenesis if anybody_above_genesis => VoteRule::Votes,
            VoteRule::NoVotesAtGenesis | VoteRule::NoVotes => VoteRule::NoVotes,
            VoteRule::Votes => VoteRule::Votes,
        }
    }

    /// Whether the row stays whatever the missing answers say. It is enough to try the extremes, because each row's
    /// condition moves one way with each of them.
    fn stays(&self, count: &Count<B>, verdict: &Verdict<B>) -> bool {
        let genesis = BlockId::new(number::<B>(0), self.context.bridge.genesis_hash());
        let nowhere = BlockId::new(number::<B>(0), B::Hash::default());
        let fills = [
            Voter {
                tip: count.facts.ours,
                side: Side::WithUs,
            },
            Voter {
                tip: nowhere,
                side: Side::Against,
            },
            Voter {
                tip: genesis,
                side: Side::WithUs,
            },
        ];
        let max_gap = self.context.settings.tier1.max_gap;
        fills.into_iter().all(|fill| {
            let mut ballot = count.heard.ballot.clone();
            ballot
                .voters
                .extend(std::iter::repeat_n(fill, count.heard.open));
            let mut facts = count.facts.clone();
            facts.tally = self.strategy.tally(&ballot);
            facts.behind = behind(&ballot, max_gap);
            facts.turnout.responses += count.heard.open;
            same_row(&rows::outcome(&facts, &self.context.settings), verdict)
        })
    }
}

/// Everything that one judgement counted.
struct Count<B: BlockT> {
    facts: Facts<B>,
    heard: Heard<B>,
    target: Option<VerifiedTip<B>>,
    rivals: Vec<VerifiedTip<B>>,
}

/// Who answered, and who may yet.
pub(super) struct Heard<B: BlockT> {
    pub(super) ballot: Ballot<B>,
    pub(super) turnout: Turnout,
    above_genesis: bool,
    /// Peers whose chain goes on in our future.
    pub(super) from_future: usize,
    /// Age of the oldest answer with a vote.
    age: Duration,
    /// Answers and probes that are missing.
    open: usize,
    /// Those of them that are first probes of a claim: a round always waits for these.
    probing: usize,
}

impl<B: BlockT> Heard<B> {
    fn nobody(ours: BlockId<B>, threshold: Threshold, connected: usize) -> Self {
        let turnout = Turnout {
            connected,
            responses: 0,
            required: 1,
            waited: Duration::ZERO,
        };
        let ballot = Ballot {
            ours,
            threshold,
            voters: Vec::new(),
        };
        Self {
            ballot,
            turnout,
            above_genesis: false,
            from_future: 0,
            age: Duration::ZERO,
            open: 0,
            probing: 0,
        }
    }

    fn add(&mut self, part: &Part<B>, age: Duration) {
        self.turnout.responses += usize::from(!matches!(part, Part::Awaited | Part::Absent));
        self.open += usize::from(matches!(part, Part::Awaited | Part::Probing));
        self.probing += usize::from(matches!(part, Part::Probing));
        if let Part::Votes(voter) = part {
            self.ballot.voters.push(*voter);
            self.age = self.age.max(age);
        }
    }
}

impl<B: BlockT> State<B> {
    /// Voters whose tip is in `run`, or whose claim goes on above it.
    fn voters_on(&self, run: &VerifiedTip<B>, ballot: &Ballot<B>) -> usize {
        let partly = |tip: &BlockId<B>| {
            self.claims
                .partial_run(tip)
                .is_some_and(|end| run.contains(&end))
        };
        ballot
            .voters
            .iter()
            .filter(|voter| run.contains(&voter.tip) || partly(&voter.tip))
            .count()
    }

    fn ahead_for(&mut self, ahead: bool, now: MonoTime, timing: Timing) -> Duration {
        let since = ahead.then(|| self.ahead_since.unwrap_or(now));
        if timing == Timing::Keep {
            self.ahead_since = since;
        }
        since.map_or(Duration::ZERO, |since| now.since(since))
    }
}

/// Whether a judgement keeps the time for how long a condition holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Timing {
    /// It does: it looks at all answers that count for the status.
    Keep,
    /// It looks at fresh answers only, and a missing one says nothing of the condition.
    Read,
}

/// Whether an answer that has been awaited for `asked` is still worth waiting for: a peer that was mute in its last
/// round is not waited for beyond three of its usual round trips.
fn patience(silent_rounds: u32, latency: Option<Duration>, asked: Duration) -> bool {
    silent_rounds == 0 || latency.is_some_and(|usual| asked <= usual.saturating_mul(3))
}

fn behind<B: BlockT>(ballot: &Ballot<B>, max_gap: u64) -> usize {
    let ours = ballot.ours.height();
    ballot
        .voters
        .iter()
        .filter(|voter| voter.tip.height().saturating_add(max_gap) < ours)
        .count()
}

fn minority<B: BlockT>(fork: &DeepFork<B>, verdict: &Verdict<B>) -> Option<Note<B>> {
    let is_the_fork = matches!(verdict, Verdict::Known(SyncStatus::Critical(_)));
    (!is_the_fork && fork.voters > 0).then_some(Note::Minority {
        tip: fork.tip,
        voters: fork.voters,
    })
}

fn same_row<B: BlockT>(a: &Verdict<B>, b: &Verdict<B>) -> bool {
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
