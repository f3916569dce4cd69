//! Tier 3 by the command line, with real processes and files (SPEC section 7; scenarios R1, R3 and R8).

use crate::{
    below_snapshot,
    dead_fork::{Finality, World, backups, critical, in_sync},
    doors::Onlookers,
    harness::{
        LOOK_EVERY, PATIENCE, chain_folder, client, command, error_line, finish, run, serving,
        stdout, until_logged, until_status,
    },
};
use node_template::status_view::{NodeClient, NodeFile, StatusView};
use std::{
    fs,
    io::Write,
    net::TcpStream,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// Names of everything in a folder.
fn listing(folder: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(listing(&path));
        }
        all.push(path);
    }
    all.sort();
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_fork_is_left_and_can_be_had_back() {
    let world = World::new().await;
    whole_way(&world).await;
    refusals(&world).await;
}

/// The whole way with a snapshot: what it trusts is said first, then it replaces the dead fork, and its node goes on.
#[tokio::test(flavor = "multi_thread")]
async fn snapshot_says_whom_it_trusts_and_replaces_a_dead_fork() {
    let world = World::with(Finality::Reached).await;
    let (base, mut node) = world.copy_of_dave("snapshot").await;
    let old = until_status(&client(&node), "a dead fork", critical)
        .await
        .best;
    let peer = world.alice_id();
    let order = format!("resync --peer {peer} --strategy snapshot");
    let unconfirmed = finish(command(&world.line(&order, &base)));
    let said = stdout(&unconfirmed);
    let trust = said.find("no more than 1/3 of the authorities sealed a false state");
    let question = said.find("Begin the resync?");
    assert!(trust.is_some() && trust < question, "{said}");
    assert!(error_line(&unconfirmed).contains("nothing was changed"));

    let done = run(&world.line(&format!("{order} -y"), &base));
    assert!(
        done.status.success(),
        "{done:?}\n{}",
        node.log_tail(60).join("\n")
    );
    let new = until_status(&client(&node), "in sync on the new chain", in_sync).await;
    assert!(world.is_alices(&new.best).await);
    let [backup] = <[String; 1]>::try_from(backups(&base)).unwrap();
    assert!(backup.contains(&format!("-{}-", old.number)), "{backup}");
    until_logged(&node, "the chain begins with this block");

    let lowest = below_snapshot::rpc(&node).await;

    // Every header is there, and opens again; the whole blocks go on growing.
    node.stop(PATIENCE).await.unwrap();
    below_snapshot::commands(&world, &base, lowest);
    let node = world.connected(&base).await;
    let asking = client(&node);
    let further = |view: &StatusView| in_sync(view) && view.best.number > new.best.number + 2;
    // The newest block may come here before it comes to Alice, or give way to another one.
    let shared = async {
        loop {
            let later = until_status(&asking, "further blocks", further).await;
            if world.is_alices(&later.best).await {
                return later;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    let later = tokio::time::timeout(PATIENCE, shared).await.unwrap();
    for number in 0..=later.best.number {
        let hash = asking.block_hash(number).await.unwrap();
        assert_eq!(hash, world.alice_holds(number).await, "{number}");
        let header = asking.header(&hash.unwrap()).await.unwrap();
        assert!(header.is_some(), "{number}");
    }
}

/// R10: only the command line and the admin RPC make an order, and only the desk reads one from the journal.
#[test]
fn orders_are_made_where_an_operator_speaks_and_nowhere_else() {
    let sources = [
        "sync-component",
        "runtime-bridge",
        "chain-spec",
        "node-template",
    ]
    .map(|part| {
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("..")
            .join(part)
            .join("src")
    });
    let mut found = Vec::new();
    for path in sources.iter().flat_map(|folder| listing(folder)) {
        let Some("rs") = path.extension().and_then(|end| end.to_str()) else {
            continue;
        };
        let text = fs::read_to_string(&path).unwrap();
        for maker in ["::given_by_the_operator(", "::of_journal("] {
            for _ in text.matches(maker) {
                let name = path.file_name().unwrap().to_string_lossy().into_owned();
                found.push(format!("{name}{maker}"));
            }
        }
    }
    found.sort();
    assert_eq!(
        found,
        [
            "methods.rs::given_by_the_operator(",
            "order.rs::of_journal(",
            "resync_alone.rs::given_by_the_operator(",
        ]
    );
}

/// A client of the node's RPC that begins a request and stays.
fn half_a_request(base: &Path) -> TcpStream {
    let file = NodeFile::read(&chain_folder(base, "quick"))
        .unwrap()
        .unwrap();
    let address = file.rpc_url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    write!(
        stream,
        "POST / HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{{"
    )
    .unwrap();
    stream
}

/// R1, R8: resync, restore into a scratch folder, restore in place.
async fn whole_way(world: &World) {
    let (base, node) = world.copy_of_dave("whole").await;
    let asking = client(&node);
    let old = until_status(&asking, "a dead fork", critical).await.best;
    assert!(!world.is_alices(&old).await);
    let peer = world.alice_id();

    let before = listing(&base);
    let dry = run(&world.line(&format!("resync --dry-run --peer {peer}"), &base));
    assert!(dry.status.success(), "{dry:?}");
    let plan = stdout(&dry);
    for part in ["multi-source", "staging", "backups", &peer, "MiB", "stages"] {
        assert!(plan.contains(part), "{part}: {plan}");
    }
    assert_eq!(listing(&base), before, "a dry run writes nothing");

    let half = half_a_request(&base);
    let onlookers = Onlookers::begin(world, &node).await;
    let done = run(&world.line(&format!("resync -y --peer {peer}"), &base));
    assert!(
        done.status.success(),
        "{done:?}\n{}",
        node.log_tail(30).join("\n")
    );
    assert!(stdout(&done).contains("done: the new chain is live"));
    let new = until_status(&client(&node), "in sync on the new chain", in_sync).await;
    assert!(world.is_alices(&new.best).await);
    onlookers.saw_nothing(world, &node).await;
    drop(half);
    // At once, not when somebody looks again half a minute later.
    let swapped = Instant::now();
    while !stdout(&run(&world.line("backups list", &base))).contains(", in sync since") {
        assert!(swapped.elapsed() < Duration::from_secs(15));
        tokio::time::sleep(LOOK_EVERY).await;
    }
    let [backup] = <[String; 1]>::try_from(backups(&base)).unwrap();
    assert!(backup.contains(&format!("-{}-", old.number)), "{backup}");

    let scratch = world.base("scratch");
    let to = format!("backups restore {backup} --to {}", scratch.display());
    assert!(run(&world.line(&to, &base)).status.success());
    let again = error_line(&run(&world.line(&to, &base)));
    assert!(again.contains("not empty"), "{again}");
    let isolated = format!("--chain {} --isolated", world.spec().display());
    let copy = serving(&scratch, "quick", &isolated).await;
    // The hash covers the state root, and a store whose tip has no state does not open.
    let restored = client(&copy).block_hash(old.number).await.unwrap();
    assert_eq!(restored.as_ref(), Some(&old.hash));
    drop(copy);

    let restore = run(&world.line(&format!("backups restore {} -y", &backup[..12]), &base));
    assert!(restore.status.success(), "{restore:?}");
    let back = until_status(&client(&node), "the old chain", |view| view.best == old).await;
    assert_eq!(back.best, old);
    let list = stdout(&run(&world.line("backups list", &base)));
    assert!(list.contains("not in sync since: kept"), "{list}");
    let pruned = run(&world.line("backups prune", &base));
    assert!(stdout(&pruned).contains("nothing to remove"), "{pruned:?}");
}

/// R3 and wrong input: nothing is begun.
async fn refusals(world: &World) {
    let (base, node) = world.copy_of_dave("refused").await;
    let asking = client(&node);
    let old = until_status(&asking, "a dead fork", critical).await.best;
    // Well formed, and nobody's here.
    let away = "12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp";
    let named_away = format!("resync -y --peer {away}");
    let at = node.node_file().unwrap().listen_addresses[0].clone();
    let ours = at.rsplit_once("/p2p/").unwrap().1;
    let named_ours = format!("resync -y --peer {ours}");
    let ban_ours = format!("peers ban {ours}");
    let cases = [
        (named_away.as_str(), "is connected"),
        (named_away.as_str(), away),
        (named_ours.as_str(), "this node itself"),
        (ban_ours.as_str(), "this node itself"),
        ("resync -y", "no trusted peer"),
        ("resync -y --peer nonsense!", "base58"),
        ("resync -y --checkpoint 12", "N:HASH"),
        ("resync -y --strategy nope", "full-chain"),
        ("resync --abort", "no resync and no restore is under way"),
        ("resync --resume", "no resync and no restore is under way"),
        ("backups restore nothing -y", "backups list"),
    ];
    for (order, expected) in cases {
        let output = run(&world.line(order, &base));
        assert!(
            error_line(&output).contains(expected),
            "{order}: {output:?}"
        );
    }
    // A block of our own fork: the network's chain does not hold it.
    let peer = world.alice_id();
    let off = format!("{}:{}", old.number, old.hash);
    let order = format!("resync -y --peer {peer} --checkpoint {off}");
    let output = run(&world.line(&order, &base));
    assert!(
        error_line(&output).contains("has the checkpoint"),
        "{output:?}"
    );
    let no = finish(command(
        &world.line(&format!("resync --peer {peer}"), &base),
    ));
    assert!(error_line(&no).contains("nothing was changed"), "{no:?}");
    let folder = chain_folder(&base, "quick");
    assert!(!folder.join("journal").exists() && !folder.join("staging").exists());
    assert_eq!(asking.status().await.unwrap().best, old);

    // Whoever cannot read node.json gives no orders.
    let file = NodeFile::read(&folder).unwrap().unwrap();
    let stranger = NodeClient::new(file.rpc_url.clone()).unwrap();
    let refused = stranger.abort().await.unwrap_err().to_string();
    assert!(refused.contains("unsafe"), "{refused}");
    let guess = NodeFile {
        token: "0".repeat(file.token.len()),
        ..file
    };
    let guesser = NodeClient::of_operator(&guess).unwrap();
    assert!(guesser.restore_backup("x").await.is_err());
}
