#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use super::{
    Beyond, ClaimBook, ClaimState, Delivery, Inserted, Lack, Misdeed, Pauses, Suspects, TipStore,
    VerifiedTip,
};
use crate::{
    BlockId,
    ports::{ImportBlocks, MonoTime, PeerId, ReadChain, VerifyHeaders},
    test_kit::{Forge, ReferenceBridge, SLOT, SmallBlock, VirtualClock},
};
use sp_runtime::{
    generic::Header,
    traits::{BlakeTwo256, Block as BlockT},
};
use std::{collections::BTreeSet, sync::Arc, time::Duration};

type Id = BlockId<SmallBlock>;

fn headers(length: u64, salt: u8) -> (Id, Vec<Header<u32, BlakeTwo256>>) {
    let genesis: SmallBlock = Forge::genesis();
    let chain: Vec<SmallBlock> = Forge::new(1).chain(genesis.header(), 1.into(), length, salt);
    (
        BlockId::of(genesis.header()),
        chain.iter().map(|block| block.header().clone()).collect(),
    )
}

fn run(length: usize, salt: u8) -> VerifiedTip<SmallBlock> {
    let (genesis, headers) = headers(length as u64, salt);
    VerifiedTip::new(genesis, genesis, headers, Beyond::Nothing).unwrap()
}

/// The first `length` blocks of `run`.
fn prefix(run: &VerifiedTip<SmallBlock>, length: usize) -> VerifiedTip<SmallBlock> {
    VerifiedTip::new(
        run.ancestor,
        run.base,
        run.headers()[..length].to_vec(),
        Beyond::Nothing,
    )
    .unwrap()
}

#[test]
fn run_holds_its_blocks_and_no_others() {
    let run = run(5, 0);
    assert!(run.ids().iter().all(|id| run.contains(id)));
    assert!(!run.contains(&run.base));
    assert!(!run.contains(&BlockId::new(3, run.tip().hash)));
    let none: Vec<Header<_, _>> = Vec::new();
    assert!(VerifiedTip::<SmallBlock>::new(run.base, run.base, none, Beyond::Nothing).is_none());
}

#[test]
fn run_names_each_block_by_the_hash_of_its_header() {
    let run = run(5, 0);
    let hashed = |run: &VerifiedTip<SmallBlock>| -> Vec<Id> {
        run.headers()
            .iter()
            .map(|header| Id::of(&**header))
            .collect()
    };
    assert_eq!(run.ids(), hashed(&run));
    let (lower, upper) = (prefix(&run, 2), run.headers()[2..].to_vec());
    let whole = lower.extended(upper, Beyond::Nothing);
    assert_eq!(whole.ids(), run.ids());
    assert_eq!(whole.lineage_to(&run.ids()[3]).unwrap().end(), run.ids()[3]);
}

#[test]
fn tip_that_was_shown_is_asked_of_all_others_at_once() {
    let (a, b, c) = (
        PeerId::from_bytes(b"a"),
        PeerId::from_bytes(b"b"),
        PeerId::from_bytes(b"c"),
    );
    let tip = run(3, 0).tip();
    let mut claims = ClaimBook::<SmallBlock>::default();
    let now = MonoTime(Duration::ZERO);
    claims.partial(a, tip, run(2, 0).tip());
    assert!(claims.may_probe(&b, &tip, now, Duration::ZERO));
    claims.start(b, tip, now);
    assert!(!claims.may_probe(&c, &tip, now, PATIENCE));
    assert!(claims.may_probe(&c, &tip, now, Duration::ZERO));
}

#[test]
fn longer_run_takes_the_place_of_what_it_contains() {
    let run = run(6, 0);
    let mut store = TipStore::new(4);
    store.insert_current(prefix(&run, 3));
    store.insert_current(run.clone());
    store.insert_current(prefix(&run, 5));
    assert_eq!(
        store.iter().map(VerifiedTip::tip).collect::<Vec<_>>(),
        [run.tip()]
    );
    assert!(store.holding(&prefix(&run, 2).tip()).is_some());
}

#[tokio::test(start_paused = true)]
async fn store_keeps_the_highest_when_it_is_full() {
    let mut store = TipStore::new(2);
    let (chain, _) = world(1, 1);
    for salt in 0..5 {
        store
            .insert(&run(usize::from(salt) + 1, salt), &chain, &[])
            .unwrap();
    }
    let heights: Vec<_> = store.iter().map(|run| run.tip().height()).collect();
    assert_eq!(heights, [5, 4]);
}

#[test]
fn parked_block_ends_every_run_below_it() {
    let run = run(6, 0);
    let parked = run.ids()[3];
    let mut store = TipStore::new(4);
    store.insert_current(run.clone());
    store.park(parked, Delivery::Once);
    assert_eq!(store.iter().next().unwrap().tip(), run.ids()[2]);
    store.insert_current(run.clone());
    assert!(store.holding(&run.tip()).is_none());
    assert!(store.is_parked(&parked));
}

/// How long a probe may run before another peer is probed for the same tip.
const PATIENCE: Duration = Duration::from_secs(2);

#[test]
fn tip_that_one_peer_is_slow_to_show_is_asked_of_another() {
    let (a, b) = (PeerId::from_bytes(b"a"), PeerId::from_bytes(b"b"));
    let tip = run(3, 0).tip();
    let mut claims = ClaimBook::<SmallBlock>::default();
    let at = |millis| MonoTime(Duration::from_millis(millis));
    claims.start(a.clone(), tip, at(0));
    assert!(!claims.may_probe(&b, &tip, at(1_999), PATIENCE));
    assert!(claims.may_probe(&b, &tip, at(2_000), PATIENCE));
    assert!(
        !claims.may_probe(&a, &tip, at(2_000), PATIENCE),
        "one probe per peer at a time"
    );
}

#[test]
fn claim_costs_one_probe_at_a_time_and_waits_longer_each_time() {
    let (a, b) = (PeerId::from_bytes(b"a"), PeerId::from_bytes(b"b"));
    let tip = run(3, 0).tip();
    let mut claims = ClaimBook::<SmallBlock>::default();
    let at = |millis| MonoTime(Duration::from_millis(millis));
    assert!(claims.may_probe(&a, &tip, at(0), PATIENCE));
    claims.start(a.clone(), tip, at(0));
    assert!(
        !claims.may_probe(&a, &tip, at(0), PATIENCE)
            && !claims.may_probe(&b, &tip, at(0), PATIENCE)
    );
    let pauses = Pauses {
        first: Duration::from_millis(100),
        longest: Duration::from_millis(350),
    };
    for (failed_at, retry_at) in [(0, 100), (100, 300), (300, 650), (650, 1_000)] {
        claims.unanswered(a.clone(), tip, Lack::Answer, at(failed_at), pauses);
        assert!(!claims.is_from_future(&a, &tip));
        assert!(
            !claims.may_probe(&a, &tip, at(retry_at - 1), PATIENCE),
            "{retry_at}"
        );
        let another = run(4, 1).tip();
        let probed = |millis| claims.may_probe(&a, &another, at(millis), PATIENCE);
        assert!(
            !probed(failed_at + 99) && probed(failed_at + 100),
            "another claim waits once"
        );
        assert!(
            claims.may_probe(&a, &tip, at(retry_at), PATIENCE),
            "{retry_at}"
        );
        claims.start(a.clone(), tip, at(retry_at));
        assert!(matches!(
            claims.state(&a, &tip),
            Some(ClaimState::Retrying { .. })
        ));
    }
    claims.refute(a.clone(), tip);
    assert!(!claims.may_probe(&a, &tip, at(1_000_000), PATIENCE));
    assert!(
        claims.may_probe(&a, &run(4, 1).tip(), at(0), PATIENCE),
        "another tip is another claim"
    );
}

#[test]
fn run_with_a_parked_block_is_kept_below_it_and_named() {
    let run = run(6, 0);
    let mut store = TipStore::new(4);
    let parked = run.ids()[3];
    store.park(parked, Delivery::Once);
    assert_eq!(store.insert_current(run.clone()), Some(parked));
    assert_eq!(
        store.iter().map(VerifiedTip::tip).collect::<Vec<_>>(),
        [run.ids()[2]]
    );
    assert!(confirmed(&store, &run.base).is_empty(), "one peer may lie");
    store.park(parked, Delivery::Confirmed);
    store.park(parked, Delivery::Once);
    assert_eq!(confirmed(&store, &run.base), [parked]);
    let above = confirmed(&store, &run.tip());
    assert!(above.is_empty(), "our chain went on without it");
}

fn confirmed(store: &TipStore<SmallBlock>, ours: &Id) -> Vec<Id> {
    store.confirmed_above(ours).collect()
}

#[test]
fn claim_that_goes_on_in_the_future_is_remembered_through_the_next_probe() {
    let a = PeerId::from_bytes(b"a");
    let tip = run(3, 0).tip();
    let mut claims = ClaimBook::<SmallBlock>::default();
    let pauses = Pauses {
        first: Duration::from_millis(100),
        longest: Duration::from_millis(350),
    };
    let now = MonoTime(Duration::ZERO);
    claims.start(a.clone(), tip, now);
    claims.unanswered(a.clone(), tip, Lack::Time, now, pauses);
    assert!(claims.is_from_future(&a, &tip));
    claims.start(a.clone(), tip, now);
    assert!(claims.is_from_future(&a, &tip));
    claims.forget(&a);
    assert!(!claims.is_from_future(&a, &tip));
}

/// A chain with this many authorities that holds nothing, and a run of headers above its genesis.
fn world(
    authorities: usize,
    length: u64,
) -> (ReferenceBridge<SmallBlock>, VerifiedTip<SmallBlock>) {
    let forge = Forge::new(authorities);
    let clock = Arc::new(VirtualClock::starting_at(crate::ports::UnixMillis(
        1_000_000,
    )));
    let chain = ReferenceBridge::new(&forge, SLOT, 5, clock);
    let genesis: SmallBlock = Forge::genesis();
    let blocks: Vec<SmallBlock> = forge.chain(genesis.header(), 1.into(), length, 0);
    let headers = blocks.iter().map(|block| block.header().clone()).collect();
    let base = BlockId::of(genesis.header());
    (
        chain,
        VerifiedTip::new(base, base, headers, Beyond::Nothing).unwrap(),
    )
}

/// How many headers are left below those at the end whose turn is one of `turns`, and how many turns that asked for.
fn left_below(
    run: &VerifiedTip<SmallBlock>,
    chain: &ReferenceBridge<SmallBlock>,
    authorities: usize,
    turns: &[usize],
) -> (usize, usize) {
    let mut asked = 0;
    let left = run.below_last(authorities, chain, |turn| {
        asked += 1;
        turns.contains(&turn.unwrap())
    });
    (left, asked)
}

#[tokio::test(start_paused = true)]
async fn turns_of_a_run_are_those_of_its_own_headers_however_many_authorities_there_are() {
    // In slots 1 to 6.
    let (chain, run) = world(1, 6);
    assert_eq!(left_below(&run, &chain, 1, &[0]), (0, 1));
    assert_eq!(left_below(&run, &chain, 3, &[0]), (5, 2));
    assert_eq!(left_below(&run, &chain, 3, &[0, 2]), (4, 3));
    assert_eq!(left_below(&run, &chain, 3, &[0, 1, 2]), (0, 6));
    let first = run.first(4).unwrap();
    assert_eq!(left_below(&first, &chain, 1, &[0]), (0, 1));
    assert_eq!(left_below(&first, &chain, 1, &[]), (4, 1));
    assert_eq!(left_below(&first, &chain, 3, &[1]), (3, 2));
    chain.import(blocks_of(3));
    let above = run.advance(&chain).unwrap().unwrap();
    assert_eq!(left_below(&above, &chain, 1, &[0]), (0, 1));
    assert_eq!(left_below(&above, &chain, 3, &[0, 1, 2]), (0, 3));
    assert_eq!(left_below(&above, &chain, 3, &[0, 2]), (1, 3));
}

#[tokio::test(start_paused = true)]
async fn run_of_which_the_store_cannot_tell_keeps_no_other_from_being_brought_up_to_date() {
    let (chain, read) = world(1, 6);
    let unreadable = run(6, 1);
    let mut store = TipStore::new(4);
    store.insert_current(unreadable.clone());
    store.insert_current(read.clone());
    chain.import(blocks_of(3));
    for block in unreadable.ids() {
        chain.make_unreadable(block.hash);
    }
    store.advance(&chain).unwrap_err();
    let kept: Vec<_> = store.iter().map(|run| (run.base, run.tip())).collect();
    let of_unreadable = (unreadable.base, unreadable.tip());
    assert_eq!(kept, [of_unreadable, (read.ids()[2], read.tip())]);
}

/// The first so many blocks of the run in [`world`] with one authority.
fn blocks_of(length: u64) -> Vec<SmallBlock> {
    let genesis: SmallBlock = Forge::genesis();
    Forge::new(1).chain(genesis.header(), 1.into(), length, 0)
}

#[tokio::test(start_paused = true)]
async fn tip_of_a_suspect_holds_up_only_as_far_as_others_built() {
    let (chain, run) = world(4, 6);
    let mut suspects = Suspects::default();
    suspects
        .add(&run, Misdeed::Withheld, &chain, &[], 0.into())
        .unwrap();
    let rest = suspects
        .trusted_part(&run, &chain, &|_, _| false)
        .unwrap()
        .unwrap();
    assert_eq!(rest.tip(), run.ids()[4]);
    let mut window = run.clone();
    window.beyond = Beyond::Claimed;
    let rest = suspects
        .trusted_part(&window, &chain, &|_, _| false)
        .unwrap()
        .unwrap();
    assert_eq!(rest.tip(), run.tip(), "a window's end is no tip");
    let mut own_window = run.above(&run.ids()[4]).map(<[_]>::to_vec).unwrap();
    own_window.truncate(1);
    let own_window = VerifiedTip::new(run.ancestor, run.ids()[4], own_window, Beyond::Claimed);
    let rest = suspects.trusted_part(&own_window.unwrap(), &chain, &|_, _| false);
    assert!(rest.unwrap().is_none(), "nobody else builds in it");
    // Slot 6 was withheld; its author seals again in slot 10 and, 4a slots later, in slot 22.
    let forge = Forge::new(4);
    let parent = chain_genesis();
    for (slot, still) in [(10_u64, true), (22, false)] {
        let block: SmallBlock = forge.block(&parent, slot.into(), &[]);
        suspects
            .imported(block.header(), None, &chain, 100.into())
            .unwrap();
        let rest = suspects
            .trusted_part(&run, &chain, &|_, _| false)
            .unwrap()
            .unwrap();
        assert_eq!(rest.tip() != run.tip(), still, "slot {slot}");
    }
}

fn chain_genesis() -> Header<u32, BlakeTwo256> {
    let genesis: SmallBlock = Forge::genesis();
    genesis.header().clone()
}

#[tokio::test(start_paused = true)]
async fn half_of_the_authorities_and_a_single_one_are_never_suspect() {
    for (authorities, most) in [(1, 0), (2, 0), (3, 1), (4, 1), (5, 2), (7, 3)] {
        let (chain, run) = world(authorities, 12);
        let mut suspects = Suspects::default();
        for length in (1..=12).rev() {
            suspects
                .add(
                    &prefix(&run, length),
                    Misdeed::SealedInvalid,
                    &chain,
                    &[],
                    0.into(),
                )
                .unwrap();
        }
        let headers = run.headers();
        let slot = |header: &Header<u32, BlakeTwo256>| *chain.slot_of(header).unwrap();
        let named: BTreeSet<u64> = headers
            .iter()
            .filter(|header| suspects.has_sealed::<SmallBlock>(header, &chain).unwrap())
            .map(|header| slot(header) % authorities as u64)
            .collect();
        assert_eq!(named.len(), most, "of {authorities}");
    }
}

#[tokio::test(start_paused = true)]
async fn suspect_shortens_its_term_with_nothing_that_it_did_before() {
    let (chain, run) = world(4, 6);
    let (old, new) = (2_u64, 6_u64);
    let mut suspects = Suspects::default();
    suspects
        .add(&run, Misdeed::Withheld, &chain, &[], 0.into())
        .unwrap();
    // Slots 2 and 6 are of the same authority; of slot 2 a second header is shown now.
    let author = Forge::new(4).authorities()[Forge::new(4).turn(new.into())].clone();
    assert!(suspects.suspect(&author, old.into(), Misdeed::Equivocated, 4, &[]));
    let good: SmallBlock = Forge::new(4).block(&chain_genesis(), 18.into(), &[]);
    suspects
        .imported(good.header(), None, &chain, 100.into())
        .unwrap();
    assert!(suspects.has_sealed(run.tip_header(), &chain).unwrap());
}

#[tokio::test(start_paused = true)]
async fn equivocator_is_left_alone_for_no_shorter_because_of_what_it_did_before() {
    // Slots 2, 6 and 10 are of the same authority.
    let (chain, run) = world(4, 10);
    let author = Forge::new(4).authorities()[Forge::new(4).turn(10.into())].clone();
    let mut suspects = Suspects::default();
    for slot in [6_u64, 2] {
        suspects.suspect(&author, slot.into(), Misdeed::Equivocated, 4, &[]);
        // Until slot 22: two blocks of slot 6 must not split the votes, nor those that follow.
        let part = suspects.fetchable_part(&run, &chain, &|_, _| false);
        assert_eq!(part.unwrap().unwrap().headers().len(), 9, "{slot}");
    }
}

#[tokio::test(start_paused = true)]
async fn headers_of_one_slot_push_no_other_tip_out() {
    let (chain, run) = world(4, 2);
    let forge = Forge::new(4);
    let base = chain_genesis();
    let of_slot = |slot: u64, salt: u8| {
        let block: SmallBlock = forge.block(&base, slot.into(), &[salt]);
        let headers = vec![block.header().clone()];
        VerifiedTip::new(run.base, run.base, headers, Beyond::Nothing).unwrap()
    };
    let mut store = TipStore::new(16);
    for salt in 0..40 {
        store.insert(&of_slot(3, salt), &chain, &[]).unwrap();
    }
    let first = of_slot(3, 0).tip();
    // Whatever their hashes are.
    for slot in [4_u64, 5, 6] {
        let honest = of_slot(slot, 0);
        store.insert(&honest, &chain, &[]).unwrap();
        for salt in 40..60 {
            store.insert(&of_slot(3, salt), &chain, &[]).unwrap();
        }
        assert!(store.holding(&honest.tip()).is_some(), "slot {slot}");
    }
    assert!(store.holding(&first).is_some(), "what came first stays");
    assert_eq!(store.iter().count(), 16);

    // One that came late stays if it is attested, and only that one.
    let (late, attested) = (of_slot(3, 60), [of_slot(3, 60).tip()]);
    for salt in 60..80 {
        store.insert(&of_slot(3, salt), &chain, &attested).unwrap();
    }
    assert!(store.holding(&late.tip()).is_some());
    assert!(store.holding(&of_slot(3, 61).tip()).is_none());
    assert_eq!(store.iter().count(), 16);
}

#[tokio::test(start_paused = true)]
async fn headers_of_many_slots_of_one_author_push_no_other_tip_out() {
    let (chain, run) = world(4, 2);
    let forge = Forge::new(4);
    let base = chain_genesis();
    let of_slot = |slot: u64| {
        let block: SmallBlock = forge.block(&base, slot.into(), &[]);
        let headers = vec![block.header().clone()];
        VerifiedTip::new(run.base, run.base, headers, Beyond::Nothing).unwrap()
    };
    let mut store = TipStore::new(16);
    let mut own = (1..40).map(|round| of_slot(4 * round + 3));
    for tip in own.by_ref().take(16) {
        assert_eq!(store.insert(&tip, &chain, &[]).unwrap(), Inserted::Whole);
    }
    assert_eq!(
        store.insert(&of_slot(4 * 40 + 3), &chain, &[]).unwrap(),
        Inserted::Crowded
    );
    // Slots of the three others.
    let honest = [of_slot(200), of_slot(201), of_slot(202)];
    for tip in &honest {
        assert_eq!(store.insert(tip, &chain, &[]).unwrap(), Inserted::Whole);
    }
    for tip in own {
        store.insert(&tip, &chain, &[]).unwrap();
    }
    assert!(honest.iter().all(|tip| store.holding(&tip.tip()).is_some()));
}

#[tokio::test(start_paused = true)]
async fn suspect_for_a_block_of_a_past_slot_seals_itself_free_in_no_other_past_slot() {
    let (chain, run) = world(4, 6);
    let mut suspects = Suspects::default();
    let now = 1_000_u64;
    suspects
        .add(&run, Misdeed::Withheld, &chain, &[], now.into())
        .unwrap();
    for (slot, still) in [(22_u64, true), (998, true), (1_018, false)] {
        let good: SmallBlock = Forge::new(4).block(&chain_genesis(), slot.into(), &[]);
        suspects
            .imported(good.header(), None, &chain, (now + 18).into())
            .unwrap();
        let is_suspect = suspects.has_sealed(run.tip_header(), &chain).unwrap();
        assert_eq!(is_suspect, still, "slot {slot}");
    }
}

/// Many blocks may come with one event, and the suspect's among them is not the last. Some may take the place of others.
#[tokio::test(start_paused = true)]
async fn suspect_is_cleared_by_any_new_block_of_an_import_and_by_none_of_an_earlier_one() {
    let genesis = chain_genesis();
    // Slot 22 is of the author of slot 6, which withheld, and 4a slots later.
    let chain_from = |first: u64| Forge::new(4).chain(&genesis, first.into(), 3, 0);
    let left: Vec<SmallBlock> = chain_from(19);
    let of_genesis = BlockId::of(&genesis);
    let seen_of = |blocks: &[SmallBlock], last: usize| BlockId::of(blocks[last].header());
    let sealed = chain_from(22);
    let cases = [
        ("above genesis", &sealed, of_genesis, true),
        (
            "above the suspect's block",
            &sealed,
            seen_of(&sealed, 0),
            false,
        ),
        (
            "instead of a branch as long as ours was",
            &sealed,
            seen_of(&left, 1),
            true,
        ),
        ("of another author", &chain_from(23), of_genesis, false),
    ];
    for (what, blocks, seen, cleared) in cases {
        let (chain, run) = world(4, 6);
        // Those that were left are stored, and the new ones are longer by one.
        assert!(chain.import(left[..2].to_vec()).failure.is_none());
        assert!(chain.import(blocks.clone()).failure.is_none());
        let top = chain.canonical_hash(3);
        assert_eq!(top.unwrap(), Some(blocks[2].hash()));
        let mut suspects = Suspects::default();
        suspects
            .add(&run, Misdeed::Withheld, &chain, &[], 0.into())
            .unwrap();
        suspects
            .imported(blocks[2].header(), Some(seen), &chain, 100.into())
            .unwrap();
        let is_suspect = suspects.has_sealed(run.tip_header(), &chain).unwrap();
        assert_eq!(is_suspect, !cleared, "{what}");
    }
}
