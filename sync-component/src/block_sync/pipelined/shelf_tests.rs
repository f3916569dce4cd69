#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use super::{
    chain::Chain,
    shelf::{Ready, Shelf},
};
use crate::{
    BlockId,
    block_sync::scheduler::{Experience, Room},
    headers::{Beyond, VerifiedTip},
    ports::{CheckedBlocks, PeerId},
    test_kit::{Forge, SmallBlock},
};
use sp_runtime::traits::Block;
use std::collections::BTreeMap;

const WINDOW: Room = Room {
    blocks: 20,
    bytes: 2_000,
};

/// Twenty blocks on genesis.
fn blocks(salt: u8) -> Vec<SmallBlock> {
    let genesis: SmallBlock = Forge::genesis();
    Forge::new(1).chain(genesis.header(), 1.into(), 20, salt)
}

/// What a session fetches that is to reach `blocks[to]` on the stored `blocks[from]`.
fn job(blocks: &[SmallBlock], from: usize, to: usize) -> (Chain<SmallBlock>, u64) {
    let base = blocks[from].header().clone();
    let headers = blocks[from + 1..=to]
        .iter()
        .map(|block| block.header().clone());
    let id = BlockId::of(&base);
    let run = VerifiedTip::new(id, id, headers.collect(), Beyond::Nothing).unwrap();
    (Chain::above(base, run), id.height())
}

/// So many blocks from `blocks[from]` on, of 100 bytes each, are ready.
fn ready(blocks: &[SmallBlock], from: usize, count: usize) -> (u64, Ready<SmallBlock>) {
    let blocks = blocks[from..from + count].to_vec();
    let ready = Ready {
        blocks: CheckedBlocks::unchecked(blocks),
        from: PeerId::from_bytes(b"P"),
        bytes: 100 * count,
    };
    (from as u64 + 1, ready)
}

fn keep(shelf: &Shelf<SmallBlock>, ready: impl IntoIterator<Item = (u64, Ready<SmallBlock>)>) {
    shelf.keep(ready.into_iter().collect(), Experience::default(), WINDOW);
}

/// Where the pieces begin and how many blocks they have.
fn spans(taken: &BTreeMap<u64, Ready<SmallBlock>>) -> Vec<(u64, usize)> {
    taken
        .iter()
        .map(|(start, ready)| (*start, ready.blocks.len()))
        .collect()
}

fn take(shelf: &Shelf<SmallBlock>, (chain, above): (Chain<SmallBlock>, u64)) -> Vec<(u64, usize)> {
    spans(&shelf.take(&chain, above))
}

#[test]
fn what_a_session_left_outlives_a_short_one_for_another_tip() {
    let (ours, rival, shelf) = (blocks(0), blocks(1), Shelf::default());
    keep(&shelf, [ready(&ours, 10, 4), ready(&ours, 16, 2)]);
    assert_eq!(take(&shelf, job(&rival, 8, 9)), []);
    keep(&shelf, []);
    assert_eq!(take(&shelf, job(&ours, 8, 19)), [(11, 4), (17, 2)]);
    assert_eq!(take(&shelf, job(&ours, 8, 19)), [], "taken");
}

#[test]
fn what_is_of_two_chains_lies_side_by_side() {
    let (ours, rival, shelf) = (blocks(0), blocks(1), Shelf::default());
    keep(&shelf, [ready(&ours, 10, 4)]);
    assert_eq!(take(&shelf, job(&rival, 8, 12)), []);
    keep(&shelf, [ready(&rival, 10, 2)]);
    assert_eq!(take(&shelf, job(&ours, 8, 19)), [(11, 4)]);
    keep(&shelf, []);
    assert_eq!(take(&shelf, job(&rival, 8, 12)), [(11, 2)]);
}

#[test]
fn no_more_lies_there_than_fits_in_the_window() {
    let (ours, rival, shelf) = (blocks(0), blocks(1), Shelf::default());
    // With 15 blocks to fetch there is room for five.
    keep(&shelf, [ready(&ours, 10, 6), ready(&ours, 16, 3)]);
    assert_eq!(take(&shelf, job(&rival, 4, 19)), []);
    keep(&shelf, []);
    assert_eq!(take(&shelf, job(&ours, 8, 19)), [(17, 3)]);
    // What the last session had goes first, also by its bytes.
    keep(&shelf, [ready(&ours, 10, 4), ready(&ours, 16, 2)]);
    assert_eq!(take(&shelf, job(&rival, 8, 9)), []);
    let (start, mut large) = ready(&rival, 9, 1);
    large.bytes = WINDOW.bytes - 300;
    keep(&shelf, [(start, large)]);
    assert_eq!(take(&shelf, job(&ours, 8, 19)), [(17, 2)]);
}

#[test]
fn blocks_that_two_sessions_fetched_are_taken_once() {
    let (ours, rival, shelf) = (blocks(0), blocks(1), Shelf::default());
    keep(&shelf, [ready(&ours, 10, 6)]);
    assert_eq!(take(&shelf, job(&rival, 8, 9)), []);
    keep(&shelf, [ready(&ours, 9, 4), ready(&ours, 13, 1)]);
    assert_eq!(take(&shelf, job(&ours, 8, 19)), [(10, 4), (14, 3)]);
}

#[test]
fn two_chains_share_what_is_below_their_fork() {
    let (ours, shelf) = (blocks(0), Shelf::default());
    let parent = ours[13].header();
    let others: Vec<SmallBlock> = Forge::new(1).chain(parent, 15.into(), 6, 1);
    let rival = [&ours[..14], &others].concat();
    keep(&shelf, [ready(&ours, 10, 6)]);
    assert_eq!(take(&shelf, job(&rival, 8, 15)), [(11, 4)]);
    // Nor is more lost by a chain that ends in the middle.
    keep(&shelf, []);
    assert_eq!(take(&shelf, job(&ours, 8, 14)), [(15, 1)]);
    keep(&shelf, []);
    assert_eq!(take(&shelf, job(&ours, 8, 19)), [(16, 1)]);
}

#[test]
fn what_is_stored_by_now_leaves() {
    let (ours, rival, shelf) = (blocks(0), blocks(1), Shelf::default());
    keep(&shelf, [ready(&ours, 6, 4), ready(&ours, 10, 4)]);
    assert_eq!(take(&shelf, job(&rival, 11, 12)), []);
    keep(&shelf, []);
    assert_eq!(take(&shelf, job(&ours, 4, 19)), [(11, 4)]);
    keep(&shelf, [ready(&ours, 10, 4)]);
    assert_eq!(take(&shelf, job(&ours, 11, 19)), [(13, 2)]);
}
