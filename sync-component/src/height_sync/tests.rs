use super::{
    Ballot, Electorate, HeightMajority, Lineage, Side, Tally, Voter,
    attested::Attester,
    heard::Heard,
    judging::{minority, most_against},
    rows::{Alarms, DeepFork, Facts, Future, Turnout, VoteRule, outcome},
};
use crate::{
    BlockId, SyncSettings,
    error::{Apart, NetworkError, NoConsensus},
    registry::HeightStrategy,
    settings::{JoinWindows, Threshold},
    status::{CriticalReason, GapRemedy, SyncStatus, Verdict},
    test_kit::SmallBlock,
};
use proptest::prelude::*;
use sp_core::{H256, sr25519};
use std::time::Duration;

type Id = BlockId<SmallBlock>;

fn id(number: u32, branch: u8) -> Id {
    BlockId::new(number, H256::repeat_byte(branch))
}

fn ballot(voters: Vec<Voter<SmallBlock>>) -> Ballot<SmallBlock> {
    Ballot {
        ours: id(10, 1),
        threshold: Threshold::default(),
        voters,
        silent: 0,
    }
}

fn with_us(number: u32) -> Voter<SmallBlock> {
    Voter {
        tip: id(number, 1),
        side: Side::WithUs,
        chain: Lineage::on_our_chain(id(number.min(10), 1)),
    }
}

fn against(number: u32, branch: u8) -> Voter<SmallBlock> {
    Voter {
        tip: id(number, branch),
        side: Side::Against,
        chain: Lineage::leaving(id(0, 1), (1..=number).map(|at| id(at, branch)).collect()),
    }
}

fn tally(voters: Vec<Voter<SmallBlock>>) -> Tally<SmallBlock> {
    HeightMajority.tally(&ballot(voters))
}

#[test]
fn common_height_needs_need_of_n_voters() {
    let four = tally(vec![with_us(10), with_us(10), with_us(10), with_us(9)]);
    assert_eq!(
        (four.need, four.with_us, four.consensus),
        (3, 4, Some(id(10, 1)))
    );
    let split = tally(vec![with_us(10), with_us(10), with_us(9), with_us(9)]);
    assert_eq!(split.consensus, None);
    assert_eq!(tally(Vec::new()).consensus, None);
}

#[test]
fn most_common_hash_at_the_common_height_is_the_consensus_block() {
    let counted = tally(vec![against(10, 7), against(10, 7), with_us(10)]);
    assert_eq!((counted.consensus, counted.with_us), (Some(id(10, 7)), 1));
}

fn facts(tally: Tally<SmallBlock>) -> Facts<SmallBlock> {
    Facts {
        ours: id(10, 1),
        turnout: Turnout {
            connected: 4,
            responses: 4,
            required: 2,
            waited: Duration::ZERO,
        },
        tally,
        electorate: Electorate::Peers,
        silent: 0,
        gap: None,
        deep_forks: Vec::new(),
        apart: None,
        alarms: Alarms {
            foreign_seal: None,
            conflict: None,
            faulty: None,
            future: Future {
                voters: 0,
                of: 4,
                most: 2,
            },
        },
        behind: 0,
        ahead_for: Duration::ZERO,
        slot: Duration::from_secs(6),
        rule: VoteRule::Votes,
    }
}

fn agreeing() -> Facts<SmallBlock> {
    facts(tally(vec![with_us(10); 4]))
}

fn judged(facts: &Facts<SmallBlock>) -> Verdict<SmallBlock> {
    outcome(facts, &SyncSettings::default())
}

#[test]
fn gaps_fall_into_their_rows_at_the_bounds() {
    let cases = [
        (1, SyncStatus::SmallGap(1)),
        (5, SyncStatus::SmallGap(5)),
        (6, SyncStatus::MediumGap(6)),
        (100, SyncStatus::MediumGap(100)),
        (101, SyncStatus::LargeGap(101)),
        (1_000, SyncStatus::LargeGap(1_000)),
    ];
    for (gap, expected) in cases {
        let verdict = judged(&Facts {
            gap: Some(gap),
            ..agreeing()
        });
        assert!(
            matches!(&verdict, Verdict::Known(status) if *status == expected),
            "{gap}: {verdict:?}"
        );
    }
    let beyond = judged(&Facts {
        gap: Some(1_001),
        ..agreeing()
    });
    let Verdict::Known(SyncStatus::Critical(reason @ CriticalReason::Gap { .. })) = beyond else {
        panic!("{beyond:?}");
    };
    assert!(reason.to_string().contains("no action needed"));
}

#[test]
fn critical_gap_without_windows_names_the_operators_command() {
    let mut settings = SyncSettings::default();
    settings.tier2.join_windows = JoinWindows::Operator;
    let verdict = outcome(
        &Facts {
            gap: Some(2_000),
            ..agreeing()
        },
        &settings,
    );
    let Verdict::Known(SyncStatus::Critical(reason)) = verdict else {
        panic!("{verdict:?}")
    };
    assert!(reason.to_string().contains("node-template resync"));
}

#[test]
fn nobody_silent_and_too_few_are_never_in_sync() {
    let turnout = |connected, responses| Turnout {
        connected,
        responses,
        required: 2,
        waited: Duration::ZERO,
    };
    let nobody = judged(&Facts {
        turnout: turnout(0, 0),
        ..agreeing()
    });
    assert!(matches!(
        nobody,
        Verdict::Unverified(NetworkError::NoPeersAvailable)
    ));
    let silent = judged(&Facts {
        turnout: turnout(4, 0),
        ..agreeing()
    });
    assert!(matches!(
        silent,
        Verdict::Unverified(NetworkError::Timeout { .. })
    ));
    let few = judged(&Facts {
        turnout: turnout(4, 1),
        ..agreeing()
    });
    assert!(matches!(
        few,
        Verdict::Unverified(NetworkError::NoConsensusReached(
            NoConsensus::TooFewResponses { .. }
        ))
    ));
}

#[test]
fn deep_fork_is_critical_only_with_need_of_the_voters() {
    let fork = |voters| DeepFork {
        tip: id(40, 7),
        ancestor: id(2, 1),
        voters,
    };
    let tally = tally(vec![
        against(40, 7),
        against(40, 7),
        against(40, 7),
        with_us(10),
    ]);
    let enough = judged(&Facts {
        deep_forks: vec![fork(3)],
        ..facts(tally.clone())
    });
    assert!(matches!(
        enough,
        Verdict::Known(SyncStatus::Critical(CriticalReason::Fork { .. }))
    ));
    let few = judged(&Facts {
        deep_forks: vec![fork(2)],
        ..facts(tally)
    });
    assert!(matches!(
        few,
        Verdict::Unverified(NetworkError::NoConsensusReached(NoConsensus::Split { .. }))
    ));
}

#[test]
fn only_the_fork_that_the_verdict_is_about_is_no_minority() {
    let fork = |ancestor| DeepFork {
        tip: id(40, 7),
        ancestor: id(ancestor, 1),
        voters: 1,
    };
    let critical = |reason| Verdict::Known(SyncStatus::Critical(reason));
    let of_two = critical(CriticalReason::Fork {
        ours: id(10, 1),
        theirs: id(41, 8),
        ancestor: id(2, 1),
    });
    assert_eq!(minority(&fork(2), &of_two), None);
    assert!(minority(&fork(3), &of_two).is_some());
    let behind = critical(CriticalReason::Gap {
        gap: 2_000,
        remedy: GapRemedy::Windows,
    });
    assert!(minority(&fork(2), &behind).is_some());
    assert_eq!(
        minority(
            &DeepFork {
                voters: 0,
                ..fork(3)
            },
            &behind
        ),
        None
    );
}

#[test]
fn split_that_no_waiting_ends_names_the_command_that_does() {
    let tally = tally(vec![
        against(40, 7),
        against(40, 7),
        with_us(10),
        with_us(10),
    ]);
    let words = |voters| {
        let apart = Some(Apart {
            voters,
            ancestor: 2,
        });
        let verdict = judged(&Facts {
            apart,
            ..facts(tally.clone())
        });
        match verdict {
            Verdict::Unverified(reason) => reason.to_string(),
            known @ Verdict::Known(_) => panic!("split: {known:?}"),
        }
    };
    assert!(words(2).contains("resync --checkpoint"), "{}", words(2));
    assert!(!words(1).contains("resync"), "{}", words(1));
}

#[test]
fn being_far_ahead_is_critical_after_a_slot() {
    let at = |seconds| Facts {
        behind: 3,
        ahead_for: Duration::from_secs(seconds),
        ..agreeing()
    };
    assert!(matches!(
        judged(&at(1)),
        Verdict::Unverified(NetworkError::NoConsensusReached(NoConsensus::Ahead { .. }))
    ));
    assert!(matches!(
        judged(&at(7)),
        Verdict::Known(SyncStatus::Critical(CriticalReason::Ahead { .. }))
    ));
}

#[test]
fn chain_without_votes_is_stopped_only_by_a_verified_gap() {
    let turnout = Turnout {
        connected: 0,
        responses: 0,
        required: 1,
        waited: Duration::ZERO,
    };
    let alone = Facts {
        rule: VoteRule::NoVotes,
        turnout,
        ..facts(tally(Vec::new()))
    };
    assert!(judged(&alone).is_in_sync());
    assert!(
        !judged(&Facts {
            gap: Some(1),
            ..alone
        })
        .is_in_sync()
    );
}

proptest! {
    #[test]
    fn order_of_the_answers_never_matters(
        mut votes in prop::collection::vec((8_u32..12, 1_u8..4), 0..12),
        seed in any::<u64>(),
    ) {
        let voter = |(number, branch): (u32, u8)| {
            if branch == 1 { with_us(number) } else { against(number, branch) }
        };
        let before = tally(votes.iter().copied().map(voter).collect());
        let turn = usize::try_from(seed % 12).unwrap_or(0);
        if !votes.is_empty() {
            let turn = turn % votes.len();
            votes.rotate_left(turn);
            votes.reverse();
        }
        prop_assert_eq!(tally(votes.into_iter().map(voter).collect()), before);
    }

    #[test]
    fn vote_with_us_never_takes_a_clearance_away(
        votes in prop::collection::vec((10_u32..11, 1_u8..3), 1..12),
    ) {
        let voter = |(number, branch): (u32, u8)| {
            if branch == 1 { with_us(number) } else { against(number, branch) }
        };
        let mut voters: Vec<_> = votes.into_iter().map(voter).collect();
        let before = judged(&facts(tally(voters.clone()))).is_in_sync();
        voters.push(with_us(10));
        let after = judged(&facts(tally(voters))).is_in_sync();
        prop_assert!(!before || after);
    }
}

/// Facts of a node with which all agree.
fn agreed() -> Facts<SmallBlock> {
    facts(tally(vec![with_us(10); 4]))
}

fn with_alarms(alarms: Alarms<SmallBlock>) -> Facts<SmallBlock> {
    Facts { alarms, ..agreed() }
}

#[test]
fn alarms_outweigh_any_vote() {
    let quiet = agreed().alarms;
    assert!(judged(&agreed()).is_in_sync());
    let table = [
        Alarms {
            foreign_seal: Some(id(9, 1)),
            ..quiet
        },
        Alarms {
            conflict: Some((id(4, 1), id(5, 2))),
            ..quiet
        },
        Alarms {
            faulty: Some(id(11, 3)),
            ..quiet
        },
    ];
    for alarms in table {
        let verdict = judged(&with_alarms(alarms));
        assert!(
            matches!(verdict, Verdict::Known(SyncStatus::Critical(_))),
            "{alarms:?}: {verdict:?}"
        );
        let alone = Facts {
            rule: VoteRule::NoVotes,
            ..with_alarms(alarms)
        };
        assert!(!judged(&alone).is_in_sync(), "{alarms:?}");
    }
}

#[test]
fn clock_is_suspect_when_most_peers_blocks_lie_in_the_future() {
    let future = |voters| {
        with_alarms(Alarms {
            future: Future {
                voters,
                of: 4,
                most: 2,
            },
            ..agreed().alarms
        })
    };
    assert!(judged(&future(2)).is_in_sync());
    let verdict = judged(&future(3));
    assert!(
        matches!(
            verdict,
            Verdict::Unverified(NetworkError::ClockSuspect { voters: 3, of: 4 })
        ),
        "{verdict:?}"
    );
}

/// With one other authority on each of two blocks, and our last word for the one that we have just left, both would outvote us in turn.
#[test]
fn own_word_for_the_block_that_we_left_is_not_against_us() {
    let key = |number: u8| sr25519::Public::from_raw([number; 32]);
    let mut heard = Heard::nobody(id(10, 1), Threshold::default(), 3, Electorate::Authorities);
    heard.attesters = [(1, 2), (2, 2), (3, 3)]
        .map(|(authority, branch)| {
            let voter = against(10, branch);
            Attester {
                authority: key(authority),
                tip: voter.tip,
                chain: voter.chain,
            }
        })
        .into();
    let against = |own: &[u8]| {
        let own: Vec<_> = own.iter().copied().map(key).collect();
        most_against(&heard, &own)
    };
    assert_eq!(against(&[]), Some((id(10, 2), 2)));
    assert_eq!(against(&[1, 2]), Some((id(10, 3), 1)));
    assert_eq!(against(&[1, 2, 3]), None);
}
