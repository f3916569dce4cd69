use super::chain::{Narrow, TestChain, Wide, encoded_bytes};
use crate::{
    ports::ReadChain,
    serving::Server,
    settings::SyncSettings,
    wire::{
        BlocksReply, DecodeError, HeadersReply, RangeReply, RangeRequest, RefusedReason, Roles,
        WireLimits,
    },
};
use codec::Encode;
use sp_runtime::{OpaqueExtrinsic, traits::Block as BlockT};

const BODY: usize = 1_000;

fn server(change: impl FnOnce(&mut SyncSettings)) -> Server {
    let mut settings = SyncSettings::default();
    change(&mut settings);
    Server::new(&settings, Roles::Full)
}

fn request<B: BlockT>(start: u32, count: u32, parent: B::Hash) -> Vec<u8> {
    RangeRequest::<B> {
        start: start.into(),
        count,
        parent,
    }
    .encode()
}

fn blocks<B: BlockT>(reply: &[u8]) -> Result<BlocksReply<B>, DecodeError> {
    WireLimits::new(&SyncSettings::default()).decode_blocks_reply(reply, u32::MAX)
}

fn headers<B: BlockT>(reply: &[u8]) -> HeadersReply<B> {
    WireLimits::new(&SyncSettings::default())
        .decode_headers_reply::<B>(reply, u32::MAX)
        .unwrap()
}

fn serves_a_range<B: BlockT<Extrinsic = OpaqueExtrinsic>>() {
    let chain = TestChain::<B>::new(10, BODY);
    let server = server(|_| ());
    let body = request::<B>(3, 4, chain.at(2).hash());
    let expected: Vec<B> = (3..7).map(|n| chain.at(n)).collect();
    let reply = server.blocks(&chain, &body);
    assert_eq!(reply, BlocksReply::<B>::Items(expected.clone()).encode());
    assert_eq!(blocks(&reply).unwrap(), RangeReply::Items(expected.clone()));
    let its_headers = expected
        .iter()
        .map(|block| block.header().clone())
        .collect();
    assert_eq!(
        headers::<B>(&server.headers(&chain, &body)),
        RangeReply::Items(its_headers)
    );
    assert_eq!(
        server.blocks(&chain, &body),
        reply,
        "the same request twice is answered twice"
    );
}

#[test]
fn range_is_served_from_its_start_for_both_block_types() {
    serves_a_range::<Narrow>();
    serves_a_range::<Wide>();
}

#[test]
fn range_beyond_the_tip_ends_at_the_tip() {
    let chain = TestChain::<Narrow>::new(5, BODY);
    let reply = server(|_| ()).blocks(&chain, &request::<Narrow>(4, 100, chain.at(3).hash()));
    let expected = vec![chain.at(4), chain.at(5)];
    assert_eq!(blocks(&reply).unwrap(), RangeReply::Items(expected));
}

#[test]
fn range_on_another_parent_is_not_found() {
    let chain = TestChain::<Narrow>::new(5, BODY);
    let not_found = RangeReply::NotFound { lowest: 0, best: 5 };
    let wrong = request::<Narrow>(3, 1, chain.at(3).hash());
    assert_eq!(
        blocks::<Narrow>(&server(|_| ()).blocks(&chain, &wrong)).unwrap(),
        not_found
    );
    assert_eq!(
        headers::<Narrow>(&server(|_| ()).headers(&chain, &wrong)),
        RangeReply::NotFound { lowest: 0, best: 5 }
    );
}

#[test]
fn range_above_the_tip_is_not_found() {
    let chain = TestChain::<Narrow>::new(5, BODY);
    let reply = server(|_| ()).blocks(&chain, &request::<Narrow>(6, 1, chain.at(5).hash()));
    assert_eq!(
        blocks::<Narrow>(&reply).unwrap(),
        RangeReply::NotFound { lowest: 0, best: 5 }
    );
}

#[test]
fn blocks_below_the_lowest_served_are_not_found_but_their_headers_are() {
    let chain = TestChain::<Narrow>::new(5, BODY);
    chain.serve_from(4);
    let body = request::<Narrow>(2, 1, chain.at(1).hash());
    let reply = server(|_| ()).blocks(&chain, &body);
    assert_eq!(
        blocks::<Narrow>(&reply).unwrap(),
        RangeReply::NotFound { lowest: 4, best: 5 }
    );
    let header = chain.at(2).header().clone();
    assert_eq!(
        headers::<Narrow>(&server(|_| ()).headers(&chain, &body)),
        RangeReply::Items(vec![header])
    );
}

#[test]
fn empty_range_and_range_from_genesis_are_refused() {
    let chain = TestChain::<Narrow>::new(5, BODY);
    let refused = RangeReply::Refused(RefusedReason::EmptyRange);
    for (start, count) in [(1, 0), (0, 1)] {
        let body = request::<Narrow>(start, count, chain.genesis_hash());
        let reply = server(|_| ()).blocks(&chain, &body);
        assert_eq!(blocks::<Narrow>(&reply).unwrap(), refused);
    }
}

#[test]
fn undecodable_request_is_refused() {
    let chain = TestChain::<Narrow>::new(5, BODY);
    let mut too_long = request::<Narrow>(1, 1, chain.genesis_hash());
    too_long.push(0);
    for body in [Vec::new(), vec![1], too_long] {
        let reply = server(|_| ()).blocks(&chain, &body);
        assert_eq!(
            blocks::<Narrow>(&reply).unwrap(),
            RangeReply::Refused(RefusedReason::Undecodable)
        );
    }
}

#[test]
fn reply_stops_at_the_soft_limit() {
    let chain = TestChain::<Narrow>::new(10, BODY);
    let server = server(|s| s.limits.reply_soft_bytes = 3 * encoded_bytes(BODY) + 1);
    let reply = server.blocks(&chain, &request::<Narrow>(1, 10, chain.genesis_hash()));
    let expected = (1..4).map(|n| chain.at(n)).collect();
    assert_eq!(blocks(&reply).unwrap(), RangeReply::Items(expected));
}

#[test]
fn single_block_above_the_soft_limit_goes_alone() {
    let chain = TestChain::<Narrow>::new(10, BODY);
    let server = server(|s| s.limits.reply_soft_bytes = 10);
    let reply = server.blocks(&chain, &request::<Narrow>(1, 10, chain.genesis_hash()));
    assert_eq!(
        blocks(&reply).unwrap(),
        RangeReply::Items(vec![chain.at(1)])
    );
}

#[test]
fn more_than_the_limit_is_cut_to_it() {
    let chain = TestChain::<Narrow>::new(10, BODY);
    let server = server(|s| s.limits.blocks_per_request = 2);
    let reply = server.blocks(
        &chain,
        &request::<Narrow>(1, u32::MAX, chain.genesis_hash()),
    );
    let expected = vec![chain.at(1), chain.at(2)];
    assert_eq!(blocks(&reply).unwrap(), RangeReply::Items(expected));
}

#[test]
fn walk_ends_where_the_best_chain_switched_under_it() {
    let chain = TestChain::<Narrow>::new(10, BODY);
    let before = vec![chain.at(1), chain.at(2)];
    let fork = chain.store_branch(chain.at(0), 12, 1, BODY);
    let body = request::<Narrow>(1, 10, chain.genesis_hash());
    chain.switch_after(2, fork);
    let reply = server(|_| ()).blocks(&chain, &body);
    assert_eq!(blocks(&reply).unwrap(), RangeReply::Items(before));
}

#[test]
fn store_error_is_busy() {
    let chain = TestChain::<Narrow>::new(5, BODY);
    let body = request::<Narrow>(1, 1, chain.genesis_hash());
    chain.break_store();
    let reply = blocks::<Narrow>(&server(|_| ()).blocks(&chain, &body)).unwrap();
    assert!(matches!(reply, RangeReply::Busy { retry_after_ms } if retry_after_ms > 0));
}
