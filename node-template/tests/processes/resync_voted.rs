//! Tier 3 of a node that counts nobody but authorities (SPEC sections 4 and 7, `authority-quorum`).

use crate::{
    dead_fork::{Finality, STRATEGIES, World, address, backups, critical},
    harness::{chain_folder, client, error_line, run, until_status},
    resync_twice::source,
};
use rustix::process::Signal;
use std::{fmt::Write, fs};

/// Those of the chain; one of them is silent, and three are enough.
const AUTHORITIES: usize = 4;

/// Twice `tier1_max_gap` and what one attestation tells of, and some more.
const FAR: u64 = 25;

#[tokio::test(flavor = "multi_thread")]
async fn node_that_counts_authorities_leaves_a_dead_fork_with_each_strategy() {
    let world = World::voting(Finality::Reached, "authority-quorum").await;
    for strategy in STRATEGIES {
        let (base, node) = world.copy_of_dave(strategy).await;
        let old = until_status(&client(&node), "a dead fork", critical).await;
        assert_eq!(old.voters, AUTHORITIES, "{strategy}: {old:?}");
        let peer = world.alice_id();
        let order = format!("resync -y --peer {peer} --strategy {strategy}");
        let done = run(&world.line(&order, &base));
        assert!(
            done.status.success(),
            "{strategy}: {done:?}\n{}",
            node.log_tail(60).join("\n")
        );
        let new = world.until_joined(&node).await;
        assert_eq!(new.voters, AUTHORITIES, "{strategy}: {new:?}");
        let [backup] = <[String; 1]>::try_from(backups(&base)).unwrap();
        let tip = format!("-{}-", old.best.number);
        assert!(backup.contains(&tip), "{strategy}: {backup}");
    }
}

/// Only the source that is on another chain is there at first: all of that is staged when the other one comes.
#[tokio::test(flavor = "multi_thread")]
async fn without_a_node_a_stray_source_gives_way_to_one_on_the_voters_chain() {
    let world = World::voting(Finality::Reached, "authority-quorum").await;
    let (_, stray) = world.copy_of_dave("stray").await;
    let old = until_status(&client(&stray), "a dead fork", critical).await;
    let (mut source, source_address) = source(&world).await;
    // So far above that what authorities attest does not lead down to it.
    until_status(&world.alice(), "a far longer chain", |view| {
        view.best.number > old.best.number + FAR
    })
    .await;
    let base = world.copy_of_daves_files("alone");
    // Not the same peer as the stray one.
    fs::remove_file(chain_folder(&base, "quick").join("network/secret_ed25519")).unwrap();
    let (mut peers, mut bootnodes) = (String::new(), String::new());
    for address in [&address(&stray), &source_address] {
        let (_, peer) = address.rsplit_once("/p2p/").unwrap();
        write!(peers, " --peer {peer}").unwrap();
        write!(bootnodes, " --bootnodes {address}").unwrap();
    }

    source.signal(Signal::STOP).unwrap();
    let order = format!("resync -y --strategy full-chain{peers}{bootnodes}");
    let refused = error_line(&run(&world.line(&order, &base)));
    assert!(refused.contains("behind the network"), "{refused}");

    source.signal(Signal::CONT).unwrap();
    let done = run(&world.line(&format!("resync --resume{bootnodes}"), &base));
    assert!(done.status.success(), "{done:?}");
    let said = String::from_utf8_lossy(&done.stderr);
    for part in ["on another chain than the wanted one", "begun anew"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert_eq!(backups(&base).len(), 1);
    let node = world.connected(&base).await;
    world.until_joined(&node).await;
}
