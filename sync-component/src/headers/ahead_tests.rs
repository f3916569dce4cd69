#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use super::{
    ahead::{Answers, Fetched},
    claimants::{Claimant, Claimants, Lagging},
};
use crate::{
    BlockId,
    ports::{MonoTime, PeerId},
    test_kit::{Forge, SmallBlock},
};
use sp_runtime::traits::Block;
use std::time::Duration;

/// Three answers of four headers and one of two, above genesis; somebody lacks the rest.
fn fetched() -> (Fetched<SmallBlock>, Vec<BlockId<SmallBlock>>) {
    let genesis: SmallBlock = Forge::genesis();
    let chain: Vec<SmallBlock> = Forge::new(1).chain(genesis.header(), 1.into(), 14, 0);
    let headers: Vec<_> = chain.iter().map(|block| block.header().clone()).collect();
    let ids: Vec<_> = headers.iter().map(BlockId::of).collect();
    let peer = PeerId::from_bytes(b"P");
    let claim = Claimant {
        peer: &peer,
        tip: ids[13],
        latency: None,
    };
    let claimants = Claimants::of(
        &[claim],
        &Lagging::default(),
        Duration::from_secs(1),
        MonoTime(Duration::ZERO),
    )
    .unwrap();
    let answers = Answers {
        number: 0,
        parts: headers.chunks(4).map(<[_]>::to_vec).collect(),
        lacking: [peer.clone()].into(),
    };
    let from = BlockId::of(genesis.header());
    (Fetched::new(claimants, from, 16, answers), ids)
}

#[test]
fn part_of_what_came_keeps_whom_each_answer_is_of() {
    let (mut fetched, ids) = fetched();
    let first = fetched.first(2).unwrap();
    assert_eq!((first.wanted, fetched.wanted), (8, 8));
    assert_eq!(first.requests(), 0..2);
    assert_eq!(fetched.requests(), 2..4);
    // What follows goes on where the first part ends.
    assert_eq!(fetched.from(), ids[7]);
    // Who lacks what was asked for is told once.
    assert_eq!((first.lacking(), fetched.lacking()), (1, 0));
    let second = fetched.first(1).unwrap();
    assert_eq!((second.requests(), fetched.requests()), (2..3, 3..4));
    assert_eq!((second.wanted, fetched.wanted), (4, 4));
}

#[test]
fn nothing_is_left_behind_all_that_came() {
    let (mut fetched, ids) = fetched();
    assert!(fetched.first(4).is_none());
    assert_eq!(fetched.requests(), 0..4);
    assert!(fetched.from().number < ids[0].number);
}
