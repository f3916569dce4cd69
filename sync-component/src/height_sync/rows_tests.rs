//! Every input falls into exactly one outcome row (SPEC sections 4 and 5), and that row is the one returned.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use super::{
    Electorate, Tally,
    rows::{Alarms, DeepFork, Facts, Future, Turnout, VoteRule, outcome},
};
use crate::{
    BlockId, SyncSettings,
    error::{NetworkError, NoConsensus},
    status::{CriticalReason, SyncStatus, Verdict},
    test_kit::SmallBlock,
};
use proptest::{
    option,
    prelude::*,
    sample::select,
    strategy::ValueTree,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use sp_core::H256;
use std::{collections::BTreeSet, time::Duration};

type Id = BlockId<SmallBlock>;

const OURS: u32 = 20;
const SLOT: Duration = Duration::from_secs(6);

/// The rows as a decision table: each holds where all its marks do, `!` for not. What the letters ask is in [`asked`]. A dot
/// in front stands for [`QUIET`], a colon for that and an answer of as many as are needed.
const ROWS: [(&str, &str); 18] = [
    ("S", "own key used elsewhere"),
    ("!S C", "finality conflict"),
    ("!S !C G", "gap"),
    ("!S !C !G F", "may be faulty"),
    ("!S !C !G !F K", "clock suspect"),
    ("!S !C !G !F !K !V", "in sync"),
    (". !P", "no peers"),
    (". P !A !R", "timeout"),
    (". P !A R !E", "too few responses"),
    (". P !A R E !N", "no votes"),
    (": D", "fork"),
    (": !D !W !A", "split"),
    (": !D !W A", "attestations"),
    (": !D W !X", "no common height"),
    (": !D W X H", "ahead"),
    (": !D W X !H A U", "below consensus"),
    (": !D W X !H A !U O", "above consensus"),
    (": !D W X !H M", "in sync"),
];

/// No alarm, no gap, and votes are needed.
const QUIET: &str = "!S !C !G !F !K V";

/// What a letter asks of the facts, in the words of SPEC.
fn asked(letter: char, facts: &Facts<SmallBlock>) -> bool {
    let Facts { turnout, tally, .. } = facts;
    let consensus = tally.consensus.map(|block| block.number);
    match letter {
        'S' => facts.alarms.foreign_seal.is_some(),
        'C' => facts.alarms.conflict.is_some(),
        'G' => facts.gap.is_some(),
        'F' => facts.alarms.faulty.is_some(),
        // More voters see our future than may be wrong.
        'K' => facts.alarms.future.voters > facts.alarms.future.most,
        'V' => facts.rule == VoteRule::Votes,
        'P' => turnout.connected > 0,
        'A' => facts.electorate == Electorate::Authorities,
        'R' => turnout.responses > 0,
        'E' => turnout.responses >= turnout.required,
        'N' => tally.electors > 0,
        'D' => facts
            .deep_forks
            .iter()
            .any(|fork| fork.voters > 0 && fork.voters >= tally.need_of_electors),
        'W' => tally.voters > 0 && tally.with_us >= tally.need,
        'X' => consensus.is_some(),
        // More than half.
        'H' => facts.behind * 2 > tally.electors,
        'U' => consensus.is_some_and(|consensus| consensus > OURS),
        // One block less above the consensus than a fork may heal.
        'O' => consensus.is_some_and(|consensus| consensus + 4 <= OURS),
        // Peers vote, or the consensus is where we may build.
        'M' => !asked('A', facts) || !(asked('U', facts) || asked('O', facts)),
        _ => unreachable!("a letter of the table"),
    }
}

fn holds(marks: &str, facts: &Facts<SmallBlock>) -> bool {
    marks.split(' ').all(|mark| match mark {
        "." => holds(QUIET, facts),
        // Peers: enough answers and a vote among them. Authorities vote whether they answer or not.
        ":" => holds(". P", facts) && (holds("A", facts) || holds("!A R E N", facts)),
        _ => match mark.strip_prefix('!') {
            Some(letter) => !letter.chars().all(|letter| asked(letter, facts)),
            None => mark.chars().all(|letter| asked(letter, facts)),
        },
    })
}

/// The name of the row that a verdict is of; what it carries must be what the facts say.
fn named(verdict: &Verdict<SmallBlock>, facts: &Facts<SmallBlock>) -> &'static str {
    match verdict {
        Verdict::Known(status) => named_status(status, facts),
        Verdict::Unverified(error) => match error {
            NetworkError::NoPeersAvailable => "no peers",
            NetworkError::Timeout { .. } => "timeout",
            NetworkError::ClockSuspect { .. } => "clock suspect",
            NetworkError::NoConsensusReached(reason) => named_reason(reason, facts),
            other => panic!("no row says {other}"),
        },
    }
}

fn named_status(status: &SyncStatus<SmallBlock>, facts: &Facts<SmallBlock>) -> &'static str {
    let is_gap = |gap: u64, of: std::ops::RangeInclusive<u64>| {
        assert!(facts.gap == Some(gap) && of.contains(&gap), "{status:?}");
        "gap"
    };
    match status {
        SyncStatus::InSync => "in sync",
        SyncStatus::SmallGap(gap) => is_gap(*gap, 1..=5),
        SyncStatus::MediumGap(gap) => is_gap(*gap, 6..=100),
        SyncStatus::LargeGap(gap) => is_gap(*gap, 101..=1_000),
        SyncStatus::Critical(reason) => match reason {
            CriticalReason::Gap { gap, .. } => is_gap(*gap, 1_001..=u64::MAX),
            CriticalReason::Fork { .. } => "fork",
            CriticalReason::MayBeFaulty { .. } => "may be faulty",
            CriticalReason::FinalityConflict { .. } => "finality conflict",
            CriticalReason::OwnKeyUsedElsewhere { .. } => "own key used elsewhere",
            CriticalReason::Ahead { .. } => {
                assert!(facts.ahead_for > SLOT);
                "ahead"
            }
        },
    }
}

fn named_reason(reason: &NoConsensus, facts: &Facts<SmallBlock>) -> &'static str {
    match reason {
        NoConsensus::TooFewResponses { .. } => "too few responses",
        NoConsensus::NoVotes { .. } => "no votes",
        NoConsensus::Split { .. } => "split",
        NoConsensus::Attestations { .. } => "attestations",
        NoConsensus::NoCommonHeight { .. } => "no common height",
        NoConsensus::BelowConsensus { .. } => "below consensus",
        NoConsensus::AboveConsensus { .. } => "above consensus",
        NoConsensus::Ahead { .. } => {
            assert!(facts.ahead_for <= SLOT);
            "ahead"
        }
    }
}

fn id(number: u32) -> Id {
    BlockId::new(number, H256::repeat_byte(7))
}

/// Rare things, but often enough together.
fn rarely(block: Id) -> impl Strategy<Value = Option<Id>> {
    option::weighted(0.1, Just(block))
}

fn alarms() -> impl Strategy<Value = Alarms<SmallBlock>> {
    let future = prop_oneof![4 => Just(0_usize), 1 => 0_usize..5];
    (rarely(id(21)), rarely(id(5)), rarely(id(22)), future).prop_map(
        |(foreign_seal, conflict, faulty, voters)| Alarms {
            foreign_seal,
            conflict: conflict.map(|theirs| (id(4), theirs)),
            faulty,
            future: Future {
                voters,
                of: 4,
                most: 2,
            },
        },
    )
}

fn turnout() -> impl Strategy<Value = Turnout> {
    (0_usize..6, 0_usize..6, 0_usize..3).prop_map(|(connected, responses, required)| Turnout {
        connected,
        responses: responses.min(connected),
        required,
        waited: Duration::ZERO,
    })
}

fn tally() -> impl Strategy<Value = Tally<SmallBlock>> {
    let consensus = option::weighted(0.8, (10_u32..24).prop_map(id));
    (0_usize..7, 0_usize..2, 0_usize..9, consensus).prop_map(
        |(electors, own, with_us, consensus)| {
            let voters = electors + own;
            let need = |of: usize| crate::settings::Threshold::default().need(of);
            Tally {
                voters,
                need: need(voters),
                with_us: with_us.min(voters),
                electors,
                need_of_electors: need(electors),
                consensus,
            }
        },
    )
}

fn facts() -> impl Strategy<Value = Facts<SmallBlock>> {
    let of = select(vec![Electorate::Peers, Electorate::Authorities]);
    let gap = option::weighted(0.2, select(vec![1, 5, 6, 100, 101, 1_000, 1_001, 9_999]));
    let forks = prop::collection::vec(0_usize..7, 0..3);
    let rule = select(vec![
        VoteRule::Votes,
        VoteRule::Votes,
        VoteRule::NoVotes,
        VoteRule::NoVotesAtGenesis,
    ]);
    let ahead = (0_usize..7, select(vec![0_u64, 6, 7, 100]));
    (alarms(), turnout(), tally(), of, gap, forks, rule, ahead).prop_map(
        |(alarms, turnout, tally, electorate, gap, forks, rule, (behind, ahead_for))| Facts {
            ours: id(OURS),
            turnout,
            electorate,
            silent: 0,
            gap,
            deep_forks: forks
                .into_iter()
                .map(|voters| DeepFork {
                    tip: id(40),
                    ancestor: id(2),
                    voters: voters.min(tally.electors),
                })
                .collect(),
            apart: None,
            alarms,
            behind: behind.min(tally.electors),
            ahead_for: Duration::from_secs(ahead_for),
            slot: SLOT,
            rule,
            tally,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn every_input_falls_into_exactly_one_row_and_that_is_returned(facts in facts()) {
        let rows = ROWS.iter().filter(|(marks, _)| holds(marks, &facts));
        let rows: Vec<_> = rows.map(|(_, name)| *name).collect();
        prop_assert_eq!(rows.len(), 1, "{:?}", rows);
        let verdict = outcome(&facts, &SyncSettings::default());
        prop_assert_eq!(named(&verdict, &facts), rows[0]);
    }
}

/// The property above says nothing of rows that its inputs never reach.
#[test]
fn random_facts_reach_every_row() {
    let random = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(Config::default(), random);
    let mut reached = BTreeSet::new();
    for _ in 0..20_000 {
        let facts = facts().new_tree(&mut runner).unwrap().current();
        let row = ROWS.iter().position(|(marks, _)| holds(marks, &facts));
        reached.extend(row);
    }
    assert_eq!(reached.len(), ROWS.len(), "{reached:?}");
}
