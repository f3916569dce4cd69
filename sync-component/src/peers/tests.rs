#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use super::{Ban, Charge, Ledger, Offence, PeerTable, Span, UnreadableLedger, observe};
use crate::{
    BlockId,
    ports::{Clock, ImportBlocks, MonoTime, PeerId, ReadChain, UnixMillis},
    settings::Limits,
    test_kit::{Forge, ReferenceBridge, SLOT, SmallBlock, VirtualClock},
    wire::{Activity, Roles, Standing, Status},
};
use sp_core::H256;
use sp_runtime::traits::{BlakeTwo256, Block as BlockT, Hash};
use std::{sync::Arc, time::Duration};

fn at(seconds: u64) -> MonoTime {
    MonoTime(Duration::from_secs(seconds))
}

fn peer(name: &str) -> PeerId {
    PeerId::from_bytes(name.as_bytes())
}

fn status(best: BlockId<SmallBlock>) -> Status<SmallBlock> {
    let standing = Standing {
        best,
        finalized: BlockId::new(0, H256::zero()),
        lowest: 0,
        below: Vec::new(),
        activity: Activity::Serving,
    };
    Status {
        genesis: H256::zero(),
        roles: Roles::Full,
        standing,
        attestations: Vec::new(),
    }
}

/// The defaults, with room for eight.
fn limits() -> Limits {
    Limits {
        max_peers: 8,
        remembered_peers: 8,
        ..Limits::default()
    }
}

fn table(peers: &[(&str, u32)]) -> PeerTable<SmallBlock> {
    let mut table = PeerTable::new(8, Ledger::new(&limits()));
    for (name, height) in peers {
        table.connected(peer(name), at(0));
        table.told(
            &peer(name),
            status(BlockId::new(*height, H256::repeat_byte(1))),
            at(0),
        );
    }
    table
}

#[test]
fn proven_fault_bans_at_once_and_the_ban_ends() {
    let mut table = table(&[("liar", 5), ("honest", 5)]);
    assert_eq!(
        table.charge(&peer("liar"), Offence::ProvablyWrong, at(1)),
        Charge::Banned
    );
    assert!(table.is_banned(&peer("liar")) && table.get(&peer("liar")).is_none());
    table.connected(peer("liar"), at(2));
    assert_eq!(
        table.len(),
        1,
        "a banned peer does not come back by connecting"
    );
    assert!(table.lift_expired(at(3_600)).is_empty());
    assert_eq!(table.lift_expired(at(3_601)), [peer("liar")]);
}

#[test]
fn small_offences_add_up_and_are_forgotten_by_halves() {
    let mut table = table(&[("odd", 5)]);
    for _ in 0..4 {
        assert_eq!(
            table.charge(&peer("odd"), Offence::Contradiction, at(0)),
            Charge::Noted
        );
    }
    // After one half-life 40 points are 20, so there is room for two more.
    for _ in 0..2 {
        assert_eq!(
            table.charge(&peer("odd"), Offence::Contradiction, at(600)),
            Charge::Noted
        );
    }
    assert_eq!(
        table.charge(&peer("odd"), Offence::Contradiction, at(600)),
        Charge::Banned
    );
}

#[test]
fn free_identities_fill_neither_the_table_nor_the_bans() {
    let mut table = PeerTable::<SmallBlock>::new(8, Ledger::new(&limits()));
    for n in 0..100_u32 {
        let id = PeerId::from_bytes(&n.to_le_bytes());
        table.connected(id.clone(), at(0));
        assert!(table.len() <= 8);
        table.charge(&id, Offence::ProvablyWrong, at(n.into()));
    }
    assert_eq!(table.ledger().iter().count(), 8);
    let let_in = table.lift_expired(at(1_000_000)).len();
    assert_eq!(let_in, 100, "those that made room, and the others by time");
}

#[test]
fn holders_are_those_that_claim_the_block_the_silent_ones_last() {
    let mut table = table(&[("fast", 9), ("low", 3), ("silent", 9), ("slow", 9)]);
    table.answered(&peer("fast"), Duration::from_millis(5));
    table.answered(&peer("slow"), Duration::from_millis(900));
    table.answered(&peer("silent"), Duration::from_millis(1));
    table.undelivered(&peer("silent"));
    assert_eq!(
        table.holders(7),
        [peer("fast"), peer("slow"), peer("silent")]
    );
    table.answered(&peer("silent"), Duration::from_millis(1));
    assert_ne!(
        table.holders(7).first(),
        Some(&peer("silent")),
        "a status is no block"
    );
    table.disconnected(&peer("silent"), at(0));
    table.connected(peer("silent"), at(0));
    assert_eq!(
        table.get(&peer("silent")).unwrap().undelivered,
        1,
        "coming back wipes nothing out"
    );
    let claimed = status(BlockId::new(9, H256::repeat_byte(1)));
    table.told(&peer("silent"), claimed, at(0));
    table.delivered(&peer("silent"), 100, Duration::from_millis(1));
    assert_eq!(table.holders(7).first(), Some(&peer("silent")));
}

#[test]
fn who_delivered_before_is_asked_before_the_untried_after_a_lost_answer() {
    let mut table = table(&[("a new one", 9), ("old", 9), ("z new one", 9)]);
    table.delivered(&peer("old"), 100, Duration::from_millis(900));
    for _ in 0..2 {
        assert_eq!(table.holders(7).first(), Some(&peer("old")));
        table.undelivered(&peer("old"));
    }
    // Now it is as good as an untried one; once more, and it is worse.
    table.undelivered(&peer("old"));
    assert_eq!(table.holders(7).last(), Some(&peer("old")));
}

#[test]
fn announcement_moves_the_claim_up_and_down() {
    let forge = Forge::new(1);
    let genesis: SmallBlock = Forge::genesis();
    let chain: Vec<SmallBlock> = forge.chain(genesis.header(), 1.into(), 3, 0);
    let mut table = table(&[("peer", 0)]);
    for block in &chain {
        table.announced(&peer("peer"), block.header(), 2, at(1));
    }
    let sighting = table.get(&peer("peer")).unwrap().sighting.clone().unwrap();
    assert_eq!(sighting.standing.best, BlockId::of(chain[2].header()));
    assert_eq!(sighting.hash_at(2), Some(chain[1].header().hash()));
    assert_eq!(sighting.hash_at(1), Some(chain[0].header().hash()));
    assert_eq!((sighting.hash_at(0), sighting.hash_at(4)), (None, None));
    table.announced(&peer("peer"), chain[1].header(), 2, at(2));
    let best = table
        .get(&peer("peer"))
        .unwrap()
        .sighting
        .clone()
        .unwrap()
        .standing
        .best;
    assert_eq!(best.height(), 2, "a peer may go back");
}

const WALL: UnixMillis = UnixMillis(1_700_000_000_000);

fn read(ledger: &[u8], down: Duration) -> Result<Ledger, UnreadableLedger> {
    let wall = UnixMillis(WALL.0 + u64::try_from(down.as_millis()).unwrap());
    Ledger::from_bytes(ledger, &limits(), at(0), wall)
}

/// One peer that was consistent for an hour and has lost 40 points, one that is banned for an hour, one that the operator
/// banned.
fn a_ledger() -> Ledger {
    let mut ledger = Ledger::new(&limits());
    ledger.connected(&peer("friend"), at(0));
    ledger.reached(
        &peer("friend"),
        "/ip4/127.0.0.1/tcp/30333/p2p/friend".to_owned(),
    );
    ledger.answered(&peer("friend"), Duration::from_millis(50));
    ledger.delivered(&peer("friend"), 1_000_000, Duration::from_secs(2));
    ledger.consistent(&peer("friend"), Duration::from_hours(1));
    for _ in 0..4 {
        ledger.charge(&peer("friend"), Offence::Contradiction, at(0));
    }
    ledger.charge(&peer("liar"), Offence::ProvablyWrong, at(0));
    ledger.ban(&peer("enemy"), at(0));
    ledger
}

#[test]
fn ledger_survives_a_restart_and_our_downtime_takes_no_trust_away() {
    let bytes = a_ledger().to_bytes(at(0), WALL);
    let ledger = read(&bytes, Duration::from_mins(10)).unwrap();
    let friend = ledger.get(&peer("friend")).unwrap();
    assert_eq!(friend.consistent, Duration::from_hours(1));
    assert!(
        (friend.trust(at(0)) + 20.0).abs() < 0.1,
        "one half-life has passed"
    );
    assert_eq!(friend.latency, Some(Duration::from_millis(50)));
    assert_eq!(friend.rate, Some(500_000.0));
    assert!(friend.address.as_deref().unwrap().contains("30333"));
    assert!(!friend.is_connected());
    let left = Duration::from_mins(50);
    assert_eq!(
        ledger.get(&peer("liar")).unwrap().ban,
        Some(Ban::Until(MonoTime(left)))
    );
    // A clock that was set back by a year makes no ban longer.
    let early = UnixMillis(WALL.0 - 31_536_000_000);
    let ledger = Ledger::from_bytes(&bytes, &limits(), at(0), early).unwrap();
    assert_eq!(
        ledger.get(&peer("liar")).unwrap().ban,
        Some(Ban::Until(at(3_600)))
    );
    let mut ledger = read(&bytes, Duration::from_hours(2)).unwrap();
    assert_eq!(ledger.lift_expired(at(0)), [peer("liar")]);
    assert!(
        ledger.is_banned(&peer("enemy")),
        "until the operator says so"
    );
    assert!(ledger.unban(&peer("enemy"), at(0)) && !ledger.unban(&peer("enemy"), at(0)));
    assert_eq!(ledger.lift_expired(at(0)), [peer("enemy")]);
}

#[test]
fn damaged_ledger_is_refused_whatever_the_damage() {
    let bytes = a_ledger().to_bytes(at(0), WALL);
    for length in 0..bytes.len() {
        assert!(read(&bytes[..length], Duration::ZERO).is_err());
    }
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x10;
        assert!(read(&damaged, Duration::ZERO).is_err(), "byte {at}");
    }
}

#[test]
fn ledger_file_has_these_bytes() {
    let mut ledger = Ledger::new(&limits());
    ledger.connected(&peer("ab"), at(0));
    ledger.consistent(&peer("ab"), Duration::from_secs(1));
    ledger.ban(&peer("cd"), at(0));
    let bytes = ledger.to_bytes(at(0), UnixMillis(5));
    let (body, sum) = bytes.split_at(bytes.len() - 32);
    assert_eq!(sum, BlakeTwo256::hash(body).as_bytes());
    let expected = concat!(
        "746965722d73796e632070656572732031 0a", // "tier-sync peers 1\n"
        "0500000000000000 08",                   // saved at 5 ms, two peers
        "08 6162 00000000 00 00 e803000000000000 00 00",
        "08 6364 00000000 00 00 0000000000000000 00 01 01",
    );
    assert_eq!(hex::encode(body), expected.replace(' ', ""));
}

#[test]
fn who_stays_is_not_pushed_out_by_free_identities() {
    let mut ledger = Ledger::new(&limits());
    ledger.connected(&peer("friend"), at(0));
    ledger.consistent(&peer("friend"), Duration::from_hours(6));
    ledger.disconnected(&peer("friend"), at(0));
    ledger.ban(&peer("enemy"), at(0));
    for n in 0..100_u32 {
        let id = PeerId::from_bytes(&n.to_le_bytes());
        ledger.connected(&id, at(0));
        ledger.disconnected(&id, at(0));
    }
    assert_eq!(ledger.iter().count(), 9, "eight, and the operator's ban");
    assert!(ledger.get(&peer("friend")).is_some() && ledger.is_banned(&peer("enemy")));
}

#[test]
fn short_absence_takes_nothing_away_and_a_long_one_begins_anew() {
    let mut ledger = Ledger::new(&limits());
    ledger.connected(&peer("friend"), at(0));
    ledger.consistent(&peer("friend"), Duration::from_hours(6));
    let consistent = |ledger: &Ledger| ledger.get(&peer("friend")).unwrap().consistent;
    ledger.disconnected(&peer("friend"), at(0));
    ledger.connected(&peer("friend"), at(300));
    assert_eq!(consistent(&ledger), Duration::from_hours(6));
    ledger.disconnected(&peer("friend"), at(300));
    ledger.connected(&peer("friend"), at(601));
    assert_eq!(consistent(&ledger), Duration::ZERO);
}

#[test]
fn only_observed_time_without_contradiction_counts() {
    let forge = Forge::new(1);
    let genesis: SmallBlock = Forge::genesis();
    let ours: Vec<SmallBlock> = forge.chain(genesis.header(), 1.into(), 12, 0);
    let theirs: Vec<SmallBlock> = forge.chain(genesis.header(), 1.into(), 12, 1);
    let clock: Arc<dyn Clock> = Arc::new(VirtualClock::starting_at(UnixMillis(1_000_000)));
    let chain = ReferenceBridge::new(&forge, SLOT, 5, clock);
    assert!(chain.import(ours.clone()).failure.is_none());
    assert_eq!(chain.finalized().height(), 7);

    let limits = Limits {
        max_peers: 9,
        remembered_peers: 9,
        ..limits()
    };
    let mut table = PeerTable::new(9, Ledger::new(&limits));
    let mut tell = |name: &str, blocks: &[SmallBlock], when| {
        let hashes: Vec<H256> = blocks.iter().map(|block| block.header().hash()).collect();
        let tip = BlockId::of(blocks.last().unwrap().header());
        let mut told = status(tip);
        told.standing.below = hashes.into_iter().rev().skip(1).collect();
        table.connected(peer(name), at(0));
        table.told(&peer(name), told, at(when));
    };
    tell("same", &ours, 100);
    tell("behind", &ours[..5], 100);
    tell("ahead, not yet known", &theirs[11..], 100);
    tell(
        "forked above the finalised block",
        &[&ours[..8], &theirs[8..9]].concat(),
        100,
    );
    tell("forked at the finalised block", &theirs[..7], 100);
    tell("forked below and behind", &theirs[..3], 100);
    tell("silent for long", &ours, 0);
    table.connected(peer("never told"), at(0));

    let span = Span {
        last: at(90),
        now: at(100),
        fresh: Duration::from_secs(20),
    };
    let hours: Vec<_> = table.iter().map(|(peer, _)| peer.clone()).collect();
    for id in &hours {
        table
            .ledger_mut()
            .consistent(id, Duration::from_secs(1_000));
    }
    observe(&mut table, &chain, None, 5, span).unwrap();
    let seconds = |table: &PeerTable<SmallBlock>, name: &str| {
        table.record(&peer(name)).unwrap().consistent.as_secs()
    };
    assert_eq!(seconds(&table, "same"), 1_010);
    assert_eq!(seconds(&table, "behind"), 1_010);
    assert_eq!(seconds(&table, "ahead, not yet known"), 1_010);
    assert_eq!(seconds(&table, "forked above the finalised block"), 1_010);
    assert_eq!(seconds(&table, "forked at the finalised block"), 0);
    assert_eq!(seconds(&table, "forked below and behind"), 0);
    assert_eq!(seconds(&table, "silent for long"), 1_000);
    assert_eq!(seconds(&table, "never told"), 1_000);

    // One that claims the consensus block and another past takes nothing from the others.
    let consensus = BlockId::of(ours[11].header());
    let mut liar = status(consensus);
    liar.standing.below = theirs[..11]
        .iter()
        .rev()
        .map(|block| block.header().hash())
        .collect();
    let first = PeerId::from_bytes(&[0]);
    table.connected(first.clone(), at(0));
    table.told(&first, liar, at(100));
    let ours_only = ReferenceBridge::new(
        &forge,
        SLOT,
        12,
        Arc::new(VirtualClock::starting_at(UnixMillis(1_000_000))),
    );
    for known in [&ours[..], &ours[..5]] {
        let before = seconds(&table, "same");
        assert!(ours_only.import(known.to_vec()).failure.is_none());
        observe(&mut table, &ours_only, Some(consensus), 5, span).unwrap();
        assert_eq!(seconds(&table, "same"), before + 10);
    }
    assert_eq!(table.record(&first).unwrap().consistent, Duration::ZERO);
    table.disconnected(&first, at(100));
    for id in &hours {
        table.ledger_mut().contradicted(id);
        table
            .ledger_mut()
            .consistent(id, Duration::from_secs(1_010));
    }

    // Whoever is off the consensus block deep enough, even where nothing of ours is final.
    let empty = ReferenceBridge::new(
        &forge,
        SLOT,
        5,
        Arc::new(VirtualClock::starting_at(UnixMillis(1_000_000))),
    );
    observe(&mut table, &empty, Some(consensus), 5, span).unwrap();
    assert_eq!(seconds(&table, "same"), 1_020);
    observe(&mut table, &empty, Some(consensus), 3, span).unwrap();
    assert_eq!(seconds(&table, "forked above the finalised block"), 1_030);
    observe(&mut table, &empty, Some(consensus), 2, span).unwrap();
    assert_eq!(seconds(&table, "forked above the finalised block"), 0);
    assert_eq!(seconds(&table, "same"), 1_040);
}
