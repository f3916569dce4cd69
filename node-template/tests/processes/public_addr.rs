//! `--public-addr`: a node behind a router that hands a port through (SPEC section 11).

use crate::harness::{client, serving, until_status};
use node_template::localnet::NodeProcess;
use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};
use tokio::net::{TcpListener, TcpStream};

/// The router: a port that leads to another one.
struct Router {
    outside: TcpListener,
    passed: Arc<AtomicUsize>,
}

impl Router {
    async fn new() -> Self {
        Self {
            outside: TcpListener::bind("127.0.0.1:0").await.unwrap(),
            passed: Arc::default(),
        }
    }

    fn address(&self) -> String {
        let port = self.outside.local_addr().unwrap().port();
        format!("/ip4/127.0.0.1/tcp/{port}")
    }

    /// Hands connections through from now on, and counts them.
    fn lead_to(self, inside: String) -> Arc<AtomicUsize> {
        let passed = Arc::clone(&self.passed);
        tokio::spawn(async move {
            while let Ok((mut from, _)) = self.outside.accept().await {
                self.passed.fetch_add(1, Ordering::Relaxed);
                let inside = inside.clone();
                tokio::spawn(async move {
                    let mut to = TcpStream::connect(inside).await.unwrap();
                    // It ends when one of the nodes does.
                    let _ = tokio::io::copy_bidirectional(&mut from, &mut to).await;
                });
            }
        });
        passed
    }
}

async fn node(base: &Path, args: &str) -> NodeProcess {
    std::fs::create_dir_all(base).unwrap();
    serving(base, "local", &format!("--chain local {args}")).await
}

fn listening(node: &NodeProcess) -> String {
    node.node_file().unwrap().listen_addresses[0].clone()
}

/// `127.0.0.1:PORT` of `/ip4/127.0.0.1/tcp/PORT/p2p/ID`.
fn socket(address: &str) -> String {
    format!("127.0.0.1:{}", address.split('/').nth(4).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn newcomer_reaches_a_node_at_the_public_address_that_others_tell_it() {
    let folder = tempfile::tempdir().unwrap();
    let base = |name: &str| folder.path().join(name);
    let middle = node(&base("middle"), "").await;
    let bootnode = format!("--bootnodes {}", listening(&middle));
    let router = Router::new().await;
    // Its only slot is taken by the one in the middle: it dials no newcomer.
    let args = format!(
        "--out-peers 1 --public-addr {} {bootnode}",
        router.address()
    );
    let inside = node(&base("inside"), &args).await;
    until_status(&client(&inside), "the middle", |view| view.peers == 1).await;
    let passed = router.lead_to(socket(&listening(&inside)));
    assert_eq!(passed.load(Ordering::Relaxed), 0);

    let newcomer = node(&base("newcomer"), &bootnode).await;
    until_status(&client(&newcomer), "both", |view| view.peers == 2).await;
    assert!(passed.load(Ordering::Relaxed) > 0, "not through the router");
    // Where it listens is another matter.
    assert_ne!(socket(&listening(&inside)), socket(&listening(&newcomer)));
}
