//! What others see of a node that exchanges its stores (SPEC section 7): nothing but a short wait.

use crate::{
    dead_fork::World,
    harness::{PATIENCE, client},
};
use jsonrpsee::core::{
    client::{Subscription, SubscriptionClientT},
    params::ArrayParams,
};
use jsonrpsee_ws_client::{WsClient, WsClientBuilder};
use node_template::{localnet::NodeProcess, status_view::NodeClient};
use serde_json::Value;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::task::JoinHandle;

/// A client of the node that follows its chain by a WebSocket, and a peer that counts its own connections.
pub(crate) struct Onlookers {
    url: String,
    heads: Subscription<Value>,
    enough: Arc<AtomicBool>,
    /// How many peers Alice had at first, and the fewest.
    counted: JoinHandle<(usize, usize)>,
    _socket: WsClient,
}

impl Onlookers {
    pub(crate) async fn begin(world: &World, node: &NodeProcess) -> Self {
        let url = client(node).url().to_owned();
        let socket = url.replace("http://", "ws://");
        let socket = WsClientBuilder::default().build(&socket).await.unwrap();
        let (subscribe, unsubscribe) = ("chain_subscribeNewHeads", "chain_unsubscribeNewHeads");
        let heads = socket
            .subscribe(subscribe, ArrayParams::new(), unsubscribe)
            .await
            .unwrap();
        let enough = Arc::new(AtomicBool::new(false));
        let counted = tokio::spawn(count(world.alice(), Arc::clone(&enough)));
        Self {
            url,
            heads,
            enough,
            counted,
            _socket: socket,
        }
    }

    /// The stores are exchanged. Alice lost no connection, and the client is told of her chain on the one that it has.
    pub(crate) async fn saw_nothing(mut self, world: &World, node: &NodeProcess) {
        self.enough.store(true, Ordering::Release);
        let (first, fewest) = self.counted.await.unwrap();
        assert!(first > 0 && fewest == first, "{first} peers, then {fewest}");
        assert_eq!(client(node).url(), self.url);
        let follows = async {
            loop {
                let header = self.heads.next().await.unwrap().unwrap();
                let text = header["number"].as_str().unwrap();
                let number = u64::from_str_radix(text.trim_start_matches("0x"), 16).unwrap();
                let parent = world.alice_holds(number - 1).await;
                if parent.as_deref() == header["parentHash"].as_str() {
                    return;
                }
            }
        };
        tokio::time::timeout(PATIENCE, follows).await.unwrap();
    }
}

async fn count(alice: NodeClient, enough: Arc<AtomicBool>) -> (usize, usize) {
    let first = alice.health().await.unwrap().peers;
    let mut fewest = first;
    while !enough.load(Ordering::Acquire) {
        fewest = fewest.min(alice.health().await.unwrap().peers);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    (first, fewest)
}
