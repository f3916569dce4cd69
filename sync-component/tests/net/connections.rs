use crate::node::{GENESIS, Node, Seen};
use sync_component::{
    SyncSettings,
    ports::{Network, NetworkEvent, Protocol, RequestFailure},
};

#[tokio::test]
async fn second_connection_to_a_peer_is_no_news() {
    let (mut alice, mut bob) = (Node::start().await, Node::start().await);
    alice.connect(&mut bob).await;
    alice.expect_seen(Seen::Established).await;
    alice.dial(&bob);
    alice.expect_seen(Seen::Established).await;
    assert!(alice.no_event());
    alice.disconnect(&bob);
    alice.expect_disconnected(&bob).await;
    bob.expect_disconnected(&alice).await;
    alice.expect_seen(Seen::Closed).await;
    alice.expect_seen(Seen::Closed).await;
    assert!(alice.no_event() && bob.no_event());
}

#[tokio::test]
async fn lost_connection_ends_requests_as_disconnected() {
    let (mut alice, mut bob) = (Node::start().await, Node::start().await);
    alice.connect(&mut bob).await;
    let answer = alice.ask(&bob, Protocol::Status, b"");
    let _kept = bob.expect_request().await;
    bob.disconnect(&alice);
    assert_eq!(answer.get().await, Err(RequestFailure::Disconnected));
    alice.expect_disconnected(&bob).await;
}

#[tokio::test]
async fn node_that_stops_is_disconnected() {
    let (mut alice, mut bob) = (Node::start().await, Node::start().await);
    alice.connect(&mut bob).await;
    let bobs = bob.peer();
    drop(bob);
    let event = alice.event().await;
    assert!(
        matches!(&event, NetworkEvent::Disconnected(peer) if *peer == bobs),
        "{event:?}"
    );
}

#[tokio::test]
async fn refused_peer_is_cut_off_until_it_is_allowed() {
    let (mut alice, mut bob) = (Node::start().await, Node::start().await);
    alice.connect(&mut bob).await;
    alice.expect_seen(Seen::Established).await;
    alice.network.refuse(&bob.peer());
    alice.expect_disconnected(&bob).await;
    bob.expect_disconnected(&alice).await;

    bob.dial(&alice);
    alice.expect_seen(Seen::Failed).await;
    alice.dial(&bob);
    alice.expect_seen(Seen::Failed).await;
    assert!(alice.no_event());

    alice.network.allow(&bob.peer());
    alice.dial(&bob);
    alice.expect_connected(&bob).await;
    let answer = alice.ask(&bob, Protocol::Status, b"");
    loop {
        // Bob may have seen connections come up that Alice refused in the end.
        if let NetworkEvent::Request { reply, .. } = bob.event().await {
            reply.send(vec![6]).unwrap();
            break;
        }
    }
    assert_eq!(answer.get().await, Ok(vec![6]));
}

#[tokio::test]
async fn list_of_refused_peers_is_bounded() {
    let mut settings = SyncSettings::default();
    settings.limits.refused_peers = 1;
    let mut alice = Node::start_with(&GENESIS, &settings).await;
    let (mut bob, carol) = (Node::start().await, Node::start().await);
    alice.network.refuse(&bob.peer());
    alice.network.refuse(&carol.peer());
    alice.connect(&mut bob).await;
    alice.dial(&carol);
    alice.expect_seen(Seen::Failed).await;
}
