use super::chain::{Narrow, TestChain, Wide};
use crate::{
    ports::ReadChain,
    serving::{Server, Told},
    settings::SyncSettings,
    wire::{
        Activity, RefusedReason, Roles, Standing, Status, StatusReply, StatusRequest, WireLimits,
    },
};
use codec::Encode;
use sp_runtime::{OpaqueExtrinsic, traits::Block as BlockT};

fn ask<B: BlockT>(chain: &TestChain<B>, body: &[u8]) -> StatusReply<B> {
    let settings = SyncSettings::default();
    let told = Told::doing(Activity::Stalled);
    let reply = Server::new(&settings, Roles::Authority).status(chain, told, body);
    WireLimits::new(&settings)
        .decode_status_reply(&reply)
        .unwrap()
}

fn describes_itself<B: BlockT<Extrinsic = OpaqueExtrinsic>>() {
    let chain = TestChain::<B>::new(20, 0);
    let reply = ask(&chain, &StatusRequest::<B>::Status.encode());
    let expected = Status {
        genesis: chain.at(0).hash(),
        roles: Roles::Authority,
        standing: Standing {
            best: chain.best(),
            finalized: chain.finalized(),
            lowest: 0_u32.into(),
            below: (4..20).rev().map(|n| chain.at(n).hash()).collect(),
            activity: Activity::Stalled,
        },
        attestations: Vec::new(),
    };
    assert_eq!(reply, StatusReply::Status(Box::new(expected)));
}

#[test]
fn status_names_tips_and_the_hashes_below_for_both_block_types() {
    describes_itself::<Narrow>();
    describes_itself::<Wide>();
}

#[test]
fn status_near_genesis_has_fewer_hashes() {
    let chain = TestChain::<Narrow>::new(2, 0);
    let StatusReply::Status(status) = ask(&chain, &StatusRequest::<Narrow>::Status.encode()) else {
        panic!("asked for a status");
    };
    assert_eq!(
        status.standing.below,
        vec![chain.at(1).hash(), chain.at(0).hash()]
    );
}

#[test]
fn hashes_come_in_the_order_asked_and_none_above_the_tip() {
    let chain = TestChain::<Narrow>::new(5, 0);
    let reply = ask(
        &chain,
        &StatusRequest::<Narrow>::Hashes(vec![4, 6, 0]).encode(),
    );
    let expected = vec![Some(chain.at(4).hash()), None, Some(chain.at(0).hash())];
    assert_eq!(reply, StatusReply::Hashes(expected));
}

#[test]
fn hashes_are_all_of_one_branch_when_the_best_chain_switches() {
    let chain = TestChain::<Narrow>::new(5, 0);
    let fork = chain.store_branch(chain.at(0), 6, 1, 0);
    let body = StatusRequest::<Narrow>::Hashes(vec![1, 2, 3]).encode();
    chain.switch_after(2, fork.clone());
    let expected = [1, 2, 3].map(|n: usize| Some(fork[n])).to_vec();
    assert_eq!(ask(&chain, &body), StatusReply::Hashes(expected));
}

#[test]
fn too_many_numbers_are_refused() {
    let chain = TestChain::<Narrow>::new(5, 0);
    let body = StatusRequest::<Narrow>::Hashes(vec![1; 257]).encode();
    assert_eq!(
        ask(&chain, &body),
        StatusReply::Refused(RefusedReason::TooMany)
    );
}

#[test]
fn undecodable_request_is_refused() {
    let chain = TestChain::<Narrow>::new(5, 0);
    assert_eq!(
        ask(&chain, &[9]),
        StatusReply::Refused(RefusedReason::Undecodable)
    );
}

#[test]
fn store_error_is_busy() {
    let chain = TestChain::<Narrow>::new(5, 0);
    chain.break_store();
    for request in [
        StatusRequest::<Narrow>::Status,
        StatusRequest::Hashes(vec![1]),
    ] {
        assert!(matches!(
            ask(&chain, &request.encode()),
            StatusReply::Busy { .. }
        ));
    }
}
