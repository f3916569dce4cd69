//! What the view amounts to: from what peers said to one outcome row. No network I/O.

use super::{
    Ballot, Electorate, HeightSyncManager, Judgement, Lineage, Reach, Side, Tally, Voter, Waiting,
    attested::voter,
    caution::{Caution, KeptBack, Turn},
    early::{Round, behind},
    heard::{Heard, Part},
    manager::State,
    rows::{self, DeepFork, Facts, VoteRule},
    runs::{Runs, voters_on},
};
use crate::{
    block_id::{BlockId, number},
    headers::{Claim, ClaimState, VerifiedTip},
    peers::Sighting,
    ports::{Bridge, BridgeError, MonoTime, PeerId},
    settings::Threshold,
    status::{CriticalReason, Note, SyncStatus, Verdict},
    wire::Activity,
};
use sp_core::sr25519;
use sp_runtime::traits::{Block as BlockT, Header as HeaderT};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

impl<B: BlockT> HeightSyncManager<B> {
    /// What the answers that are at most `horizon` old amount to. No network I/O; a few short reads of the store.
    pub fn judge(&self, horizon: Duration) -> Result<Judgement<B>, BridgeError> {
        let mut count = self.count(horizon)?;
        let verdict = rows::outcome(&count.facts, &self.context.settings);
        // One that has a block above genesis ends forced authoring, and whoever has not answered yet may have one.
        let may_end_force =
            count.facts.rule == VoteRule::NoVotesAtGenesis && count.heard.unheard > 0;
        let decided = count.heard.probing == 0
            && !may_end_force
            && (count.heard.open == 0 || self.is_decided(&count, &verdict));
        let waiting = if decided {
            Waiting::Decided
        } else {
            Waiting::For(count.heard.open)
        };
        if !count.facts.rule.asks_for_votes() && count.facts.tally.consensus.is_none() {
            count.facts.tally.consensus = Some(count.facts.ours);
        }
        let voters = count.target.iter().chain(&count.rivals);
        let voters = voters.map(|tip| (tip.tip(), voters_on(tip, &count.heard.ballot)));
        let held = held_by(&count.heard.ballot, count.facts.tally.need_of_electors);
        let most_against = most_against(&count.heard, &self.state().attesting.to_come);
        Ok(Judgement {
            voters: voters.collect(),
            notes: self.notes(&count.facts, &verdict),
            verdict,
            ours: count.facts.ours,
            never_heard: count.never_heard,
            beginning: self.beginning(count.facts.tally.electors),
            tally: count.facts.tally,
            heard: count.heard.ballot.voters.len(),
            most_against,
            held,
            turnout: count.facts.turnout,
            reach: count.heard.reach,
            electorate: count.facts.electorate,
            target: count.target,
            rivals: count.rivals,
            kept_back: count.kept_back,
            age: count.heard.age,
            good_for: self.good_for(horizon, &count.heard),
            open: count.heard.open,
            probing: count.heard.probing,
            agreeing: count.heard.agreeing,
            waiting,
        })
    }

    fn is_decided(&self, count: &Count<B>, verdict: &Verdict<B>) -> bool {
        let round = Round {
            ballot: &count.heard.ballot,
            facts: &count.facts,
            open: count.heard.open,
            genesis: self.genesis(),
        };
        let settings = &self.context.settings;
        round.is_decided(self.strategy.as_ref(), settings, verdict)
    }

    /// How long what was counted goes on counting, if nothing else comes.
    fn good_for(&self, horizon: Duration, heard: &Heard<B>) -> Duration {
        match heard.electorate {
            Electorate::Peers => horizon.saturating_sub(heard.age),
            Electorate::Authorities => {
                let (wall, now) = (self.context.clock.wall(), self.context.clock.now());
                let state = self.state();
                state.attestations.good_for(self.validity(), wall, now)
            }
        }
    }

    fn notes(&self, facts: &Facts<B>, verdict: &Verdict<B>) -> Vec<Note<B>> {
        let state = self.state();
        let minorities = facts
            .deep_forks
            .iter()
            .filter_map(|fork| minority(fork, verdict));
        let suspects = state.suspects.iter();
        let suspects = suspects.map(|authority| Note::Suspect { authority });
        let equivocations = state.evidence.iter().cloned().map(Note::Equivocation);
        minorities.chain(suspects).chain(equivocations).collect()
    }

    fn count(&self, horizon: Duration) -> Result<Count<B>, BridgeError> {
        let settings = &self.context.settings;
        let ours = self.context.bridge.best();
        let mut state = self.state();
        let electors = self.electors(&mut state, ours)?;
        let mut heard = self.hear(&state, horizon, &ours)?;
        if heard.electorate == Electorate::Authorities {
            self.hear_authorities(&state, &electors, &ours, &mut heard)?;
        }
        let tally = self.strategy.tally(&heard.ballot);
        let chain = self.context.bridge.as_ref();
        let caution = self.caution(&state, &electors, &heard, &tally)?;
        let runs = Runs::sort(
            &state,
            &heard,
            &tally,
            caution.as_ref(),
            chain,
            settings.tier2.max_reorg,
        )?;
        let honest_one = one_is_honest(electors.len(), settings.tier1.threshold);
        let target = runs.target(&state, &heard, chain, honest_one)?;
        let rivals = runs.rivals(&state, &heard, chain)?;
        let deep_forks = runs.deep_forks(&heard.ballot);
        let apart = runs.apart(&heard.ballot, settings.tier2.max_reorg);
        let kept_back = runs.into_kept_back();
        let behind = behind(&heard.ballot, settings.tier1.max_gap);
        let alarms = self.alarms(&state, &heard, &tally, &ours)?;
        let lead = Lead::over(behind, tally.electors);
        let timing = if horizon >= self.horizon() {
            Timing::Keep
        } else {
            Timing::Read
        };
        let ahead_for = state.ahead_for(lead, self.context.clock.now(), timing);
        let gap = target
            .as_ref()
            .map(|tip| tip.tip().height().saturating_sub(ours.height()));
        let facts = Facts {
            ours,
            turnout: heard.turnout,
            tally,
            electorate: heard.electorate,
            silent: heard.ballot.silent,
            gap,
            deep_forks,
            apart,
            behind,
            alarms,
            ahead_for,
            slot: self.slot(),
            rule: self.effective_rule(heard.reach),
        };
        Ok(Count {
            never_heard: electors.len().saturating_sub(state.attestations.len()),
            facts,
            heard,
            target,
            rivals,
            kept_back,
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
        let electorate = self.strategy.electorate();
        let mut heard = Heard::nobody(*ours, tier1.threshold, table.len(), electorate);
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
            // However long ago it said so: blocks do not grow old.
            if let Some(told) = told
                && self.has_blocks(state, peer, &told.standing.best)?
            {
                heard.reach = Reach::Above;
            }
            if matches!(part, Part::Probing)
                && let Some(end) = fresh.and_then(|told| state.shown(&told.standing.best))
            {
                heard.agreeing.push(end);
            }
            heard.add(
                part,
                fresh.map_or(Duration::ZERO, |sighting| now.since(sighting.at)),
            );
        }
        heard.turnout.required = match electorate {
            Electorate::Peers => tier1.required(expected),
            Electorate::Authorities => 0,
        };
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

    /// Whether `peer`, which claims `tip`, has a block above genesis, for all that is known: also one that is syncing.
    fn has_blocks(
        &self,
        state: &State<B>,
        peer: &PeerId,
        tip: &BlockId<B>,
    ) -> Result<bool, BridgeError> {
        let claim = state.claims.state(peer, tip);
        let is_void = claim.is_some_and(|claim| claim.is_void());
        Ok(tip.height() > 0 && !(is_void && self.is_unknown(state, peer, tip)?))
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
                    chain: Lineage::on_our_chain(self.genesis()),
                }),
                Some(
                    ClaimState::Impossible
                    | ClaimState::Refuted
                    | ClaimState::Retrying { .. }
                    | ClaimState::Unanswered { .. },
                ) => Part::Voteless,
            });
        }
        let chain = self.lineage(state, peer, &tip)?;
        Ok(chain.map_or(Part::Voteless, |chain| Part::Votes(voter(tip, chain, ours))))
    }

    /// The chain of a peer whose tip is stored or verified.
    fn lineage(
        &self,
        state: &State<B>,
        peer: &PeerId,
        tip: &BlockId<B>,
    ) -> Result<Option<Lineage<B>>, BridgeError> {
        let partial = state.claims.get(peer).and_then(Claim::shown);
        let mut verified = [Some(*tip), partial].into_iter().flatten();
        match verified.find_map(|end| state.tips.holding(&end)?.lineage_to(&end)) {
            Some(chain) => Ok(Some(chain)),
            None => stored_lineage(self.context.bridge.as_ref(), *tip),
        }
    }

    /// For whoever votes, unless no authority may be faulty.
    fn caution<'a>(
        &'a self,
        state: &'a State<B>,
        electors: &BTreeSet<sr25519::Public>,
        heard: &'a Heard<B>,
        tally: &Tally<B>,
    ) -> Result<Option<Caution<'a, B>>, BridgeError> {
        let own = state.attesting.to_come.as_slice();
        let votes = heard.electorate == Electorate::Authorities
            && own.iter().any(|key| electors.contains(key));
        let few = may_be_faulty(electors.len(), self.context.settings.tier1.threshold);
        if !votes || few == 0 {
            return Ok(None);
        }
        let tier2 = &self.context.settings.tier2;
        let most = tier2.max_reorg.max(1);
        Ok(Some(Caution {
            chain: self.context.bridge.as_ref(),
            few,
            own,
            attesters: &heard.attesters,
            unplaced: &heard.unplaced,
            turn: self.turn(own, &heard.ballot.ours)?,
            consensus: tally.consensus,
            most,
            spare: most.saturating_sub(tier2.most_above_consensus()),
        }))
    }

    /// Whether one of the keys `own` may seal on `ours` now, and half of its slot is over.
    fn turn(&self, own: &[sr25519::Public], ours: &BlockId<B>) -> Result<Turn, BridgeError> {
        let authorities = self.context.bridge.authorities_at(ours.hash)?;
        let length = self.context.bridge.slot_duration().as_millis().max(1);
        let wall = self.context.clock.wall().0;
        let author = (wall / length).checked_rem(authorities.len() as u64);
        let author = author.and_then(|turn| authorities.get(usize::try_from(turn).ok()?));
        let is_ours = author.is_some_and(|author| own.contains(author.as_ref()));
        Ok(if is_ours && wall % length >= length / 2 {
            Turn::Ours
        } else {
            Turn::Others
        })
    }

    fn genesis(&self) -> BlockId<B> {
        BlockId::new(number::<B>(0), self.context.bridge.genesis_hash())
    }

    fn effective_rule(&self, peers: Reach) -> VoteRule {
        match (self.rule, peers) {
            (VoteRule::NoVotesAtGenesis, Reach::Above) => VoteRule::Votes,
            (rule, _) => rule,
        }
    }
}

/// Everything that one judgement counted.
struct Count<B: BlockT> {
    /// Authorities of which no attestation that counted was heard since the start.
    never_heard: usize,
    facts: Facts<B>,
    heard: Heard<B>,
    target: Option<VerifiedTip<B>>,
    rivals: Vec<VerifiedTip<B>>,
    kept_back: Vec<KeptBack<B>>,
}

impl<B: BlockT> State<B> {
    fn ahead_for(&mut self, lead: Lead, now: MonoTime, timing: Timing) -> Duration {
        let since = match lead {
            Lead::Far => Some(self.ahead_since.unwrap_or(now)),
            Lead::Near => None,
        };
        if timing == Timing::Keep {
            self.ahead_since = since;
        }
        since.map_or(Duration::ZERO, |since| now.since(since))
    }
}

/// Among how many authorities that attest a block of somebody who withholds it at least one is honest, and so really has it: as
/// many may be faulty as the threshold can do without, and the author is one of them.
fn one_is_honest(authorities: usize, threshold: Threshold) -> usize {
    may_be_faulty(authorities, threshold).max(1)
}

/// As many authorities may be faulty as the threshold can do without.
pub(super) fn may_be_faulty(authorities: usize, threshold: Threshold) -> usize {
    authorities.saturating_sub(threshold.need(authorities))
}

/// The highest block of ours that `need` of the voters hold.
fn held_by<B: BlockT>(ballot: &Ballot<B>, need: usize) -> Option<BlockId<B>> {
    let mut shared: Vec<_> = ballot
        .voters
        .iter()
        .map(|voter| voter.chain.shared())
        .collect();
    shared.sort_by(|a, b| b.cmp(a));
    shared.get(need.checked_sub(1)?).copied()
}

/// The block, other than ours, that most authorities attest at the height of ours, and how many do. Our own follow what we hold, and
/// until they have they are not against us: between two blocks with as many of the others each we would go to and fro.
pub(super) fn most_against<B: BlockT>(
    heard: &Heard<B>,
    own: &[sr25519::Public],
) -> Option<(BlockId<B>, usize)> {
    let mut attesters = BTreeMap::new();
    for attester in &heard.attesters {
        if let Some(block) = attester.chain.above_at(heard.ballot.ours.height())
            && !own.contains(&attester.authority)
        {
            *attesters.entry(block).or_insert(0) += 1;
        }
    }
    attesters.into_iter().max_by_key(|(_, count)| *count)
}

/// The chain below the stored block `tip`; `None` if it is not stored, or not at that height.
pub(super) fn stored_lineage<B: BlockT>(
    bridge: &dyn Bridge<B>,
    tip: BlockId<B>,
) -> Result<Option<Lineage<B>>, BridgeError> {
    let mut above = Vec::new();
    let mut at = tip;
    while bridge.canonical_hash(at.number)? != Some(at.hash) {
        // Ends at the final block at the latest: stored branches start above it.
        let header = bridge.header(at.hash)?;
        let header = header.filter(|header| *header.number() == at.number);
        let (Some(header), Some(below)) = (header, at.height().checked_sub(1)) else {
            return Ok(None);
        };
        above.push(at);
        at = BlockId::new(number::<B>(below), *header.parent_hash());
    }
    above.reverse();
    Ok(Some(Lineage::leaving(at, above.into())))
}

/// Where we stand against most voters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lead {
    /// More than half of them are more than `tier1_max_gap` below us.
    Far,
    /// They are not.
    Near,
}

impl Lead {
    /// With `behind` of `voters` far below us.
    fn over(behind: usize, voters: usize) -> Self {
        if behind > voters / 2 {
            Self::Far
        } else {
            Self::Near
        }
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

/// What is told of a deep fork, unless it is the one that the verdict is about.
pub(super) fn minority<B: BlockT>(fork: &DeepFork<B>, verdict: &Verdict<B>) -> Option<Note<B>> {
    let is_the_fork = matches!(
        verdict,
        Verdict::Known(SyncStatus::Critical(CriticalReason::Fork { ancestor, .. }))
            if *ancestor == fork.ancestor
    );
    (!is_the_fork && fork.voters > 0).then_some(Note::Minority {
        tip: fork.tip,
        voters: fork.voters,
    })
}
