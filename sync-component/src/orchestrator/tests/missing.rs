use crate::{
    BlockId,
    block_sync::Backoff,
    headers::{Beyond, VerifiedTip},
    orchestrator::missing::{MissingBlocks, Moment, Patience, Worth},
    ports::MonoTime,
    settings::Limits,
    test_kit::{Forge, SmallBlock},
};
use sp_runtime::traits::Block as BlockT;
use std::time::Duration;

const PATIENCE: Patience = Patience {
    share: Duration::from_secs(2),
    busy: Duration::from_secs(6),
};

const EACH: Worth = Worth::Each(Duration::from_millis(100));

fn at(millis: u64) -> Moment {
    Moment {
        at: MonoTime(Duration::from_millis(millis)),
        imported_for: Duration::ZERO,
    }
}

fn run(salt: u8) -> VerifiedTip<SmallBlock> {
    let genesis: SmallBlock = Forge::genesis();
    let chain: Vec<SmallBlock> = Forge::new(1).chain(genesis.header(), 1.into(), 3, salt);
    let headers = chain.iter().map(|block| block.header().clone()).collect();
    let base = BlockId::of(genesis.header());
    VerifiedTip::new(base, base, headers, Beyond::Nothing).unwrap()
}

fn asked(run: &VerifiedTip<SmallBlock>) -> MissingBlocks<SmallBlock> {
    let mut missing = MissingBlocks::new();
    again(&mut missing, run, at(0));
    missing
}

fn again(missing: &mut MissingBlocks<SmallBlock>, run: &VerifiedTip<SmallBlock>, now: Moment) {
    worth(missing, run, Worth::AllTime, now);
}

fn worth(
    missing: &mut MissingBlocks<SmallBlock>,
    run: &VerifiedTip<SmallBlock>,
    worth: Worth,
    now: Moment,
) {
    let pauses = || Backoff::new(&Limits::default(), [7; 32]);
    missing.asked(run, worth, Duration::from_secs(6), now, pauses);
}

#[test]
fn clock_of_a_missing_block_goes_on_through_all_sessions() {
    let run = run(0);
    let mut missing = asked(&run);
    for session in 1..10 {
        again(&mut missing, &run, at(session * 200));
        assert!(!missing.is_withheld(&run, None, PATIENCE, at(session * 200)));
    }
    assert!(missing.is_withheld(&run, None, PATIENCE, at(2_000)));
    let told = missing.is_withheld(&run, None, PATIENCE, at(2_001));
    assert!(!told, "not told twice in a share");
    assert!(missing.is_withheld(&run, None, PATIENCE, at(4_000)));
}

#[test]
fn block_that_nobody_is_to_ask_for_is_not_withheld_until_it_is_asked_for_again() {
    let run = run(0);
    let mut missing = asked(&run);
    missing.put_off(&run);
    assert!(!missing.is_withheld(&run, None, PATIENCE, at(20_000)));
    again(&mut missing, &run, at(20_000));
    assert!(!missing.is_withheld(&run, None, PATIENCE, at(21_999)));
    assert!(missing.is_withheld(&run, None, PATIENCE, at(22_000)));
}

#[test]
fn block_whose_request_gave_way_to_another_chain_is_not_withheld_meanwhile_and_nothing_is_forgiven()
{
    let run = run(0);
    let mut missing = asked(&run);
    missing.withdrawn(&run, at(1_500));
    missing.withdrawn(&run, at(1_800));
    assert!(!missing.is_withheld(&run, None, PATIENCE, at(20_000)));
    again(&mut missing, &run, at(20_000));
    assert!(!missing.is_withheld(&run, None, PATIENCE, at(20_499)));
    assert!(missing.is_withheld(&run, None, PATIENCE, at(20_500)));
}

#[test]
fn same_block_delivered_again_and_again_puts_nothing_off() {
    let run = run(0);
    let mut missing = asked(&run);
    for millis in [1_000, 1_900, 2_800] {
        missing.arrived(&run, &run.ids()[0], at(millis));
    }
    assert!(!missing.is_withheld(&run, None, PATIENCE, at(2_900)));
    assert!(missing.is_withheld(&run, None, PATIENCE, at(3_000)));
    missing.arrived(&run, &run.ids()[1], at(3_500));
    assert!(!missing.is_withheld(&run, None, PATIENCE, at(5_400)));
}

#[test]
fn blocks_that_are_worth_little_put_little_off_however_late_they_come() {
    let run = run(0);
    let mut missing = MissingBlocks::new();
    worth(&mut missing, &run, EACH, at(0));
    // No more than until they came.
    missing.arrived(&run, &run.ids()[0], at(50));
    assert!(!missing.is_withheld(&run, None, PATIENCE, at(2_049)));
    missing.arrived(&run, &run.ids()[2], at(2_049));
    assert!(!missing.is_withheld(&run, None, PATIENCE, at(2_249)));
    assert!(missing.is_withheld(&run, None, PATIENCE, at(2_250)));
}

#[test]
fn blocks_that_are_worth_little_pay_for_those_before_them() {
    let run = run(0);
    let above = |stored| run.up_to(&run.ids()[stored]).unwrap().ids()[stored];
    let mut missing = MissingBlocks::new();
    worth(&mut missing, &run, EACH, at(0));
    // It comes after 1.5 s, and is stored at once: 1.4 s are left owed.
    missing.keep(above(0), at(1_500), |_| false);
    let headers = run.headers()[1..].to_vec();
    let next = VerifiedTip::new(run.ancestor, above(0), headers, Beyond::Nothing).unwrap();
    worth(&mut missing, &next, EACH, at(3_000));
    assert!(!missing.is_withheld(&next, None, PATIENCE, at(3_599)));
    assert!(missing.is_withheld(&next, None, PATIENCE, at(3_600)));
}

#[test]
fn blocks_that_are_worth_little_do_not_pay_for_another_chain_nor_for_ever() {
    let (run, other) = (run(0), run(1));
    let mut missing = MissingBlocks::new();
    worth(&mut missing, &run, EACH, at(0));
    let first = run.ids()[0];
    missing.keep(first, at(1_500), |_| false);
    // It does not begin where the other ended.
    worth(&mut missing, &other, EACH, at(3_000));
    assert!(!missing.is_withheld(&other, None, PATIENCE, at(4_999)));
    let headers = run.headers()[1..].to_vec();
    let next = VerifiedTip::new(run.ancestor, first, headers, Beyond::Nothing).unwrap();
    worth(&mut missing, &next, EACH, at(7_500));
    let is_withheld = missing.is_withheld(&next, None, PATIENCE, at(9_499));
    assert!(!is_withheld, "a slot is over");
}

#[test]
fn busy_peer_puts_it_off_once_and_an_import_for_as_long_as_it_takes() {
    let run = run(0);
    let mut missing = asked(&run);
    let busy = |millis| Some(MonoTime(Duration::from_millis(millis)));
    assert!(!missing.is_withheld(&run, busy(1_900), PATIENCE, at(7_999)));
    assert!(missing.is_withheld(&run, busy(7_900), PATIENCE, at(8_000)));
    let mut missing = asked(&run);
    let importing = Moment {
        imported_for: Duration::from_secs(3),
        ..at(4_999)
    };
    assert!(!missing.is_withheld(&run, None, PATIENCE, importing));
    assert!(missing.is_withheld(&run, None, PATIENCE, at(5_000)));
}

#[test]
fn failure_makes_only_its_own_tip_wait_and_for_no_longer_than_a_slot() {
    let (failing, other) = (run(0), run(1));
    let mut missing = asked(&failing);
    let slot = Duration::from_secs(6);
    for _ in 0..9 {
        missing.failed(&failing, slot, at(0).at);
    }
    assert!(missing.may_start(&other, at(0).at));
    assert!(!missing.may_start(&failing, at(5_999).at));
    assert!(missing.may_start(&failing, at(6_000).at));
}

#[test]
fn fault_of_our_own_starts_every_clock_anew() {
    let run = run(0);
    let mut missing = asked(&run);
    missing.excuse(at(1_999));
    assert!(!missing.is_withheld(&run, None, PATIENCE, at(3_000)));
    missing.keep(run.ids()[0], at(1_999), |_| false);
    assert!(!missing.is_withheld(&run, None, PATIENCE, at(9_000)));
}
