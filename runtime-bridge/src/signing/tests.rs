#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use super::*;
use proptest::prelude::*;
use std::{collections::BTreeSet, fs};

fn key(seed: u8) -> sr25519::Pair {
    sr25519::Pair::from_seed(&[seed; 32])
}

fn open(path: &Path) -> Signed {
    match Signed::open(path, KeystoreState::Empty, &[]).unwrap() {
        Opening::Ready(signed) => signed,
        Opening::MustWait(_) => panic!("an empty keystore has nothing to wait for"),
    }
}

#[test]
fn same_or_lower_slot_is_never_sealed_again_not_even_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("signed");
    open(&path).seal(&key(1), 10.into(), b"a").unwrap();
    let signed = open(&path);
    for slot in [10_u64, 9, 0] {
        let refused = signed.seal(&key(1), slot.into(), b"b");
        assert!(
            matches!(refused, Err(SigningError::AlreadySealed { .. })),
            "{refused:?}"
        );
    }
    signed
        .seal(&key(2), 10.into(), b"another key is another record")
        .unwrap();
    signed.seal(&key(1), 11.into(), b"b").unwrap();
}

#[test]
fn record_is_closed_once_nobody_can_write_to_it_any_more() {
    let folder = tempfile::tempdir().unwrap();
    let opening = |name: &str, state| {
        let path = folder.path().join(name);
        Signed::open(&path, state, &[]).unwrap()
    };
    let ready = opening("new", KeystoreState::Empty);
    let closing = ready.closing();
    let Opening::Ready(signed) = ready else {
        panic!("an empty keystore has nothing to wait for");
    };
    let signed = std::sync::Arc::new(signed);
    let job = signed.clone();
    drop(signed);
    assert!(!closing.is_closed(), "a job may still sign");
    drop(job);
    assert!(closing.is_closed());

    let lost = opening("lost", KeystoreState::HoldsKeys);
    let closing = lost.closing();
    let Opening::MustWait(waiting) = lost else {
        panic!("a lost record has to wait");
    };
    let signed = waiting.finish(50.into()).unwrap();
    assert!(!closing.is_closed());
    drop(signed);
    assert!(closing.is_closed());
}

#[test]
fn lost_record_with_keys_has_to_wait_and_starts_at_the_end_of_the_wait() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("signed");
    let Opening::MustWait(waiting) = Signed::open(&path, KeystoreState::HoldsKeys, &[]).unwrap()
    else {
        panic!("a lost record has to wait");
    };
    let signed = waiting.finish(50.into()).unwrap();
    assert!(signed.seal(&key(1), 50.into(), b"a").is_err());
    signed.seal(&key(1), 51.into(), b"a").unwrap();
    assert!(matches!(
        Signed::open(&path, KeystoreState::HoldsKeys, &[]).unwrap(),
        Opening::Ready(_)
    ));
}

#[test]
fn key_of_which_the_record_says_nothing_has_to_wait_and_the_others_keep_their_slots() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("signed");
    open(&path).seal(&key(1), 10.into(), b"a").unwrap();
    let both = [key(1).public(), key(2).public()];
    // Its old node may have sealed slot 11 a moment ago, whatever the keystore was like.
    for keystore in [KeystoreState::Empty, KeystoreState::HoldsKeys] {
        let opened = Signed::open(&path, keystore, &both).unwrap();
        assert!(matches!(opened, Opening::MustWait(_)), "{opened:?}");
    }
    let Opening::MustWait(waiting) = Signed::open(&path, KeystoreState::HoldsKeys, &both).unwrap()
    else {
        panic!("a key without a record has to wait");
    };
    let signed = waiting.finish(15.into()).unwrap();
    assert!(signed.seal(&key(2), 15.into(), b"a").is_err());
    assert!(signed.seal(&key(1), 10.into(), b"b").is_err());
    // What its old node sealed or attested before the wait ended is not held against it.
    assert_eq!(signed.foreign_use(&key(2).public(), 12.into()), None);
    let last = signed.last_counter(&key(2).public());
    assert!(last.is_some_and(|last| last.0 > AttestationCounter::lowest_of(15.into()).0));
    assert!(last.is_some_and(|last| last < AttestationCounter::lowest_of(16.into())));
    signed.seal(&key(1), 11.into(), b"b").unwrap();
    signed.seal(&key(2), 16.into(), b"b").unwrap();
    let again = Signed::open(&path, KeystoreState::HoldsKeys, &both).unwrap();
    assert!(matches!(again, Opening::Ready(_)), "{again:?}");
}

#[test]
fn key_that_waited_and_sealed_nothing_does_not_wait_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("signed");
    let keys = [key(1).public()];
    let Opening::MustWait(waiting) = Signed::open(&path, KeystoreState::HoldsKeys, &keys).unwrap()
    else {
        panic!("a lost record has to wait");
    };
    waiting.finish(50.into()).unwrap();
    let Opening::Ready(signed) = Signed::open(&path, KeystoreState::HoldsKeys, &keys).unwrap()
    else {
        panic!("its record is there");
    };
    assert!(signed.seal(&key(1), 50.into(), b"a").is_err());
}

#[test]
fn damaged_record_is_an_error_and_stays_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("signed");
    open(&path).seal(&key(1), 10.into(), b"a").unwrap();
    let good = fs::read(&path).unwrap();
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 1;
        fs::write(&path, &bad).unwrap();
        assert!(
            Signed::open(&path, KeystoreState::Empty, &[]).is_err(),
            "byte {at}"
        );
        assert_eq!(fs::read(&path).unwrap(), bad);
        fs::write(&path, &good[..at]).unwrap();
        assert!(
            Signed::open(&path, KeystoreState::Empty, &[]).is_err(),
            "cut at {at}"
        );
    }
}

#[test]
fn draft_left_over_by_a_kill_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("signed");
    open(&path).seal(&key(1), 10.into(), b"a").unwrap();
    fs::write(folder.path().join("signed.new"), b"half a rec").unwrap();
    let signed = open(&path);
    assert!(signed.seal(&key(1), 10.into(), b"b").is_err());
    signed.seal(&key(1), 11.into(), b"b").unwrap();
}

#[test]
fn nothing_is_signed_that_is_not_on_disk() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("gone");
    fs::create_dir(&missing).unwrap();
    let signed = open(&missing.join("signed"));
    fs::remove_dir(&missing).unwrap();
    assert!(matches!(
        signed.seal(&key(1), 10.into(), b"a"),
        Err(SigningError::Io { .. })
    ));
}

#[test]
fn block_of_our_key_above_the_record_shows_foreign_use() {
    let folder = tempfile::tempdir().unwrap();
    let signed = open(&folder.path().join("signed"));
    signed.seal(&key(1), 10.into(), b"a").unwrap();
    assert_eq!(signed.foreign_use(&key(1).public(), 10.into()), None);
    let found = signed.foreign_use(&key(1).public(), 12.into()).unwrap();
    assert_eq!((found.slot, found.last), (12.into(), 10.into()));
}

#[test]
fn bytes_of_the_file_are_these() {
    let mut records = Records {
        floor: 7,
        ..Records::default()
    };
    records.record(sr25519::Public::from_raw([3; 32])).slot = Some(9);
    records.record(sr25519::Public::from_raw([4; 32])).counter = Some(1);
    let body = "070000000000000008\
        0303030303030303030303030303030303030303030303030303030303030303\
        01090000000000000000\
        0404040404040404040404040404040404040404040404040404040404040404\
        00010100000000000000";
    let bytes = file::bytes(&records);
    let hex = hex::encode(bytes);
    let format = "01000000";
    let checksum = "c5e45036cfc526b89e37f66bae74cead86c418fee7f9e8d8fe98834b9e8d6fde";
    assert_eq!(hex, [format, checksum, body].concat());
}

#[test]
fn record_of_another_format_is_named_and_stays_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("signed");
    let mut bytes = file::bytes(&Records::default());
    bytes[0] = 2;
    fs::write(&path, &bytes).unwrap();
    let error = Signed::open(&path, KeystoreState::HoldsKeys, &[]).unwrap_err();
    assert!(
        matches!(
            error,
            SigningError::OtherFormat {
                found: 2,
                supported: 1,
                ..
            }
        ),
        "{error}"
    );
    assert_eq!(fs::read(&path).unwrap(), bytes);
}

#[test]
fn record_that_is_no_file_is_an_error_and_not_a_lost_one() {
    let folder = tempfile::tempdir().unwrap();
    for keystore in [KeystoreState::Empty, KeystoreState::HoldsKeys] {
        let opened = Signed::open(folder.path(), keystore, &[]);
        assert!(matches!(opened, Err(SigningError::Io { .. })), "{opened:?}");
    }
}

#[test]
fn seal_is_a_signature_of_the_pre_hash_and_its_slot_is_on_disk() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("signed");
    let seal = open(&path).seal(&key(1), 10.into(), b"a").unwrap();
    assert!(sr25519::Pair::verify(&seal, b"a", &key(1).public()));
    let records = file::read(&path).unwrap().unwrap();
    assert_eq!(records.last_slot(&key(1).public()), Some(10.into()));
}

#[test]
fn threads_that_want_the_same_slot_get_one_seal() {
    let folder = tempfile::tempdir().unwrap();
    let signed = open(&folder.path().join("signed"));
    let seals = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| signed.seal(&key(1), 10.into(), b"a").is_ok()))
            .collect();
        let results = threads.into_iter().map(|thread| thread.join().unwrap());
        results.filter(|sealed| *sealed).count()
    });
    assert_eq!(seals, 1);
}

/// What happens to the node before it wants a seal.
#[derive(Clone, Copy, Debug)]
enum Before {
    Nothing,
    Restart,
    Loss,
    Kill,
}

fn before_a_seal() -> impl Strategy<Value = Before> {
    prop_oneof![
        6 => Just(Before::Nothing),
        3 => Just(Before::Restart),
        1 => Just(Before::Loss),
        2 => Just(Before::Kill),
    ]
}

fn after_loss(path: &Path, slot_now: u64) -> Signed {
    match Signed::open(path, KeystoreState::HoldsKeys, &[]).unwrap() {
        Opening::MustWait(waiting) => waiting.finish(slot_now.into()).unwrap(),
        Opening::Ready(_) => panic!("a lost record has to wait"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn no_slot_is_sealed_twice_through_restarts_and_clock_steps(
        steps in prop::collection::vec((0_u64..30, before_a_seal(), 1_u8..3), 1..40)
    ) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("signed");
        let mut signed = open(&path);
        let mut sealed = BTreeSet::new();
        for (slot, before, seed) in steps {
            match before {
                Before::Nothing => {}
                Before::Restart => signed = open(&path),
                Before::Loss => {
                    fs::remove_file(&path).ok();
                    // The wait ends after all that was sealed before it.
                    let latest = sealed.iter().map(|(_, slot)| *slot).max().unwrap_or(0);
                    signed = after_loss(&path, latest.max(slot));
                }
                Before::Kill => {
                    fs::write(folder.path().join("signed.new"), b"half").unwrap();
                    signed = open(&path);
                }
            }
            if signed.seal(&key(seed), slot.into(), b"x").is_ok() {
                prop_assert!(sealed.insert((seed, slot)), "sealed twice");
            }
        }
    }

    #[test]
    fn no_counter_is_used_twice_through_restarts_and_clock_steps(
        steps in prop::collection::vec((0_u64..30, before_a_seal(), 1_u8..3), 1..40)
    ) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("signed");
        let mut signed = open(&path);
        let mut used = BTreeSet::new();
        let mut latest = 0;
        for (slot, before, seed) in steps {
            match before {
                Before::Nothing => {}
                Before::Restart => signed = open(&path),
                Before::Loss => {
                    fs::remove_file(&path).ok();
                    // The wait takes a slot at least, and ends after all that was attested before it.
                    latest = latest.max(slot) + 1;
                    signed = after_loss(&path, latest);
                }
                Before::Kill => {
                    fs::write(folder.path().join("signed.new"), b"half").unwrap();
                    signed = open(&path);
                }
            }
            latest = latest.max(slot);
            let (counter, signature) = signed
                .attest(&key(seed), slot.into(), &|counter| counter.0.to_le_bytes().to_vec())
                .unwrap();
            prop_assert!(used.insert((seed, counter)), "{counter:?} used twice");
            prop_assert!(sr25519::Pair::verify(
                &signature,
                counter.0.to_le_bytes(),
                &key(seed).public()
            ));
        }
    }
}
