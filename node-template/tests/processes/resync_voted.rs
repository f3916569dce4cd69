//! Tier 3 of a node that counts nobody but authorities (SPEC sections 4 and 7, `authority-quorum`).

use crate::{
    dead_fork::{Finality, STRATEGIES, World, backups, critical},
    harness::{client, run, until_status},
};

/// Those of the chain; one of them is silent, and three are enough.
const AUTHORITIES: usize = 4;

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
