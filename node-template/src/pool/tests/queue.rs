use crate::{
    pool::{Candidate, Coming, Demand, Limits, Origin, Place, Queue, Refusal, Standing},
    runtime::{Call, Extrinsic, Transfer},
};
use codec::Encode;
use proptest::prelude::*;
use sp_core::{Blake2Hasher, Hasher, sr25519};
use std::{collections::BTreeMap, time::Duration};
use sync_component::ports::{MonoTime, PeerId};

pub(super) fn account(id: u8) -> sr25519::Public {
    sr25519::Public::from_raw([id; 32])
}

fn at(seconds: u64) -> MonoTime {
    MonoTime(Duration::from_secs(seconds))
}

/// A transfer of `cost` by account `id`, 10 bytes long.
pub(super) fn candidate(id: u8, nonce: u64, cost: u128) -> Candidate {
    let extrinsic = Extrinsic(Call::Transfer(Transfer {
        from: account(id),
        to: account(0),
        amount: cost,
        nonce,
        signature: sr25519::Signature::from_raw([0; 64]),
    }));
    Candidate {
        hash: Blake2Hasher::hash(&extrinsic.encode()),
        bytes: 10,
        extrinsic,
        demand: Demand {
            sender: account(id),
            nonce,
            cost,
        },
        origin: Origin::Owner,
        coming: Coming::New,
        at: at(0),
    }
}

pub(super) fn of_peer(mut candidate: Candidate) -> Candidate {
    candidate.origin = Origin::Peer(PeerId::from_bytes(b"peer"));
    candidate
}

pub(super) fn standing(nonce: u64, balance: u128) -> Standing {
    Standing {
        nonce,
        balance,
        priority: 10,
    }
}

fn ready(queue: &Queue) -> Vec<(sr25519::Public, u64)> {
    let transfers = queue
        .ready()
        .into_iter()
        .map(|extrinsic| match extrinsic.0 {
            Call::Transfer(transfer) => (transfer.from, transfer.nonce),
            Call::SetTimestamp(_) => panic!("no inherent comes into the pool"),
        });
    transfers.collect()
}

fn small(count: usize) -> Queue {
    Queue::new(Limits {
        count,
        ..Limits::default()
    })
}

#[test]
fn sender_s_extrinsics_are_ready_in_the_order_of_their_nonces_and_without_gaps() {
    let mut queue = small(10);
    let has = standing(3, 100);
    assert_eq!(
        queue.insert(candidate(1, 5, 1), has).unwrap(),
        Place::Waiting
    );
    assert_eq!(queue.insert(candidate(1, 3, 1), has).unwrap(), Place::Ready);
    assert_eq!(ready(&queue), [(account(1), 3)]);
    assert_eq!(queue.next_nonce(&account(1), 3), 4);
    assert_eq!(queue.insert(candidate(1, 4, 1), has).unwrap(), Place::Ready);
    assert_eq!(ready(&queue), [3, 4, 5].map(|nonce| (account(1), nonce)));
    assert_eq!(queue.next_nonce(&account(1), 3), 6);
}

#[test]
fn used_up_far_and_taken_nonces_are_refused() {
    let mut queue = small(10);
    let has = standing(3, 100);
    queue.insert(candidate(1, 3, 1), has).unwrap();
    assert!(matches!(
        queue.insert(candidate(1, 3, 1), has),
        Err(Refusal::Known)
    ));
    assert!(matches!(
        queue.insert(candidate(1, 3, 2), has),
        Err(Refusal::NonceTaken { nonce: 3 })
    ));
    assert!(matches!(
        queue.insert(candidate(1, 2, 1), has),
        Err(Refusal::Stale { nonce: 2, next: 3 })
    ));
    assert!(matches!(
        queue.insert(candidate(1, 4 + 8_192, 1), has),
        Err(Refusal::TooFarAhead { .. })
    ));
}

#[test]
fn what_waits_counts_against_the_balance() {
    let mut queue = small(10);
    let has = standing(0, 10);
    queue.insert(candidate(1, 0, 7), has).unwrap();
    assert!(matches!(
        queue.insert(candidate(1, 1, 4), has),
        Err(Refusal::CannotPay { cost: 4, left: 3 })
    ));
    queue.insert(candidate(1, 1, 3), has).unwrap();
    // Another branch, on which the account has less.
    queue.set_standing(&account(1), standing(0, 8));
    assert_eq!(ready(&queue), [(account(1), 0)]);
    queue.set_standing(&account(1), standing(1, 3));
    assert_eq!(ready(&queue), [(account(1), 1)]);
}

#[test]
fn block_takes_what_its_nonce_uses_up() {
    let mut queue = small(10);
    let has = standing(0, 100);
    for nonce in 0..4 {
        queue.insert(candidate(1, nonce, 1), has).unwrap();
    }
    queue.set_standing(&account(1), standing(3, 97));
    assert_eq!((queue.len(), queue.bytes()), (1, 10));
    queue.set_standing(&account(1), standing(4, 96));
    assert!(queue.is_empty() && queue.senders().is_empty());
    assert_eq!(queue.all().count(), 0);
}

#[test]
fn higher_priority_goes_first_and_then_the_earlier_arrival() {
    let mut queue = small(10);
    let rank = |priority| Standing {
        priority,
        ..standing(0, 100)
    };
    queue.insert(candidate(1, 0, 1), rank(1)).unwrap();
    queue.insert(candidate(2, 0, 1), rank(2)).unwrap();
    queue.insert(candidate(3, 0, 1), rank(2)).unwrap();
    queue.insert(candidate(2, 1, 1), rank(2)).unwrap();
    let order = [(2, 0), (3, 0), (2, 1), (1, 0)];
    assert_eq!(ready(&queue), order.map(|(id, nonce)| (account(id), nonce)));
}

#[test]
fn full_pool_pushes_out_only_what_peers_sent_of_lower_priority() {
    let mut queue = small(3);
    let rank = |priority| Standing {
        priority,
        ..standing(0, 100)
    };
    queue.insert(candidate(1, 0, 1), rank(1)).unwrap();
    queue.insert(of_peer(candidate(2, 0, 1)), rank(1)).unwrap();
    queue.insert(of_peer(candidate(2, 1, 1)), rank(1)).unwrap();
    assert!(matches!(
        queue.insert(of_peer(candidate(3, 0, 1)), rank(1)),
        Err(Refusal::Full {
            count: 3,
            bytes: 30
        })
    ));
    // The last of the sender goes, so that what stays applies.
    queue.insert(of_peer(candidate(3, 0, 1)), rank(2)).unwrap();
    assert_eq!(
        ready(&queue),
        [(3, 0), (1, 0), (2, 0)].map(|(id, nonce)| (account(id), nonce))
    );
    queue.insert(candidate(3, 1, 1), rank(2)).unwrap();
    // What is left is the owner's, or has the same priority.
    assert!(matches!(
        queue.insert(candidate(4, 0, 1), rank(2)),
        Err(Refusal::Full { .. })
    ));
    assert!(queue.contains(&candidate(1, 0, 1).hash));
}

#[test]
fn bytes_are_limited_too_and_what_a_block_gives_back_always_comes_in() {
    let mut queue = Queue::new(Limits {
        bytes: 25,
        ..Limits::default()
    });
    let has = standing(0, 100);
    queue.insert(candidate(1, 1, 1), has).unwrap();
    queue.insert(candidate(1, 2, 1), has).unwrap();
    assert!(matches!(
        queue.insert(candidate(1, 3, 1), has),
        Err(Refusal::Full { .. })
    ));
    let mut back = candidate(1, 0, 1);
    back.coming = Coming::Back;
    queue.insert(back, has).unwrap();
    assert_eq!(queue.ready().len(), 3);
}

/// Seconds that an extrinsic may wait.
const MOST: u64 = 300;

#[test]
fn unready_extrinsics_go_after_a_while_and_ready_ones_stay() {
    let mut queue = small(10);
    let has = standing(0, 100);
    queue.insert(candidate(1, 0, 1), has).unwrap();
    queue.insert(candidate(2, 1, 1), has).unwrap();
    assert_eq!(queue.drop_unready(at(MOST)), 0);
    assert_eq!(queue.drop_unready(at(MOST + 1)), 1);
    assert_eq!(ready(&queue), [(account(1), 0)]);
}

#[test]
fn extrinsic_that_was_ready_for_long_may_wait_as_long_as_a_new_one() {
    let mut queue = small(10);
    queue.insert(candidate(1, 0, 10), standing(0, 100)).unwrap();
    assert_eq!(queue.drop_unready(at(1_000)), 0);
    // A reorganisation takes the sender's money.
    queue.set_standing(&account(1), standing(0, 5));
    assert_eq!(queue.drop_unready(at(1_001)), 0);
    assert_eq!(queue.drop_unready(at(1_001 + MOST)), 0);
    // It comes back for a moment, and the wait begins anew.
    queue.set_standing(&account(1), standing(0, 10));
    assert_eq!(queue.drop_unready(at(1_301)), 0);
    queue.set_standing(&account(1), standing(0, 5));
    assert_eq!(queue.drop_unready(at(1_302)), 0);
    assert_eq!(queue.drop_unready(at(1_302 + MOST)), 0);
    assert_eq!(queue.drop_unready(at(1_303 + MOST)), 1);
}

#[test]
fn what_comes_back_waits_for_its_money_and_is_not_too_far_ahead() {
    let mut queue = small(10);
    let back = |nonce, cost| Candidate {
        coming: Coming::Back,
        ..candidate(1, nonce, cost)
    };
    assert_eq!(
        queue.insert(back(0, 50), standing(0, 10)).unwrap(),
        Place::Waiting
    );
    queue.insert(back(8_193, 1), standing(0, 10)).unwrap();
    queue.set_standing(&account(1), standing(0, 60));
    assert_eq!(ready(&queue), [(account(1), 0)]);
    assert!(matches!(
        queue.insert(back(0, 51), standing(0, 60)),
        Err(Refusal::NonceTaken { nonce: 0 })
    ));
}

#[test]
fn what_the_owner_sends_after_a_peer_is_never_pushed_out() {
    let mut queue = small(1);
    let low = standing(0, 100);
    queue.insert(of_peer(candidate(1, 0, 1)), low).unwrap();
    assert!(matches!(
        queue.insert(candidate(1, 0, 1), low),
        Err(Refusal::Known)
    ));
    // What a peer says of it later changes nothing.
    assert!(matches!(
        queue.insert(of_peer(candidate(1, 0, 1)), low),
        Err(Refusal::Known)
    ));
    let high = Standing {
        priority: 99,
        ..low
    };
    assert!(matches!(
        queue.insert(candidate(2, 0, 1), high),
        Err(Refusal::Full { .. })
    ));
}

#[test]
fn ready_extrinsic_pushes_out_what_only_waits_whatever_its_priority() {
    let mut queue = small(4);
    let rich = Standing {
        priority: 99,
        ..standing(0, 100)
    };
    queue.insert(of_peer(candidate(1, 0, 1)), rich).unwrap();
    for nonce in [2, 3] {
        queue.insert(of_peer(candidate(1, nonce, 1)), rich).unwrap();
    }
    queue.insert(candidate(2, 5, 1), rich).unwrap();
    // One that waits itself does not.
    assert!(matches!(
        queue.insert(of_peer(candidate(3, 1, 1)), standing(0, 100)),
        Err(Refusal::Full { .. })
    ));
    for id in [3, 4] {
        let new = of_peer(candidate(id, 0, 1));
        assert_eq!(queue.insert(new, standing(0, 100)).unwrap(), Place::Ready);
    }
    // What is left is ready, or the owner's.
    assert!(matches!(
        queue.insert(of_peer(candidate(5, 0, 1)), standing(0, 100)),
        Err(Refusal::Full { .. })
    ));
    assert_eq!(ready(&queue), [1, 3, 4].map(|id| (account(id), 0)));
    assert!(queue.contains(&candidate(2, 5, 1).hash));
}

#[test]
fn refused_extrinsic_stays_out_for_a_while_but_not_if_a_block_gives_it_back() {
    let mut queue = small(4);
    let has = standing(0, 100);
    let one = candidate(1, 0, 1);
    queue.insert(one.clone(), has).unwrap();
    assert!(queue.refuse(&one.hash, at(10)));
    assert!(!queue.refuse(&candidate(2, 0, 1).hash, at(10)));
    assert!(matches!(
        queue.insert(one.clone(), has),
        Err(Refusal::Refused)
    ));
    let back = Candidate {
        coming: Coming::Back,
        ..one.clone()
    };
    queue.insert(back, has).unwrap();
    queue.refuse(&one.hash, at(10));
    queue.insert(Candidate { at: at(10), ..one }, has).unwrap();
}

#[test]
fn closed_pool_gives_everything_away_and_takes_nothing_more() {
    let mut queue = small(4);
    let has = standing(0, 100);
    queue.insert(candidate(2, 0, 1), has).unwrap();
    queue.insert(of_peer(candidate(1, 0, 1)), has).unwrap();
    let peer = of_peer(candidate(1, 0, 1)).origin;
    assert_eq!(
        queue.close(),
        [
            (candidate(2, 0, 1).extrinsic, Origin::Owner),
            (candidate(1, 0, 1).extrinsic, peer)
        ]
    );
    assert!(queue.is_empty() && queue.bytes() == 0 && queue.ready().is_empty());
    assert!(matches!(
        queue.insert(candidate(3, 0, 1), has),
        Err(Refusal::Stopping)
    ));
}

#[test]
fn arrivals_are_told_from_any_point_on() {
    let mut queue = small(10);
    let has = standing(0, 100);
    for nonce in 0..3 {
        queue.insert(candidate(1, nonce, 1), has).unwrap();
    }
    queue.set_standing(&account(1), standing(1, 99));
    let numbers = |after| {
        queue
            .after(after)
            .map(|entry| entry.arrival)
            .collect::<Vec<_>>()
    };
    assert_eq!(numbers(0), [2, 3]);
    assert_eq!(numbers(2), [3]);
    assert_eq!(numbers(3), [0; 0]);
}

proptest! {
    /// Whatever comes and goes: the limits hold, the sums are right, and what is ready applies one after the other.
    #[test]
    fn books_are_right_whatever_happens(
        steps in prop::collection::vec((0..4_u8, 0..6_u64, 0..8_u128, any::<bool>(), 0..4_u8), 1..200)
    ) {
        let mut queue = small(12);
        let mut states: BTreeMap<u8, Standing> = BTreeMap::new();
        for (id, nonce, cost, is_peers, what) in steps {
            let state = *states.entry(id).or_insert_with(|| Standing { priority: id, ..standing(0, 20) });
            if what == 0 {
                let moved = Standing { nonce: nonce.max(state.nonce), balance: cost * 4, ..state };
                states.insert(id, moved);
                queue.set_standing(&account(id), moved);
            } else {
                let new = candidate(id, nonce, cost);
                let new = if is_peers { of_peer(new) } else { new };
                let _ = queue.insert(new, state);
            }
            prop_assert!(queue.len() <= 12);
            prop_assert_eq!(queue.all().count(), queue.len());
            prop_assert_eq!(queue.bytes(), queue.len() * 10);
            let mut left: BTreeMap<sr25519::Public, (u64, u128)> = states
                .iter()
                .map(|(id, state)| (account(*id), (state.nonce, state.balance)))
                .collect();
            for extrinsic in queue.ready() {
                let Call::Transfer(transfer) = extrinsic.0 else { unreachable!() };
                let (next, balance) = left.get_mut(&transfer.from).unwrap();
                prop_assert_eq!(transfer.nonce, *next);
                *next += 1;
                *balance = balance.checked_sub(transfer.amount).unwrap();
            }
        }
    }
}
