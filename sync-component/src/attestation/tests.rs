#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use super::{
    ATTESTATIONS_PER_SLOT, AttestationBook, Contradiction, Equivocation, EvidenceBook, Intake,
    Validity, attest, is_genuine,
};
use crate::{
    BlockId,
    ports::{AttestationCounter, MonoTime, UnixMillis},
    test_kit::{Forge, SLOT, SmallBlock, sim::SimSigner},
    wire::Attestation,
};
use codec::Decode;
use sp_consensus_aura::Slot;
use sp_core::{H256, sr25519};
use sp_runtime::traits::{Block as BlockT, Header as _};
use std::{collections::BTreeSet, sync::Arc, time::Duration};

type Id = BlockId<SmallBlock>;

fn id(number: u32, branch: u8) -> Id {
    BlockId::new(number, H256::repeat_byte(branch))
}

const GENESIS: H256 = H256::repeat_byte(1);

fn made(signer: &SimSigner, forge: &Forge, slot: u64, best: Id) -> Attestation<SmallBlock> {
    let key = forge.public(0);
    let below = [H256::repeat_byte(8), H256::repeat_byte(7)];
    attest(signer, key, GENESIS, Slot::from(slot), best, &below).unwrap()
}

fn signer(forge: &Forge) -> SimSigner {
    SimSigner::new(forge.clone(), 0, Slot::from(0))
}

fn everybody(forge: &Forge) -> BTreeSet<sr25519::Public> {
    (0..4).map(|authority| forge.public(authority)).collect()
}

const VALIDITY: Validity = Validity {
    slot: SLOT,
    slots: 3,
    drift: Duration::from_millis(500),
};

/// When everything arrives.
const START: MonoTime = MonoTime(Duration::ZERO);

/// Longer than anything counts.
const LONG: Duration = Duration::from_hours(1);

fn slot_start(slot: u64) -> UnixMillis {
    UnixMillis(slot * SLOT.as_millis())
}

#[test]
fn signature_covers_every_field_and_the_genesis() {
    let forge = Forge::new(4);
    let good = made(&signer(&forge), &forge, 9, id(20, 9));
    assert!(is_genuine(GENESIS, &good));
    assert!(!is_genuine(H256::repeat_byte(2), &good));
    let bent: [fn(&mut Attestation<SmallBlock>); 6] = [
        |it| it.tip.slot += 1,
        |it| it.tip.counter += 1,
        |it| it.tip.best = id(21, 9),
        |it| it.tip.best = id(20, 8),
        |it| it.tip.below.reverse(),
        |it| it.authority = Forge::new(4).public(1),
    ];
    for bend in bent {
        let mut forged = good.clone();
        bend(&mut forged);
        assert!(!is_genuine(GENESIS, &forged), "{forged:?}");
    }
}

#[test]
fn counters_rise_within_a_slot_and_across_slots() {
    let after = AttestationCounter::after;
    let lowest = |slot: u64| AttestationCounter::lowest_of(Slot::from(slot));
    assert_eq!(after(None, Slot::from(5)), Some(lowest(5)));
    let second = AttestationCounter(lowest(5).0 + 1);
    assert_eq!(after(Some(lowest(5)), Slot::from(5)), Some(second));
    assert_eq!(after(Some(second), Slot::from(6)), Some(lowest(6)));
    // A clock that was set back.
    let third = AttestationCounter(second.0 + 1);
    assert_eq!(after(Some(second), Slot::from(1)), Some(third));
    assert_eq!(
        after(Some(AttestationCounter(u64::MAX)), Slot::from(1)),
        None
    );
}

#[test]
fn attestation_counts_from_its_slot_on_for_so_many_slots() {
    let forge = Forge::new(4);
    let signer = signer(&forge);
    let mut book = AttestationBook::default();
    book.insert(made(&signer, &forge, 10, id(20, 9)), START, LONG);
    let counts = |now: u64| book.counting(VALIDITY, UnixMillis(now), START).count();
    let start = slot_start(10).0;
    assert_eq!(counts(start - 501), 0);
    assert_eq!(counts(start - 500), 1);
    assert_eq!(counts(slot_start(13).0 - 1), 1);
    assert_eq!(counts(slot_start(13).0), 0);
    // The clock may show a slot's start for a whole millisecond.
    let good_for = book.good_for(VALIDITY, slot_start(10), START);
    let short = Duration::from_millis(1);
    assert_eq!(good_for.saturating_add(short), SLOT.as_duration() * 3);
}

#[test]
fn clock_that_is_set_back_brings_no_old_attestation_back() {
    let forge = Forge::new(4);
    let mut book = AttestationBook::default();
    let (slot, wall) = (10, slot_start(11));
    let left = VALIDITY.left(slot, wall);
    assert_eq!(left, SLOT.as_duration() * 2);
    book.insert(made(&signer(&forge), &forge, slot, id(20, 9)), START, left);
    let after = |slots: u32| START.plus(SLOT.as_duration() * slots);
    // One slot later the clock is set back to the beginning of its slot, and shows it three times more.
    let back = slot_start(slot);
    assert_eq!(book.counting(VALIDITY, back, after(1)).count(), 1);
    assert_eq!(book.good_for(VALIDITY, back, after(1)), SLOT.as_duration());
    assert_eq!(book.counting(VALIDITY, back, after(2)).count(), 0);
}

#[test]
fn highest_counter_wins_in_whatever_order_they_come() {
    let forge = Forge::new(4);
    let signer = signer(&forge);
    let (first, second) = (
        made(&signer, &forge, 10, id(20, 9)),
        made(&signer, &forge, 10, id(21, 9)),
    );
    let mut book = AttestationBook::default();
    let now = slot_start(10);
    let intake = |book: &AttestationBook<SmallBlock>, of: &Attestation<SmallBlock>| {
        book.intake(of, &everybody(&forge), VALIDITY, now)
    };
    assert_eq!(intake(&book, &second), Intake::New);
    book.insert(second.clone(), START, LONG);
    assert_eq!(intake(&book, &first), Intake::Known);
    assert_eq!(intake(&book, &second), Intake::Known);
    let late = book.intake(&second, &everybody(&forge), VALIDITY, slot_start(14));
    assert_eq!(late, Intake::OutOfTime);
    let nobody = book.intake(&second, &BTreeSet::new(), VALIDITY, now);
    assert_eq!(nobody, Intake::NoAuthority);
}

#[test]
fn two_tips_of_one_counter_both_count_no_more_until_a_higher_one_comes() {
    let forge = Forge::new(4);
    let first = made(&signer(&forge), &forge, 10, id(20, 9));
    let other = made(&signer(&forge), &forge, 10, id(20, 5));
    assert_eq!(first.tip.counter, other.tip.counter);
    let mut book = AttestationBook::default();
    let now = slot_start(10);
    book.insert(first.clone(), START, LONG);
    let intake = book.intake(&other, &everybody(&forge), VALIDITY, now);
    assert_eq!(intake, Intake::Contradicts(Box::new(first.clone())));
    assert_eq!(book.contradict(&first.authority), Contradiction::First);
    assert_eq!(book.contradict(&first.authority), Contradiction::Known);
    assert_eq!(book.counting(VALIDITY, now, START).count(), 0);
    // Neither of the two brings it back.
    let again = book.intake(&first, &everybody(&forge), VALIDITY, now);
    assert_eq!(again, Intake::Known);
    let signer = signer(&forge);
    let _ = made(&signer, &forge, 10, id(20, 9));
    let higher = made(&signer, &forge, 10, id(21, 9));
    assert_eq!(
        book.intake(&higher, &everybody(&forge), VALIDITY, now),
        Intake::New
    );
    book.insert(higher, START, LONG);
    assert_eq!(book.counting(VALIDITY, now, START).count(), 1);
}

#[test]
fn second_header_of_a_slot_is_evidence_once() {
    let forge = Forge::new(4);
    let genesis: SmallBlock = Forge::genesis();
    let slot = Slot::from(6);
    let key = forge.public(forge.turn(slot));
    let header = |salt: &[u8]| {
        let block: SmallBlock = forge.block(genesis.header(), slot, salt);
        block.header().clone()
    };
    let mut book = EvidenceBook::<SmallBlock>::new(8);
    assert_eq!(book.sealed(key, slot, &Arc::new(header(b"a"))), None);
    assert_eq!(book.sealed(key, slot, &Arc::new(header(b"a"))), None);
    let found = book.sealed(key, slot, &Arc::new(header(b"b"))).unwrap();
    let expected = Equivocation::Seals {
        authority: key,
        slot,
        first: Box::new(header(b"a")),
        second: Box::new(header(b"b")),
    };
    assert_eq!(found, expected);
    // Whoever gets both needs nothing else: the seals are in them.
    for (bytes, salt) in found.statements().iter().zip([b"a", b"b"]) {
        type Header = <SmallBlock as BlockT>::Header;
        let told = Header::decode(&mut bytes.as_slice()).unwrap();
        assert_eq!(told, header(salt));
        assert_eq!(told.digest().logs().len(), 2, "the slot and the seal");
    }
    assert_eq!(book.keep(found.clone()), Some(expected));
    assert_eq!(book.keep(found), None);
    let third = book.sealed(key, slot, &Arc::new(header(b"c"))).unwrap();
    assert_eq!(book.keep(third), None);
    assert_eq!(book.iter().count(), 1);
}

#[test]
fn one_key_is_taken_in_so_often_in_a_slot_and_not_more() {
    let forge = Forge::new(4);
    let signer = signer(&forge);
    let mut book = AttestationBook::default();
    let intake = |book: &AttestationBook<SmallBlock>, of: &Attestation<SmallBlock>, slot| {
        book.intake(of, &everybody(&forge), VALIDITY, slot_start(slot))
    };
    for _ in 0..ATTESTATIONS_PER_SLOT {
        let next = made(&signer, &forge, 10, id(20, 9));
        assert_eq!(intake(&book, &next, 10), Intake::New);
        book.insert(next, START, LONG);
    }
    let more = made(&signer, &forge, 10, id(21, 9));
    assert_eq!(intake(&book, &more, 10), Intake::TooMany);
    assert_eq!(intake(&book, &more, 11), Intake::TooMany, "late or not");
    let next_slot = made(&signer, &forge, 11, id(21, 9));
    assert_eq!(intake(&book, &next_slot, 11), Intake::New);
}

#[test]
fn clock_behind_shows_by_what_authorities_sign_of_later_slots() {
    let forge = Forge::new(4);
    let signer = signer(&forge);
    let mut book = AttestationBook::default();
    let now = slot_start(10);
    let intake = |book: &AttestationBook<SmallBlock>, of: &Attestation<SmallBlock>| {
        book.intake(of, &everybody(&forge), VALIDITY, now)
    };
    let early = made(&signer, &forge, 12, id(20, 9));
    assert_eq!(intake(&book, &early), Intake::Early);
    book.insert_early(&early);
    assert_eq!(intake(&book, &early), Intake::OutOfTime, "once");
    assert_eq!(book.ahead_of(&[], VALIDITY, now), 1);
    assert_eq!(book.ahead_of(&[early.authority], VALIDITY, now), 0);
    // The clock is set, or the slot begins.
    assert_eq!(book.ahead_of(&[], VALIDITY, slot_start(12)), 0);
    assert_eq!(book.counting(VALIDITY, slot_start(12), START).count(), 0);
}

#[test]
fn clock_that_was_ahead_is_forgotten_once_its_authority_signs_in_time_again() {
    let forge = Forge::new(4);
    let signer = signer(&forge);
    let mut book = AttestationBook::default();
    let now = slot_start(10);
    let before = made(&signer, &forge, 10, id(20, 9));
    let ahead = made(&signer, &forge, 20_000, id(20, 9));
    let after = made(&signer, &forge, 10, id(21, 9));
    book.insert_early(&ahead);
    // One that it signed before, and that took longer to come here, says nothing.
    book.insert(before, START, LONG);
    assert_eq!(book.ahead_of(&[], VALIDITY, now), 1);
    book.insert(after, START, LONG);
    assert_eq!(book.ahead_of(&[], VALIDITY, now), 0);
}
