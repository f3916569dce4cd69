use crate::service::relay::{Connected, Relay};
use sync_component::ports::{NetworkEvent, PeerId};
use tokio::sync::mpsc;

fn peer(number: u8) -> PeerId {
    PeerId::from_bytes(&[number])
}

fn told(event: Option<NetworkEvent>) -> Option<(u8, PeerId)> {
    match event? {
        NetworkEvent::Connected(peer) => Some((b'+', peer)),
        NetworkEvent::Disconnected(peer) => Some((b'-', peer)),
        NetworkEvent::Request { peer, .. } => Some((b'?', peer)),
    }
}

#[tokio::test]
async fn newcomer_hears_who_is_connected_and_then_what_came_meanwhile() {
    let (source, events) = mpsc::channel(8);
    let (relay, task) = Relay::of(events, Connected::default());
    let task = tokio::spawn(task);
    for event in [
        NetworkEvent::Connected(peer(1)),
        NetworkEvent::Connected(peer(2)),
        NetworkEvent::Disconnected(peer(1)),
    ] {
        source.send(event).await.unwrap();
    }
    let mut first = relay.listen().await;
    let mut heard = Vec::new();
    for _ in 0..3 {
        heard.extend(told(first.recv().await));
    }
    assert_eq!(heard, [(b'+', peer(1)), (b'+', peer(2)), (b'-', peer(1))]);
    drop(first);
    source.send(NetworkEvent::Connected(peer(3))).await.unwrap();
    source
        .send(NetworkEvent::Disconnected(peer(2)))
        .await
        .unwrap();
    let mut second = relay.listen().await;
    let mut heard = Vec::new();
    for _ in 0..3 {
        heard.extend(told(second.recv().await));
    }
    assert_eq!(heard, [(b'+', peer(2)), (b'+', peer(3)), (b'-', peer(2))]);
    drop(source);
    task.await.unwrap();
}
