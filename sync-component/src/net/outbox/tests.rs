#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed, and the panic says where"
)]

use super::{Link, Outbox};
use crate::ports::{NetworkEvent, PeerId, Protocol};
use futures::{channel::oneshot, task::noop_waker_ref};
use std::task::Context;
use tokio::sync::mpsc::{self, Receiver};

fn peer(n: u8) -> PeerId {
    PeerId::from_bytes(&[n])
}

fn request(n: u8) -> NetworkEvent {
    NetworkEvent::Request {
        peer: peer(n),
        protocol: Protocol::Status,
        body: Vec::new(),
        reply: oneshot::channel().0,
    }
}

/// What came out, as text that can be compared.
fn drain(events: &mut Receiver<NetworkEvent>) -> Vec<String> {
    std::iter::from_fn(|| events.try_recv().ok())
        .map(|event| match event {
            NetworkEvent::Connected(peer) => format!("{:?} here", peer.as_bytes()),
            NetworkEvent::Disconnected(peer) => format!("{:?} gone", peer.as_bytes()),
            NetworkEvent::Request { peer, .. } => format!("{:?} asks", peer.as_bytes()),
        })
        .collect()
}

#[test]
fn news_waits_for_room_and_keeps_its_order() {
    let mut cx = Context::from_waker(noop_waker_ref());
    let (sender, mut events) = mpsc::channel(1);
    let mut outbox = Outbox::new(sender);
    for n in 1..=3 {
        outbox.tell(peer(n), Link::Here);
    }
    let mut seen = Vec::new();
    for _ in 0..3 {
        outbox.poll(&mut cx);
        seen.extend(drain(&mut events));
    }
    assert_eq!(seen, ["[1] here", "[2] here", "[3] here"]);
}

#[test]
fn request_without_room_is_handed_back() {
    let mut cx = Context::from_waker(noop_waker_ref());
    let (sender, mut events) = mpsc::channel(2);
    let mut outbox = Outbox::new(sender);
    outbox.tell(peer(1), Link::Here);
    outbox.offer(request(1), &mut cx).unwrap();
    outbox.offer(request(1), &mut cx).unwrap_err();
    assert_eq!(drain(&mut events), ["[1] here", "[1] asks"]);
    outbox.offer(request(1), &mut cx).unwrap();
}

#[test]
fn request_never_overtakes_news() {
    let mut cx = Context::from_waker(noop_waker_ref());
    let (sender, mut events) = mpsc::channel(1);
    let mut outbox = Outbox::new(sender);
    outbox.tell(peer(1), Link::Here);
    outbox.tell(peer(2), Link::Here);
    outbox.poll(&mut cx);
    assert_eq!(drain(&mut events), ["[1] here"]);
    outbox.offer(request(2), &mut cx).unwrap_err();
    assert_eq!(drain(&mut events), ["[2] here"]);
}

#[test]
fn arrival_that_nobody_was_told_of_cancels_out_with_its_end() {
    let mut cx = Context::from_waker(noop_waker_ref());
    let (sender, mut events) = mpsc::channel(10);
    let mut outbox = Outbox::new(sender);
    for _ in 0..1_000 {
        outbox.tell(peer(1), Link::Here);
        outbox.tell(peer(1), Link::Gone);
    }
    outbox.tell(peer(2), Link::Gone);
    outbox.tell(peer(2), Link::Here);
    outbox.poll(&mut cx);
    assert_eq!(drain(&mut events), ["[2] gone", "[2] here"]);
}

#[test]
fn news_for_nobody_is_dropped() {
    let mut cx = Context::from_waker(noop_waker_ref());
    let (sender, events) = mpsc::channel(1);
    let mut outbox = Outbox::new(sender);
    drop(events);
    outbox.tell(peer(1), Link::Here);
    outbox.poll(&mut cx);
    outbox.offer(request(1), &mut cx).unwrap_err();
}
