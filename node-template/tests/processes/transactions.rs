//! Transfers on their way: from whichever node they are sent to, into a block, and so to all.

use crate::harness::{client, error_line, run, serving, stdout, until_status};
use chain_spec::Preset;
use codec::{Decode, Encode};
use node_template::{
    keystore::DevKey,
    localnet::NodeProcess,
    runtime::{Account, Extrinsic, account_key},
    status_view::NodeClient,
};
use sp_consensus_aura::SlotDuration;
use sp_core::{Pair, crypto::Ss58Codec, sr25519};
use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// A chain with short slots, as a file.
fn spec(folder: &Path) -> PathBuf {
    let mut quick = Preset::Local.spec();
    "quick".clone_into(&mut quick.id);
    quick.slot_duration = SlotDuration::from_millis(500);
    quick.sync.limits.drift = Duration::from_millis(100);
    // Those that run.
    quick.authorities.truncate(2);
    let path = folder.join("quick.toml");
    fs::write(&path, quick.to_toml()).unwrap();
    path
}

pub(crate) async fn account(node: &NodeClient, account: &sr25519::Public) -> Account {
    let value = node.storage(&account_key(account)).await.unwrap();
    value.map_or_else(Account::default, |value| {
        Account::decode(&mut value.0.as_slice()).unwrap()
    })
}

pub(crate) async fn until_balance(node: &NodeClient, of: &sr25519::Public, wanted: u128) {
    let start = Instant::now();
    loop {
        let seen = account(node, of).await.balance;
        if seen == wanted {
            return;
        }
        assert!(
            start.elapsed() < crate::harness::PATIENCE,
            "{} has {seen}, not {wanted}",
            node.url()
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Alice and Bob, who author, and a node that follows them, each with these options; there is a block.
pub(crate) async fn three_nodes(folder: &Path, options: &str) -> [NodeProcess; 3] {
    let chain = format!("--chain {} {options}", spec(folder).display());
    let base = |name: &str| {
        let base = folder.join(name);
        fs::create_dir_all(&base).unwrap();
        base
    };
    let alice = serving(&base("alice"), "quick", &format!("{chain} --alice")).await;
    let address = alice.node_file().unwrap().listen_addresses[0].clone();
    let to_alice = format!("{chain} --bootnodes {address}");
    let bob = serving(&base("bob"), "quick", &format!("{to_alice} --bob")).await;
    let follower = serving(&base("follower"), "quick", &to_alice).await;
    until_status(&client(&follower), "a block", |view| view.best.number > 0).await;
    [alice, bob, follower]
}

#[tokio::test(flavor = "multi_thread")]
async fn transfer_sent_to_one_node_changes_balances_on_all() {
    let folder = tempfile::tempdir().unwrap();
    let processes = three_nodes(folder.path(), "").await;
    let nodes = processes.each_ref().map(client);

    // By the command line, to a node that authors nothing.
    let poor = sr25519::Pair::from_string("//Poor", None).unwrap().public();
    let url = nodes[2].url();
    let line = format!("tx transfer --from //Alice --to {poor} --amount 70 --url {url}");
    let sent = stdout(&run(&line));
    assert!(sent.starts_with("0x") && sent.trim().len() == 66, "{sent}");
    for node in &nodes {
        until_balance(node, &poor, 70).await;
    }
    assert_eq!(
        nodes[0]
            .account_next_index(&DevKey::Alice.pair().public().to_ss58check())
            .await
            .unwrap(),
        1
    );

    // Many at once, in the wrong order, to another.
    let genesis = nodes[1].genesis_hash().await.unwrap();
    let from = DevKey::Bob.pair();
    for nonce in (0..200).rev() {
        let one = Extrinsic::transfer(&from, poor, 1, nonce, genesis);
        nodes[1].submit_extrinsic(&one.encode()).await.unwrap();
    }
    for node in &nodes {
        until_balance(node, &poor, 270).await;
    }
    let start = Instant::now();
    while !nodes[1].pending_extrinsics().await.unwrap().is_empty() {
        assert!(start.elapsed() < crate::harness::PATIENCE);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    refusals(&nodes[2], &poor);
}

fn refusals(node: &NodeClient, poor: &sr25519::Public) {
    let url = node.url();
    let cases = [
        ("--from //Alice --to nobody --amount 1", "SS58"),
        (
            "--from nonsense --to //Bob --amount 1",
            "--from is no secret key",
        ),
        ("--from //Alice --to //Bob --amount 1.5", "--amount"),
        ("--from //Alice --to //Bob --amount -1", "--amount"),
        ("--from //Alice --to //Bob --amount 1 --nonce 0", "used up"),
        (
            "--from //Alice --to //Bob --amount 1 --nonce 99999",
            "send those between first",
        ),
        ("--from //Penniless --to //Bob --amount 1", "needs 1"),
    ];
    for (arguments, expected) in cases {
        let error = error_line(&run(&format!("tx transfer {arguments} --url {url}")));
        assert!(error.contains(expected), "{arguments}: {error}");
    }
    let more = format!("tx transfer --from //Poor --to //Bob --amount 271 --url {url}");
    let error = error_line(&run(&more));
    assert!(error.contains("has 270 left"), "{poor}: {error}");
}
