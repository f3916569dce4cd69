//! What clients can cost (SPEC section 13, I6).

use super::world::{LARGE, World, frame, post, rest};
use crate::{
    Block, Header,
    rpc::{BlockView, MethodsOffered, places::CONNECTIONS, server::longest_answer},
    runtime::{Call, Extrinsic},
    status_view::NodeClient,
};
use codec::Encode;
use jsonrpsee::{
    RpcModule,
    core::client::{Subscription, SubscriptionClientT},
};
use jsonrpsee_ws_client::WsClientBuilder;
use serde_json::{Value, json};
use sp_core::H256;
use sp_runtime::{
    Digest,
    traits::{Block as _, Header as _},
};
use std::{
    io::{ErrorKind, Write},
    sync::atomic::Ordering,
    thread::sleep,
    time::{Duration, Instant},
};

#[test]
fn client_that_calls_and_never_reads_is_read_no_further_and_then_cut_off() {
    let world = World::local();
    let mut socket = world.socket();
    socket.set_nonblocking(true).unwrap();
    let call = frame("large");
    let (begun, mut written) = (Instant::now(), 0);
    let ended = loop {
        // The rest of a message that was cut is written before the next one.
        match socket.write(&call[written % call.len()..]) {
            Ok(bytes) => written += bytes,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                assert!(begun.elapsed() < Duration::from_secs(30), "never cut off");
                sleep(Duration::from_millis(10));
            }
            Err(error) => break error.kind(),
        }
    };
    assert!(
        matches!(ended, ErrorKind::ConnectionReset | ErrorKind::BrokenPipe),
        "{ended}"
    );
    let (calls, answered) = (
        written / call.len(),
        world.large_calls.load(Ordering::Relaxed),
    );
    assert!(calls > 1_000, "{calls}");
    // What the system's own buffers take, and a megabyte or so of ours.
    assert!(answered * LARGE < 32 * 1024 * 1024, "{answered} of {calls}");
    assert!(world.call("small", "").contains("\"small\""));
}

#[test]
fn client_that_calls_much_and_reads_gets_every_answer() {
    let world = World::local();
    let mut socket = world.socket();
    let mut writer = socket.try_clone().unwrap();
    let calls = 300;
    let writing = std::thread::spawn(move || {
        for _ in 0..calls {
            writer.write_all(&frame("large")).unwrap();
        }
        // A close frame, so that the stream ends when all is answered or dropped.
        std::thread::sleep(Duration::from_secs(3));
        writer.write_all(&[0x88, 0x80, 0, 0, 0, 0]).unwrap();
    });
    let read = rest(&mut socket).len();
    writing.join().unwrap();
    assert!(read > calls * LARGE, "{read}");
}

#[test]
fn idle_connections_make_room_for_a_call() {
    let world = World::local();
    let mut idle: Vec<_> = (0..CONNECTIONS + 50).map(|_| world.connect()).collect();
    let begun = Instant::now();
    assert!(world.call("small", "").contains("\"small\""));
    assert!(begun.elapsed() < Duration::from_secs(3));
    // The first that came went first; the last are still there.
    assert_eq!(rest(&mut idle[0]), "");
    let mut last = idle.pop().unwrap();
    last.write_all(post("small", "").as_bytes()).unwrap();
    assert!(rest(&mut last).contains("\"small\""));
}

#[test]
fn connection_is_turned_away_only_while_all_others_are_worked_for() {
    let world = World::local();
    let mut busy: Vec<_> = (0..CONNECTIONS).map(|_| world.socket()).collect();
    for socket in &mut busy {
        socket.write_all(&frame("slow")).unwrap();
    }
    sleep(Duration::from_secs(1));
    let mut refused = world.connect();
    // It may be gone before anything is written.
    let _ = refused.write_all(post("small", "").as_bytes());
    assert_eq!(rest(&mut refused), "");
    world.release.notify_waiters();
    sleep(Duration::from_secs(1));
    assert!(world.call("small", "").contains("\"small\""));
}

#[test]
fn half_a_request_holds_no_place_for_long() {
    let world = World::local();
    let (mut head, mut body) = (world.connect(), world.connect());
    head.write_all(b"POST / HTTP/1.1\r\nHost: ").unwrap();
    let whole = post("small", "");
    body.write_all(&whole.as_bytes()[..whole.len() - 5])
        .unwrap();
    assert!(!rest(&mut head).contains("200 OK"));
    let answer = rest(&mut body);
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
}

#[tokio::test]
async fn one_connection_has_at_most_64_subscriptions() {
    let world = World::local();
    let url = world.url.replace("http://", "ws://");
    let client = WsClientBuilder::default().build(&url).await.unwrap();
    let mut kept: Vec<Subscription<Value>> = Vec::new();
    for _ in 0..64 {
        let params = jsonrpsee::core::params::ArrayParams::new();
        kept.push(client.subscribe("heads", params, "no_heads").await.unwrap());
    }
    let params = jsonrpsee::core::params::ArrayParams::new();
    let more: Result<Subscription<Value>, _> = client.subscribe("heads", params, "no_heads").await;
    let error = more.unwrap_err().to_string();
    assert!(error.contains("Exceeded max limit of 64"), "{error}");
}

#[test]
fn longest_answer_holds_a_block_of_the_longest_kind() {
    let header = Header::new(
        1,
        H256::zero(),
        H256::zero(),
        H256::zero(),
        Digest::default(),
    );
    // None is shorter, so none takes more characters for each byte.
    let shortest = Extrinsic(Call::SetTimestamp(7));
    let block = Block::new(header, vec![shortest; 300_000]);
    let encoded = block.encode().len();
    let view = BlockView {
        block,
        justifications: None,
    };
    let written = serde_json::to_vec(&view).unwrap().len();
    assert!(written < encoded * 3, "{written} for {encoded}");
    assert_eq!(longest_answer(5 * 1024 * 1024), 15 * 1024 * 1024);
}

#[tokio::test]
async fn block_of_five_megabytes_is_sent_and_read() {
    let mut module = RpcModule::new(());
    module
        .register_method("chain_getBlockHash", |_, (), _| "0x00")
        .unwrap();
    module
        .register_method("chain_getBlock", |_, (), _| {
            json!({"block": {"extrinsics": [format!("0x{}", "ab".repeat(5 * 1024 * 1024))]}})
        })
        .unwrap();
    let world = World::new("127.0.0.1:0", MethodsOffered::All, module);
    let client = NodeClient::new(world.url.clone()).unwrap();
    assert_eq!(client.block_extrinsics(1).await.unwrap(), 1);
}
