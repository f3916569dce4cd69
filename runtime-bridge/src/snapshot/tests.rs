#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use super::{
    is_whole, prove, verify,
    walk::{WalkEnd, Walked},
};
use crate::{
    execute::first_state,
    store::{Changes, Head, Store, column},
};
use proptest::prelude::*;
use sp_core::H256;
use sp_runtime::{OpaqueExtrinsic, generic, traits::BlakeTwo256};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use sync_component::{
    BlockId,
    ports::{ProofBudget, ProofFault, StateProof},
    wire::STATE_KEY_BYTES,
};

type Block = generic::Block<generic::Header<u32, BlakeTwo256>, OpaqueExtrinsic>;
type Entries = BTreeMap<Vec<u8>, Vec<u8>>;

/// A state in a store.
struct World {
    entries: Entries,
    root: H256,
    store: Store<Block>,
}

fn store_with(nodes: impl IntoIterator<Item = (H256, Vec<u8>)>) -> Store<Block> {
    let store = Store::new(Arc::new(kvdb_memorydb::create(column::COUNT)));
    let changes = Changes {
        nodes: nodes.into_iter().collect(),
        ..Changes::default()
    };
    let head = Head::genesis(BlockId::new(0, H256::zero()));
    store.write(&changes, &head).unwrap();
    store
}

impl World {
    fn new(entries: Entries) -> Self {
        let changes = entries
            .iter()
            .map(|(key, value)| (key.clone(), Some(value.clone())));
        let (root, nodes) = first_state(&changes.collect()).unwrap();
        let store = store_with(nodes);
        Self {
            entries,
            root,
            store,
        }
    }

    fn proof(&self, after: Option<&[u8]>, soft: usize) -> StateProof {
        let budget = ProofBudget {
            soft,
            hard: 1 << 20,
            nodes: usize::MAX,
        };
        prove(&self.store, self.root, after, budget)
            .unwrap()
            .unwrap()
    }

    /// The keys after `after`.
    fn keys_after(&self, after: Option<&[u8]>) -> Vec<&Vec<u8>> {
        let keys = self.entries.keys();
        keys.filter(|key| after.is_none_or(|after| key.as_slice() > after))
            .collect()
    }

    /// Whatever a proof says must be so.
    fn is_true(&self, after: Option<&[u8]>, walked: &Walked) {
        let keys = self.keys_after(after);
        let count = usize::try_from(walked.entries).unwrap();
        assert!(count <= keys.len());
        let last = count.checked_sub(1).map(|at| keys[at].as_slice());
        assert_eq!(walked.last.as_deref(), last.or(after));
        if walked.end == WalkEnd::Whole {
            assert_eq!(count, keys.len());
        }
    }

    fn verdict(&self, after: Option<&[u8]>, nodes: &[Vec<u8>]) -> Result<Walked, ProofFault> {
        let proof = StateProof(nodes.to_vec());
        verify(self.root, after, &proof).map(|(walked, _)| walked)
    }
}

/// Keys of several lengths, some of them the beginning of others, and values in and out of their nodes.
fn some_entries(count: u16) -> Entries {
    let entry = |n: u16| {
        let mut key = vec![b'a' + (n % 3).to_le_bytes()[0]];
        key.extend(vec![(n / 7).to_le_bytes()[0]; usize::from(n % 5)]);
        key.extend(n.to_be_bytes());
        (key, vec![n.to_le_bytes()[0]; 1 + usize::from(n * 13 % 70)])
    };
    let mut entries: Entries = (0..count).map(entry).collect();
    entries.insert(Vec::new(), b"the empty key".to_vec());
    entries.insert(b"a".to_vec(), vec![7; 50]);
    entries
}

#[test]
fn whole_state_arrives_in_pieces_of_every_size() {
    let world = World::new(some_entries(300));
    for soft in [0, 1, 300, 2_000, 10_000, 1 << 20] {
        let (mut after, mut entries, mut nodes) = (None, 0, BTreeMap::new());
        loop {
            let proof = world.proof(after.as_deref(), soft);
            let (walked, hashes) = verify(world.root, after.as_deref(), &proof).unwrap();
            world.is_true(after.as_deref(), &walked);
            entries += walked.entries;
            nodes.extend(hashes.into_iter().zip(proof.0));
            if walked.end == WalkEnd::Whole {
                break;
            }
            after = walked.last;
        }
        assert_eq!(entries, world.entries.len() as u64);
        let copy = store_with(nodes);
        assert!(is_whole(&copy, world.root, entries).unwrap(), "{soft}");
        assert!(!is_whole(&copy, world.root, entries + 1).unwrap());
    }
}

#[test]
fn pieces_stay_within_their_budget_but_for_a_single_entry() {
    let mut entries = some_entries(200);
    entries.insert(b"b-large".to_vec(), vec![1; 5_000]);
    let world = World::new(entries);
    let mut after = None;
    let mut larger = 0;
    loop {
        let proof = world.proof(after.as_deref(), 1_500);
        let bytes: usize = proof.0.iter().map(Vec::len).sum();
        let walked = world.verdict(after.as_deref(), &proof.0).unwrap();
        if bytes > 1_500 {
            // Without its last node it would prove nothing: it is the one entry with the way to it.
            let shorter = world.verdict(after.as_deref(), &proof.0[..proof.0.len() - 1]);
            assert_eq!(shorter, Err(ProofFault::NoEntry));
            larger += 1;
        }
        if walked.end == WalkEnd::Whole {
            break;
        }
        after = walked.last;
    }
    assert!(larger >= 1, "the large value breaks it");
}

#[test]
fn entry_that_breaks_the_hard_budget_is_not_proven() {
    let world = World::new([(b"key".to_vec(), vec![1; 5_000])].into());
    let budget = ProofBudget {
        soft: 100,
        hard: 4_000,
        nodes: usize::MAX,
    };
    let proof = prove(&world.store, world.root, None, budget).unwrap();
    assert_eq!(proof, None);
}

#[test]
fn pieces_stay_within_their_nodes_but_for_the_way_to_a_single_entry() {
    let world = World::new(some_entries(200));
    for nodes in [1, 20] {
        let budget = ProofBudget {
            soft: 1 << 20,
            hard: 1 << 20,
            nodes,
        };
        let (mut after, mut entries) = (None, 0);
        loop {
            let proof = prove(&world.store, world.root, after.as_deref(), budget);
            let proof = proof.unwrap().unwrap();
            let walked = world.verdict(after.as_deref(), &proof.0).unwrap();
            if proof.0.len() > nodes {
                let shorter = world.verdict(after.as_deref(), &proof.0[..proof.0.len() - 1]);
                assert_eq!(shorter, Err(ProofFault::NoEntry));
            }
            entries += walked.entries;
            if walked.end == WalkEnd::Whole {
                break;
            }
            after = walked.last;
        }
        assert_eq!(entries, world.entries.len() as u64, "{nodes}");
    }
}

/// What cannot be sent, in a node of its own and inside that of an entry before it, which cannot be sent without it.
#[test]
fn state_with_a_key_too_long_for_the_protocol_is_proven_up_to_it() {
    let long = vec![b'm'; STATE_KEY_BYTES + 1];
    let before = long[..STATE_KEY_BYTES].to_vec();
    for around in [None, Some(before)] {
        let mut entries = some_entries(100);
        let ours: Vec<_> = entries.keys().cloned().collect();
        entries.insert(long.clone(), vec![1]);
        entries.extend(around.map(|key| (key, vec![3])));
        entries.insert(b"z".to_vec(), vec![2]);
        let world = World::new(entries);
        let budget = ProofBudget {
            soft: 1_000,
            hard: 1 << 20,
            nodes: usize::MAX,
        };
        let (mut after, mut count) = (None, 0);
        while let Some(proof) = prove(&world.store, world.root, after.as_deref(), budget).unwrap() {
            let walked = world.verdict(after.as_deref(), &proof.0).unwrap();
            assert_eq!(walked.end, WalkEnd::Cut);
            count += walked.entries;
            after = walked.last;
        }
        assert_eq!(after.as_ref(), ours.last());
        assert_eq!(count, ours.len() as u64);
    }
}

#[test]
fn node_that_the_store_damaged_is_not_taken_for_one_that_cannot_be_sent() {
    let world = World::new(some_entries(100));
    let broken = (world.root, vec![0xff; 9]);
    let store = store_with([broken]);
    let budget = ProofBudget {
        soft: 1_000,
        hard: 1 << 20,
        nodes: usize::MAX,
    };
    let error = prove(&store, world.root, None, budget).unwrap_err();
    assert!(error.to_string().contains("damaged"), "{error}");
}

#[test]
fn state_that_is_not_stored_is_not_proven() {
    let world = World::new(some_entries(10));
    let budget = ProofBudget {
        soft: 1,
        hard: 1,
        nodes: 1,
    };
    let other = H256::repeat_byte(9);
    assert_eq!(prove(&world.store, other, None, budget).unwrap(), None);
}

#[test]
fn state_without_entries_is_whole_at_once() {
    let world = World::new(Entries::new());
    let proof = world.proof(None, 100);
    let walked = world.verdict(None, &proof.0).unwrap();
    assert_eq!((walked.entries, walked.end), (0, WalkEnd::Whole));
    assert_eq!(world.verdict(None, &[]), Err(ProofFault::NoEntry));
}

#[test]
fn after_the_last_key_there_is_nothing_more() {
    let world = World::new(some_entries(40));
    let last = world.entries.keys().next_back().cloned();
    let proof = world.proof(last.as_deref(), 1 << 20);
    let walked = world.verdict(last.as_deref(), &proof.0).unwrap();
    assert_eq!((walked.entries, walked.end), (0, WalkEnd::Whole));
    assert_eq!(walked.last, last);
}

/// One table: what is done to a good proof, and what is said of it.
#[test]
fn every_change_of_a_proof_is_refused_but_a_cut_which_proves_less() {
    let world = World::new(some_entries(120));
    for (after, soft) in [
        (None, 1 << 20),
        (None, 2_000),
        (Some(&b"a\x05"[..]), 2_000),
        (Some(&b"b"[..]), 1 << 20),
    ] {
        let good = world.proof(after, soft).0;
        let whole = world.verdict(after, &good).unwrap();
        let foreign = world.proof(Some(b"c"), 1 << 20).0;
        for at in 0..good.len() {
            let mut dropped = good.clone();
            dropped.remove(at);
            if at + 1 < good.len() {
                let fault = world.verdict(after, &dropped);
                assert_eq!(fault, Err(ProofFault::WrongNode { index: at }), "drop {at}");
            }
            let mut repeated = good.clone();
            repeated.insert(at, good[at].clone());
            let fault = world.verdict(after, &repeated).unwrap_err();
            let (here, next) = (at, at + 1);
            assert!(
                matches!(fault, ProofFault::WrongNode { index } if index == here || index == next)
                    || fault == ProofFault::Surplus { left: 1 },
                "repeat {at}: {fault}"
            );
            let mut altered = good.clone();
            let middle = altered[at].len() / 2;
            altered[at][middle] ^= 1;
            let fault = world.verdict(after, &altered);
            assert_eq!(
                fault,
                Err(ProofFault::WrongNode { index: at }),
                "alter {at}"
            );
            let mut added = good.clone();
            added.insert(at, foreign.last().unwrap().clone());
            if added[at] != good[at] {
                let fault = world.verdict(after, &added);
                assert_eq!(fault, Err(ProofFault::WrongNode { index: at }), "add {at}");
            }
            let cut = &good[..at];
            match world.verdict(after, cut) {
                Ok(less) => {
                    world.is_true(after, &less);
                    assert_eq!(less.end, WalkEnd::Cut, "cut {at}");
                    assert!(less.entries <= whole.entries);
                }
                Err(fault) => assert_eq!(fault, ProofFault::NoEntry, "cut {at}"),
            }
            for other in at + 1..good.len() {
                let mut swapped = good.clone();
                swapped.swap(at, other);
                if swapped != good {
                    let fault = world.verdict(after, &swapped);
                    assert_eq!(fault, Err(ProofFault::WrongNode { index: at }), "swap {at}");
                }
            }
        }
        let mut longer = good.clone();
        longer.push(foreign[0].clone());
        let fault = world.verdict(after, &longer).unwrap_err();
        match whole.end {
            WalkEnd::Whole => assert_eq!(fault, ProofFault::Surplus { left: 1 }),
            WalkEnd::Cut => assert_eq!(fault, ProofFault::WrongNode { index: good.len() }),
        }
    }
}

#[test]
fn state_with_one_entry_less_more_or_other_is_refused_at_its_root() {
    let world = World::new(some_entries(60));
    let mut others = Vec::new();
    for key in world.entries.keys() {
        let mut less = world.entries.clone();
        less.remove(key);
        others.push(less);
        let mut other = world.entries.clone();
        other.insert(key.clone(), b"more money".to_vec());
        others.push(other);
        let mut more = world.entries.clone();
        more.insert([&key[..], b"2"].concat(), b"money".to_vec());
        others.push(more);
    }
    for entries in others {
        let proof = World::new(entries).proof(None, 1 << 20);
        let fault = world.verdict(None, &proof.0);
        assert_eq!(fault, Err(ProofFault::WrongNode { index: 0 }));
    }
}

#[test]
fn node_that_is_none_of_a_state_is_refused_even_if_it_has_the_hash() {
    use sp_core::{Blake2Hasher, Hasher};
    let rubbish = vec![0xff; 40];
    let root = Blake2Hasher::hash(&rubbish);
    let verdict = verify(root, None, &StateProof(vec![rubbish]));
    assert!(matches!(verdict, Err(ProofFault::Malformed { index: 0 })));
}

#[test]
fn store_that_lost_or_bent_a_node_does_not_hold_the_whole_state() {
    let world = World::new(some_entries(50));
    let proof = world.proof(None, 1 << 20);
    let (walked, hashes) = verify(world.root, None, &proof).unwrap();
    let nodes: Vec<_> = hashes.into_iter().zip(proof.0).collect();
    let distinct: BTreeSet<_> = nodes.iter().cloned().collect();
    for lost in &distinct {
        let rest = distinct.iter().filter(|node| *node != lost).cloned();
        let store = store_with(rest);
        assert!(!is_whole(&store, world.root, walked.entries).unwrap());
        let bent = distinct.iter().cloned().map(|(hash, mut node)| {
            if hash == lost.0 {
                node[0] ^= 0x20;
            }
            (hash, node)
        });
        let store = store_with(bent);
        assert!(!is_whole(&store, world.root, walked.entries).unwrap());
    }
}

/// What a sender may do to a proof, several times.
#[derive(Clone, Debug)]
enum Change {
    Drop(usize),
    Repeat(usize),
    Swap(usize, usize),
    Flip(usize, usize, u8),
    Graft(usize, usize),
    Cut(usize),
}

fn change() -> impl Strategy<Value = Change> {
    let at = 0..64_usize;
    prop_oneof![
        at.clone().prop_map(Change::Drop),
        at.clone().prop_map(Change::Repeat),
        (at.clone(), at.clone()).prop_map(|(a, b)| Change::Swap(a, b)),
        (at.clone(), at.clone(), 1..=255_u8).prop_map(|(a, b, c)| Change::Flip(a, b, c)),
        (at.clone(), at.clone()).prop_map(|(a, b)| Change::Graft(a, b)),
        at.prop_map(Change::Cut),
    ]
}

fn changed(mut nodes: Vec<Vec<u8>>, other: &[Vec<u8>], changes: &[Change]) -> Vec<Vec<u8>> {
    for change in changes {
        let count = nodes.len();
        if count == 0 {
            return nodes;
        }
        match *change {
            Change::Drop(at) => drop(nodes.remove(at % count)),
            Change::Repeat(at) => nodes.insert(at % count, nodes[at % count].clone()),
            Change::Swap(a, b) => nodes.swap(a % count, b % count),
            Change::Flip(at, byte, bits) => {
                let node = &mut nodes[at % count];
                let byte = byte % node.len();
                node[byte] ^= bits;
            }
            Change::Graft(at, from) => {
                nodes.insert(at % count, other[from % other.len()].clone());
            }
            Change::Cut(at) => nodes.truncate(at % count),
        }
    }
    nodes
}

fn entries() -> impl Strategy<Value = Entries> {
    let key = prop::collection::vec(0..4_u8, 0..5);
    let value = prop::collection::vec(any::<u8>(), 1..60);
    prop::collection::btree_map(key, value, 1..40)
}

proptest! {
    /// Whatever is done to a proof: if it is taken, then what it says is true.
    #[test]
    fn what_is_taken_is_true(
        (ours, theirs) in (entries(), entries()),
        after in prop::option::of(prop::collection::vec(0..4_u8, 0..5)),
        soft in 0..800_usize,
        changes in prop::collection::vec(change(), 0..4),
    ) {
        let (world, other) = (World::new(ours), World::new(theirs));
        let after = after.as_deref();
        let budget = ProofBudget { soft, hard: 1 << 20, nodes: usize::MAX };
        let good = prove(&world.store, world.root, after, budget).unwrap().unwrap().0;
        let other = other.proof(None, 1 << 20).0;
        let nodes = changed(good.clone(), &other, &changes);
        if let Ok(walked) = world.verdict(after, &nodes) {
            world.is_true(after, &walked);
            prop_assert!(good.starts_with(&nodes));
        }
        if nodes == good {
            prop_assert!(world.verdict(after, &nodes).is_ok());
        }
    }
}
