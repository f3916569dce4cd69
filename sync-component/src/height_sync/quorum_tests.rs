//! Properties of the quorum strategies (SPEC section 4), over random ballots.

use super::{
    AuthorityQuorum, Ballot, Electorate, HeightMajority, Lineage, Side, Tally, TipQuorum, Voter,
    early::{Round, behind, same_row},
    rows::{Alarms, DeepFork, Facts, Future, Turnout, VoteRule, outcome},
};
use crate::{
    BlockId, SyncSettings,
    error::{NetworkError, NoConsensus},
    registry::HeightStrategy,
    settings::Threshold,
    status::{CriticalReason, SyncStatus, Verdict},
    test_kit::SmallBlock,
};
use proptest::{collection::vec, prelude::*, sample::select};
use sp_core::H256;
use std::time::Duration;

type Id = BlockId<SmallBlock>;
/// Where a voter stands: height, branch.
type Vote = (u32, u8);
type Strategies = Vec<(Electorate, Box<dyn HeightStrategy<SmallBlock>>)>;

const OURS: u32 = 20;
const FORK: u32 = 12;
/// `tier1_max_gap`, by default.
const MAX_GAP: u32 = 5;

fn id(number: u32, branch: u8) -> Id {
    let mut hash = [branch; 32];
    hash[..4].copy_from_slice(&number.to_be_bytes());
    BlockId::new(number, H256(hash))
}

fn genesis() -> Id {
    id(0, 0)
}

/// A voter on our chain at `tip`, above it, or on `branch`, which leaves ours at 12.
fn voter((tip, branch): (u32, u8)) -> Voter<SmallBlock> {
    let shared = if branch == 0 { OURS } else { FORK }.min(tip);
    let above = (shared + 1..=tip).map(|number| id(number, branch));
    let chain = Lineage::leaving(id(shared, 0), above.collect());
    let on_ours = shared >= tip.min(OURS);
    Voter {
        tip: chain.end(),
        side: if on_ours { Side::WithUs } else { Side::Against },
        chain,
    }
}

fn vote() -> impl Strategy<Value = Vote> {
    (1_u32..26, select(vec![0, 0, 0, 1, 2]))
}

fn votes() -> impl Strategy<Value = Vec<Vote>> {
    vec(vote(), 0..12)
}

/// Votes in groups, and where the late ones fall: mostly on a group that is there, which they can complete.
fn grouped() -> impl Strategy<Value = (Vec<Vote>, Vec<Vote>)> {
    let group = prop_oneof![
        2 => vote(),
        1 => Just((OURS, 0)),
        1 => (OURS - 1..=OURS + 1, Just(0)),
    ];
    vec((group, 1_usize..6), 1..5).prop_flat_map(|groups| {
        let members = |(vote, size): &(Vote, usize)| vec![*vote; *size];
        let votes: Vec<_> = groups.iter().flat_map(members).collect();
        let late = prop_oneof![3 => select(votes.clone()), 1 => vote()];
        (Just(votes), vec(late, 0..5))
    })
}

fn ballot(votes: &[(u32, u8)], silent: usize) -> Ballot<SmallBlock> {
    Ballot {
        ours: id(OURS, 0),
        threshold: Threshold::default(),
        voters: votes.iter().copied().map(voter).collect(),
        silent,
    }
}

fn strategies() -> Strategies {
    vec![
        (Electorate::Peers, Box::new(HeightMajority)),
        (Electorate::Peers, Box::new(TipQuorum)),
        (Electorate::Authorities, Box::new(AuthorityQuorum)),
    ]
}

fn quorums() -> Strategies {
    strategies().into_iter().skip(1).collect()
}

fn silent(electorate: Electorate, count: usize) -> usize {
    match electorate {
        Electorate::Peers => 0,
        Electorate::Authorities => count,
    }
}

fn facts(
    ballot: &Ballot<SmallBlock>,
    tally: Tally<SmallBlock>,
    of: Electorate,
) -> Facts<SmallBlock> {
    let on_fork = |voter: &&Voter<SmallBlock>| voter.chain.above().contains(&id(FORK + 1, 1));
    Facts {
        ours: ballot.ours,
        turnout: Turnout {
            connected: 12,
            responses: ballot.voters.len(),
            required: 0,
            waited: Duration::ZERO,
        },
        tally,
        electorate: of,
        apart: None,
        silent: ballot.silent,
        gap: None,
        deep_forks: vec![DeepFork {
            tip: id(25, 1),
            ancestor: id(FORK, 0),
            voters: ballot.voters.iter().filter(on_fork).count(),
        }],
        alarms: Alarms {
            foreign_seal: None,
            conflict: None,
            faulty: None,
            future: Future {
                voters: 0,
                of: 12,
                most: 6,
            },
        },
        behind: behind(ballot, SyncSettings::default().tier1.max_gap),
        ahead_for: Duration::ZERO,
        slot: Duration::from_secs(6),
        rule: VoteRule::Votes,
    }
}

fn judged(
    strategy: &dyn HeightStrategy<SmallBlock>,
    of: Electorate,
    ballot: &Ballot<SmallBlock>,
) -> (Facts<SmallBlock>, crate::status::Verdict<SmallBlock>) {
    let facts = facts(ballot, strategy.tally(ballot), of);
    let verdict = outcome(&facts, &SyncSettings::default());
    (facts, verdict)
}

#[test]
fn consensus_is_the_highest_block_that_enough_hold_on_whatever_branch() {
    let cases: [(&[Vote], Option<Id>); 5] = [
        (&[(20, 0), (20, 0), (19, 0), (18, 0)], Some(id(19, 0))),
        (&[(24, 1), (23, 1), (22, 1), (20, 0)], Some(id(22, 1))),
        (&[(24, 1), (23, 2), (22, 0), (20, 0)], Some(id(12, 0))),
        (&[(25, 0), (24, 0), (23, 0)], Some(id(23, 0))),
        (&[], None),
    ];
    for (votes, expected) in cases {
        let tally = TipQuorum.tally(&ballot(votes, 0));
        assert_eq!(tally.consensus, expected, "{votes:?}");
    }
    // Three of four, one of them silent.
    let tally = AuthorityQuorum.tally(&ballot(&[(20, 0), (21, 0), (22, 0)], 1));
    assert_eq!((tally.voters, tally.need, tally.with_us), (4, 3, 3));
    assert_eq!(tally.consensus, Some(id(20, 0)));
}

#[test]
fn own_vote_is_added_on_our_side_by_tip_quorum_alone() {
    let two_of_four = ballot(&[(20, 0), (20, 0), (20, 1), (20, 1)], 0);
    let tally = TipQuorum.tally(&two_of_four);
    assert_eq!((tally.with_us, tally.need), (3, 4));
    assert_eq!((tally.electors_with_us(), tally.electors), (2, 4));
    let tally: Tally<SmallBlock> = AuthorityQuorum.tally(&two_of_four);
    assert_eq!((tally.with_us, tally.need, tally.electors), (2, 3, 4));
}

proptest! {
    #[test]
    fn order_of_answers_never_matters(
        (votes, shuffled) in votes().prop_flat_map(|votes| {
            (Just(votes.clone()), Just(votes).prop_shuffle())
        }),
        quiet in 0_usize..4,
    ) {
        for (of, strategy) in strategies() {
            let quiet = silent(of, quiet);
            let before = strategy.tally(&ballot(&votes, quiet));
            prop_assert_eq!(strategy.tally(&ballot(&shuffled, quiet)), before);
        }
    }

    #[test]
    fn honest_vote_with_us_never_takes_away_a_clearance(
        votes in votes(),
        quiet in 1_usize..4,
        // Further below, and more than half may be (row 4).
        lag in 0..=MAX_GAP,
    ) {
        for (of, strategy) in quorums() {
            let quiet = silent(of, quiet);
            let before = judged(strategy.as_ref(), of, &ballot(&votes, quiet)).1.is_in_sync();
            let mut more = votes.clone();
            more.push((OURS - lag, 0));
            // An authority that speaks was silent before.
            let after = ballot(&more, quiet.saturating_sub(1));
            let after = judged(strategy.as_ref(), of, &after).1.is_in_sync();
            prop_assert!(!before || after, "{of:?}");
        }
    }

    #[test]
    fn fewer_than_need_voters_never_move_the_consensus(votes in votes(), quiet in 0_usize..4) {
        for (of, strategy) in quorums() {
            let ballot = ballot(&votes, silent(of, quiet));
            let tally = strategy.tally(&ballot);
            let Some(consensus) = tally.consensus else { continue };
            let holds = |voter: &&Voter<SmallBlock>| {
                voter.chain.above().contains(&consensus)
                    || (consensus == id(consensus.number, 0)
                        && voter.chain.shared().number >= consensus.number)
            };
            let holders = ballot.voters.iter().filter(holds).count();
            prop_assert!(holders >= tally.need_of_electors, "{holders} hold {consensus}");
        }
    }

}

proptest! {
    // Few inputs have a group that lacks just the missing votes.
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn early_decision_equals_the_late_one(
        (votes, late) in prop_oneof![1 => (votes(), vec(vote(), 0..5)), 2 => grouped()],
        // How many more are silent to the end.
        mute in 0_usize..3,
        required in prop_oneof![2 => Just(0), 1 => 1_usize..8],
    ) {
        let settings = SyncSettings::default();
        for (of, strategy) in strategies() {
            let judged = |ballot: &Ballot<SmallBlock>| {
                let mut facts = facts(ballot, strategy.tally(ballot), of);
                facts.turnout.required = required;
                let verdict = outcome(&facts, &settings);
                (facts, verdict)
            };
            let open = late.len() + mute;
            let now = ballot(&votes, silent(of, open));
            let (facts, verdict) = judged(&now);
            let round = Round { ballot: &now, facts: &facts, open, genesis: genesis() };
            if round.is_decided(strategy.as_ref(), &settings, &verdict) {
                let all = ballot(&[votes.clone(), late.clone()].concat(), silent(of, mute));
                let (_, later) = judged(&all);
                prop_assert!(same_row(&later, &verdict), "{of:?}: {verdict:?}, then {later:?}");
            }
        }
    }
}

/// Row 4 under `authority-quorum`: being more than `tier1_max_gap` above most authorities is more than being off the consensus.
#[test]
fn authorities_far_below_us_make_it_critical_after_a_slot() {
    let far_below = ballot(&[(20, 0), (14, 0), (14, 0), (14, 0)], 0);
    let (mut facts, verdict) = judged(&AuthorityQuorum, Electorate::Authorities, &far_below);
    let ahead = NoConsensus::Ahead {
        behind: 3,
        voters: 4,
        max_gap: 5,
    };
    let expected = Verdict::Unverified(NetworkError::NoConsensusReached(ahead));
    assert!(same_row(&verdict, &expected), "{verdict:?}");
    facts.ahead_for = facts.slot * 2;
    let verdict = outcome(&facts, &SyncSettings::default());
    let is_ahead = matches!(
        verdict,
        Verdict::Known(SyncStatus::Critical(CriticalReason::Ahead { .. }))
    );
    assert!(is_ahead, "{verdict:?}");
}

/// Two of four attest a block above us; the fourth, silent yet, may be the third.
#[test]
fn round_waits_for_an_authority_that_may_put_the_consensus_above_us() {
    let (of, settings) = (Electorate::Authorities, SyncSettings::default());
    let now = ballot(&[(OURS, 0), (OURS + 1, 0), (OURS + 1, 0)], 1);
    let (facts, verdict) = judged(&AuthorityQuorum, of, &now);
    assert!(verdict.is_in_sync());
    let round = Round {
        ballot: &now,
        facts: &facts,
        open: 1,
        genesis: genesis(),
    };
    assert!(!round.is_decided(&AuthorityQuorum, &settings, &verdict));
}

/// Four of seven attest the block above ours, and one of a fork stands higher still: what is missing may be the fifth.
#[test]
fn round_waits_for_whoever_may_complete_a_group_that_is_not_the_highest() {
    let (of, settings) = (Electorate::Authorities, SyncSettings::default());
    let votes = [(20, 0), (21, 0), (21, 0), (21, 0), (21, 0), (25, 1)];
    let now = ballot(&votes, 1);
    let (facts, verdict) = judged(&AuthorityQuorum, of, &now);
    assert!(verdict.is_in_sync());
    let round = Round {
        ballot: &now,
        facts: &facts,
        open: 1,
        genesis: genesis(),
    };
    assert!(!round.is_decided(&AuthorityQuorum, &settings, &verdict));
    let fifth = ballot(&[&votes[..], &[(21, 0)]].concat(), 0);
    let (_, later) = judged(&AuthorityQuorum, of, &fifth);
    let below = NoConsensus::BelowConsensus { below: 1 };
    let below = Verdict::Unverified(NetworkError::NoConsensusReached(below));
    assert!(same_row(&later, &below), "{later:?}");
}
