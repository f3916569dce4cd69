use crate::node::{GENESIS, Node, within};
use std::time::Duration;
use sync_component::{
    SyncSettings,
    ports::{Network, Protocol, RequestFailure},
    wire::{RangeReply, WireLimits, busy_reply, decode},
};

fn at_once(requests_per_peer: usize) -> SyncSettings {
    let mut settings = SyncSettings::default();
    settings.limits.requests_per_peer = requests_per_peer;
    settings
}

#[tokio::test]
async fn more_of_our_requests_than_allowed_fail_here() {
    let mut alice = Node::start_with(&GENESIS, &at_once(2)).await;
    let mut bob = Node::start().await;
    alice.connect(&mut bob).await;
    let mut under_way = Vec::new();
    for _ in 0..2 {
        under_way.push((
            alice.ask(&bob, Protocol::Blocks, b""),
            bob.expect_request().await,
        ));
    }
    let one_more = alice.ask(&bob, Protocol::Blocks, b"").get().await;
    assert_eq!(one_more, Err(RequestFailure::TooManyInFlight));
    let status = alice.ask(&bob, Protocol::Status, b"");
    bob.expect_request().await.reply.send(vec![3]).unwrap();
    assert_eq!(
        status.get().await,
        Ok(vec![3]),
        "blocks never hold up a status"
    );
    for (answer, asked) in under_way {
        asked.reply.send(vec![4]).unwrap();
        assert_eq!(answer.get().await, Ok(vec![4]));
    }
    let again = alice.ask(&bob, Protocol::Blocks, b"");
    bob.expect_request().await.reply.send(vec![5]).unwrap();
    assert_eq!(again.get().await, Ok(vec![5]));
}

#[tokio::test]
async fn mute_peer_can_be_asked_again_once_the_request_is_given_up() {
    let mut patient = at_once(1);
    patient.tier1.timeout = Duration::from_mins(5);
    let mut alice = Node::start_with(&GENESIS, &patient).await;
    let mut bob = Node::start().await;
    alice.connect(&mut bob).await;
    let mut kept = Vec::new();
    for _ in 0..3 {
        let unanswered = alice.ask(&bob, Protocol::Status, b"");
        kept.push(bob.expect_request().await);
        unanswered.give_up().await;
        within(room_for_a_request(&alice, &bob)).await;
    }
}

/// Until a request to `peer` that is not answered is under way; then it is given up.
async fn room_for_a_request(node: &Node, peer: &Node) {
    let peer = peer.peer();
    loop {
        let asked = node.network.request(&peer, Protocol::Status, Vec::new());
        match tokio::time::timeout(Duration::from_millis(100), asked).await {
            Err(_still_waits) => return,
            Ok(refused) => assert_eq!(refused, Err(RequestFailure::TooManyInFlight)),
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn peer_that_asks_for_too_much_at_once_is_told_busy() {
    let mut alice = Node::start().await;
    let mut bob = Node::start_with(&GENESIS, &at_once(1)).await;
    alice.connect(&mut bob).await;
    let mut under_way = Vec::new();
    for _ in 0..2 {
        under_way.push((
            alice.ask(&bob, Protocol::Blocks, b""),
            bob.expect_request().await,
        ));
    }
    let answer = alice.ask(&bob, Protocol::Blocks, b"").get().await.unwrap();
    let cap = WireLimits::new(&SyncSettings::default()).reply_cap(Protocol::Blocks);
    let reply: RangeReply<(), u32> = decode(&answer, cap).unwrap();
    assert!(matches!(reply, RangeReply::Busy { retry_after_ms } if retry_after_ms > 0));
}

#[tokio::test]
async fn requests_that_the_component_has_no_room_for_are_told_busy() {
    let mut cramped = at_once(1);
    cramped.limits.max_peers = 1;
    let mut alice = Node::start().await;
    let mut bob = Node::start_with(&GENESIS, &cramped).await;
    alice.connect(&mut bob).await;
    // The first fills Bob's event queue of one; he does not look at it.
    let first = alice.ask(&bob, Protocol::Status, b"");
    let second = alice.ask(&bob, Protocol::Status, b"");
    let busy = busy_reply(Protocol::Status, Duration::from_secs(1));
    let answers = futures::future::select(Box::pin(first.get()), Box::pin(second.get()));
    let (answer, _) = answers.await.factor_first();
    assert_eq!(answer, Ok(busy));
}
