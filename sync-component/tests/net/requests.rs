use crate::node::{GENESIS, Node, Seen, within};
use libp2p::core::upgrade::Version;
use sync_component::{
    SyncSettings,
    net::Bandwidth,
    ports::{Network, PeerId, Protocol, RequestFailure},
};

#[tokio::test]
async fn request_and_reply_pass_on_each_protocol() {
    let (mut alice, mut bob) = (Node::start().await, Node::start().await);
    alice.connect(&mut bob).await;
    for protocol in Protocol::ALL {
        let answer = alice.ask(&bob, protocol, b"question");
        let asked = bob.expect_request().await;
        assert_eq!(
            (asked.protocol, asked.body.as_slice()),
            (protocol, b"question".as_slice())
        );
        asked.reply.send(b"the answer".to_vec()).unwrap();
        assert_eq!(answer.get().await, Ok(b"the answer".to_vec()));
    }
}

#[tokio::test]
async fn either_end_of_a_connection_may_ask() {
    let (mut alice, mut bob) = (Node::start().await, Node::start().await);
    alice.connect(&mut bob).await;
    let answer = bob.ask(&alice, Protocol::Status, b"");
    alice.expect_request().await.reply.send(vec![1]).unwrap();
    assert_eq!(answer.get().await, Ok(vec![1]));
}

#[tokio::test]
async fn large_reply_arrives_whole() {
    let (mut alice, mut bob) = (Node::start().await, Node::start().await);
    alice.connect(&mut bob).await;
    let large: Vec<u8> = (0..8 * 1024 * 1024_u32)
        .map(|n| n.to_le_bytes()[1])
        .collect();
    let answer = alice.ask(&bob, Protocol::Blocks, b"");
    bob.expect_request()
        .await
        .reply
        .send(large.clone())
        .unwrap();
    assert!(answer.get().await.unwrap() == large);
}

#[tokio::test]
async fn concurrent_requests_of_several_kinds_each_get_their_own_answer() {
    let (mut alice, mut bob) = (Node::start().await, Node::start().await);
    alice.connect(&mut bob).await;
    let mut answers = Vec::new();
    for n in 0..8_u8 {
        for protocol in Protocol::ALL {
            let expected = [&[n], protocol.suffix().as_bytes()].concat();
            answers.push((alice.ask(&bob, protocol, &[n]), expected));
        }
    }
    let mut asked = Vec::new();
    for _ in 0..answers.len() {
        asked.push(bob.expect_request().await);
    }
    // The last to ask is answered first.
    for request in asked.into_iter().rev() {
        let reply = [&request.body, request.protocol.suffix().as_bytes()].concat();
        request.reply.send(reply).unwrap();
    }
    for (answer, expected) in answers {
        assert_eq!(answer.get().await, Ok(expected));
    }
}

#[tokio::test]
async fn mute_peer_holds_nobody_up() {
    let (mut alice, mut bob) = (Node::start().await, Node::start().await);
    let mut mute = Node::start().await;
    alice.connect(&mut mute).await;
    alice.connect(&mut bob).await;
    let unanswered = alice.ask(&mute, Protocol::Status, b"");
    let _kept = mute.expect_request().await;
    let answer = alice.ask(&bob, Protocol::Status, b"");
    bob.expect_request().await.reply.send(vec![2]).unwrap();
    assert_eq!(answer.get().await, Ok(vec![2]));
    unanswered.give_up().await;
}

#[tokio::test]
async fn late_answer_is_dropped_and_never_matched_to_another_request() {
    let (mut alice, mut bob) = (Node::start().await, Node::start().await);
    alice.connect(&mut bob).await;
    let first = alice.ask(&bob, Protocol::Status, b"first");
    let late = bob.expect_request().await;
    first.give_up().await;
    let second = alice.ask(&bob, Protocol::Status, b"second");
    let asked = bob.expect_request().await;
    late.reply.send(b"to the first".to_vec()).unwrap();
    asked.reply.send(b"to the second".to_vec()).unwrap();
    assert_eq!(second.get().await, Ok(b"to the second".to_vec()));
}

#[tokio::test]
async fn peer_of_another_chain_is_unsupported_and_let_go() {
    let settings = SyncSettings::default();
    for version in [Version::V1, Version::V1Lazy] {
        let mut alice = Node::negotiating(version, &GENESIS, &settings).await;
        let mut bob = Node::negotiating(version, &[0xcd; 32], &settings).await;
        alice.connect(&mut bob).await;
        let answer = alice.ask(&bob, Protocol::Status, b"");
        assert_eq!(answer.get().await, Err(RequestFailure::Unsupported));
        alice.expect_seen(Seen::Foreign).await;
        alice.expect_disconnected(&bob).await;
        bob.expect_disconnected(&alice).await;
    }
}

#[tokio::test]
async fn reply_above_its_cap_is_a_broken_envelope() {
    let mut careful = SyncSettings::default();
    careful.limits.reply_hard_bytes = 1_000;
    let mut alice = Node::start_with(&GENESIS, &careful).await;
    let mut bob = Node::start().await;
    alice.connect(&mut bob).await;
    let answer = alice.ask(&bob, Protocol::Blocks, b"");
    bob.expect_request()
        .await
        .reply
        .send(vec![0; 2_000])
        .unwrap();
    assert_eq!(answer.get().await, Err(RequestFailure::BrokenEnvelope));
    let answer = alice.ask(&bob, Protocol::Blocks, b"");
    bob.expect_request()
        .await
        .reply
        .send(vec![0; 1_000])
        .unwrap();
    assert_eq!(answer.get().await, Ok(vec![0; 1_000]));
}

#[tokio::test]
async fn request_without_an_answer_ends_as_disconnected() {
    let (mut alice, mut bob) = (Node::start().await, Node::start().await);
    alice.connect(&mut bob).await;
    let answer = alice.ask(&bob, Protocol::Status, b"");
    drop(bob.expect_request().await.reply);
    assert_eq!(answer.get().await, Err(RequestFailure::Disconnected));
}

#[tokio::test]
async fn request_to_a_stranger_fails_at_once() {
    let (alice, bob) = (Node::start().await, Node::start().await);
    let answer = alice.ask(&bob, Protocol::Status, b"").get().await;
    assert_eq!(answer, Err(RequestFailure::Disconnected));
    let nobody = PeerId::from_bytes(b"no libp2p peer id");
    let answer = within(alice.network.request(&nobody, Protocol::Status, Vec::new())).await;
    assert_eq!(answer, Err(RequestFailure::Disconnected));
}

#[tokio::test]
async fn bandwidth_counts_the_bodies_of_both_directions() {
    let (mut alice, mut bob) = (Node::start().await, Node::start().await);
    alice.connect(&mut bob).await;
    let answer = alice.ask(&bob, Protocol::Headers, &[1; 10]);
    bob.expect_request().await.reply.send(vec![2; 300]).unwrap();
    answer.get().await.unwrap();
    let expected = Bandwidth {
        received: 300,
        sent: 10,
    };
    assert_eq!(alice.network.bandwidth(), expected);
}
