//! The relay between two ends of TCP on loopback.

use super::super::relay::Relay;
use std::{
    net::{Ipv4Addr, SocketAddr},
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// Sends back what it gets, on one connection.
async fn echo() -> (SocketAddr, JoinHandle<u64>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let task = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let (mut from, mut to) = stream.split();
        tokio::io::copy(&mut from, &mut to).await.unwrap()
    });
    (address, task)
}

#[tokio::test(flavor = "multi_thread")]
async fn round_trip_takes_at_least_what_was_asked_for() {
    let (target, _task) = echo().await;
    let round_trip = Duration::from_millis(60);
    let relay = Relay::start(target, round_trip).await.unwrap();
    let mut stream = TcpStream::connect(relay.address()).await.unwrap();
    for _ in 0..3 {
        let begun = Instant::now();
        stream.write_all(b"there").await.unwrap();
        let mut back = [0; 5];
        stream.read_exact(&mut back).await.unwrap();
        assert_eq!(&back, b"there");
        assert!(begun.elapsed() >= round_trip);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_arrive_whole_and_in_order_and_the_end_with_them() {
    let (target, task) = echo().await;
    let relay = Relay::start(target, Duration::from_millis(20))
        .await
        .unwrap();
    let stream = TcpStream::connect(relay.address()).await.unwrap();
    let sent: Vec<u8> = (0..3_000_000_u32).map(|at| (at % 251) as u8).collect();
    let (mut from, mut to) = stream.into_split();
    let copy = sent.clone();
    let writing = tokio::spawn(async move {
        to.write_all(&copy).await.unwrap();
        to.shutdown().await.unwrap();
    });
    let mut back = Vec::new();
    from.read_to_end(&mut back).await.unwrap();
    writing.await.unwrap();
    assert_eq!(back, sent);
    assert_eq!(task.await.unwrap(), sent.len() as u64);
}

#[tokio::test(flavor = "multi_thread")]
async fn connection_to_nobody_is_closed() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let nobody = listener.local_addr().unwrap();
    drop(listener);
    let relay = Relay::start(nobody, Duration::from_millis(2))
        .await
        .unwrap();
    let mut stream = TcpStream::connect(relay.address()).await.unwrap();
    // A reset is an end, too.
    assert_eq!(stream.read(&mut [0; 1]).await.unwrap_or(0), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn dropped_relay_takes_its_connections_along() {
    let (target, task) = echo().await;
    let relay = Relay::start(target, Duration::from_millis(2))
        .await
        .unwrap();
    let mut stream = TcpStream::connect(relay.address()).await.unwrap();
    stream.write_all(b"x").await.unwrap();
    stream.read_exact(&mut [0; 1]).await.unwrap();
    drop(relay);
    assert_eq!(stream.read(&mut [0; 1]).await.unwrap_or(0), 0);
    assert_eq!(task.await.unwrap(), 1);
}
