#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use super::{Charge, Offence, PeerTable};
use crate::{
    BlockId,
    ports::{MonoTime, PeerId},
    test_kit::{Forge, SmallBlock},
    wire::{Activity, Roles, Standing, Status},
};
use sp_core::H256;
use sp_runtime::traits::Block as BlockT;
use std::time::Duration;

const BAN: Duration = Duration::from_hours(1);

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

fn table(peers: &[(&str, u32)]) -> PeerTable<SmallBlock> {
    let mut table = PeerTable::new(8);
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
        table.charge(&peer("liar"), Offence::ProvablyWrong, at(1), BAN),
        Charge::Banned { instead_of: None }
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
            table.charge(&peer("odd"), Offence::Contradiction, at(0), BAN),
            Charge::Noted
        );
    }
    // After one half-life 40 points are 20, so there is room for two more.
    for _ in 0..2 {
        assert_eq!(
            table.charge(&peer("odd"), Offence::Contradiction, at(600), BAN),
            Charge::Noted
        );
    }
    assert_eq!(
        table.charge(&peer("odd"), Offence::Contradiction, at(600), BAN),
        Charge::Banned { instead_of: None }
    );
}

#[test]
fn free_identities_fill_neither_the_table_nor_the_bans() {
    let mut table = PeerTable::<SmallBlock>::new(8);
    for n in 0..100_u32 {
        let id = PeerId::from_bytes(&n.to_le_bytes());
        table.connected(id.clone(), at(0));
        assert!(table.len() <= 8);
        table.charge(&id, Offence::ProvablyWrong, at(n.into()), BAN);
    }
    assert!(table.lift_expired(at(1_000_000)).len() <= 8);
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
    table.delivered(&peer("silent"));
    assert_eq!(table.holders(7).first(), Some(&peer("silent")));
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
