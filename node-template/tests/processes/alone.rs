//! Tier 3 and the peers' file where no node runs (SPEC sections 3, 7 and 11; scenario R6 with real files).

use crate::{
    dead_fork::{Finality, STRATEGIES, World, backups, in_sync, store_files},
    harness::{
        PATIENCE, chain_folder, client, command, error_line, run, serving, stdout, until,
        until_logged, until_status,
    },
};
use node_template::status_view::NodeFile;
use rustix::process::{Pid, Signal, kill_process};
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};
use sync_component::{
    chain_sync::{BackupName, Journal, ResyncRun, Run, Stage, StoreId, Swap},
    ports::UnixMillis,
};

/// Whoever signed a block, and when: never touched by a resync.
fn signed(base: &Path) -> Vec<u8> {
    fs::read(chain_folder(base, "quick").join("signed")).unwrap()
}

/// A file of the store that a database cannot do without.
fn manifest(base: &Path) -> PathBuf {
    let store = chain_folder(base, "quick").join("db").join("full");
    let names = fs::read_dir(store)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let is_manifest = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy();
        name.starts_with("MANIFEST")
    };
    names.into_iter().find(is_manifest).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn chain_whose_store_does_not_open_is_resynced_without_a_node_and_kept() {
    // A snapshot needs a final block.
    let world = World::with(Finality::Reached).await;
    for strategy in STRATEGIES {
        broken_store(&world, strategy).await;
    }
    no_store(&world);
    lost_chain(&world);
    stopped_node(&world).await;
    peers_file(&world).await;
}

/// R6: the node does not start; `resync` alone does, and keeps what was there.
async fn broken_store(world: &World, strategy: &str) {
    let base = world.copy_of_daves_files(&format!("broken-{strategy}"));
    let manifest = manifest(&base);
    let length = fs::metadata(&manifest).unwrap().len();
    let file = fs::OpenOptions::new().write(true).open(&manifest).unwrap();
    file.set_len(length / 3).unwrap();
    let record = signed(&base);
    let broken: Vec<_> = store_files(&base);

    let start = run(&world.line("--isolated --rpc-port 0 --prometheus-port 0", &base));
    assert!(error_line(&start).contains("db/full"), "{start:?}");

    let peer = world.alice_id();
    let without = run(&world.line(&format!("resync -y --peer {peer}"), &base));
    assert!(error_line(&without).contains("--bootnodes"), "{without:?}");
    // Without a run there is nothing for which an address would be of use.
    for order in ["resync --abort", "resync --resume"] {
        let nobody = run(&world.line(order, &base));
        assert!(error_line(&nobody).contains("under way"), "{nobody:?}");
    }

    let bootnode = world.alice_address();
    let dry = format!("resync --dry-run --peer {peer} --bootnodes {bootnode}");
    let dry = run(&world.line(&dry, &base));
    assert!(stdout(&dry).contains("no node runs"), "{dry:?}");
    assert_eq!(store_files(&base), broken);
    let done = format!("resync -y --strategy {strategy} --peer {peer} --bootnodes {bootnode}");
    let done = run(&world.line(&done, &base));
    assert!(
        stdout(&done).contains("done: the new chain is live"),
        "{strategy}: {done:?}"
    );
    assert!(
        String::from_utf8_lossy(&done.stderr).contains("named by the operator"),
        "it says who vouched: {done:?}"
    );

    let [backup] = <[String; 1]>::try_from(backups(&base)).unwrap();
    assert!(backup.ends_with("-unread"), "{backup}");
    let kept = chain_folder(&base, "quick").join("backups").join(&backup);
    let truncated = kept.join(manifest.file_name().unwrap());
    assert_eq!(fs::metadata(truncated).unwrap().len(), length / 3);
    assert_eq!(signed(&base), record, "what was signed stays");

    let node = world.connected(&base).await;
    let view = until_status(&client(&node), "in sync on the new chain", in_sync).await;
    assert!(world.is_alices(&view.best).await);
}

/// As after `purge-chain`: nothing is kept, and nothing is said to be.
fn no_store(world: &World) {
    let base = world.copy_of_daves_files("none");
    fs::remove_dir_all(chain_folder(&base, "quick").join("db")).unwrap();
    let (peer, bootnode) = (world.alice_id(), world.alice_address());
    let order = format!("resync -y --peer {peer} --bootnodes {bootnode}");
    let done = run(&world.line(&order, &base));
    assert!(
        stdout(&done).contains("live, there was no old chain to keep"),
        "{done:?}"
    );
    assert!(backups(&base).is_empty());
}

/// In the middle of an exchange somebody removed the chain that was to become live.
fn lost_chain(world: &World) {
    let base = world.copy_of_daves_files("lost");
    let swap = Swap {
        live: None,
        staged: StoreId("0xab".to_owned()),
        backup: BackupName("20260201T000000000Z-9-cd".to_owned()),
    };
    let run_of = Run::Resync(ResyncRun {
        strategy: "multi-source".to_owned(),
        peers: Vec::new(),
        checkpoint: None,
    });
    let stages = [Stage::Downloading, Stage::Validated, Stage::Swapping(swap)];
    let journal = stages
        .into_iter()
        .fold(Journal::begin(run_of, UnixMillis(1)), |journal, stage| {
            journal.next(stage, UnixMillis(2)).unwrap()
        });
    let folder = chain_folder(&base, "quick");
    fs::remove_file(folder.join("db").join("full").join("STORE")).unwrap();
    fs::write(folder.join("journal"), journal.to_text()).unwrap();
    let resume = format!("resync --resume --bootnodes {}", world.alice_address());
    let told = run(&world.line(&resume, &base));
    assert!(error_line(&told).contains("order it again"), "{told:?}");
    assert!(!folder.join("journal").exists());
}

/// Stopped while it still looks for its peer, a resync goes on as it said, and can be given up.
#[tokio::test(flavor = "multi_thread")]
async fn resync_that_was_stopped_before_it_had_begun_to_build_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let base = folder.path();
    let mut node = serving(base, "dev", "--dev").await;
    until_status(&client(&node), "a block", |view| view.best.number >= 1).await;
    node.stop(PATIENCE).await.unwrap();

    // A command that has come to its network has a key again.
    let key = chain_folder(base, "dev")
        .join("network")
        .join("secret_ed25519");
    fs::remove_file(&key).unwrap();
    let nobody = "12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp";
    let resync = command(&format!(
        "resync --dev -y --peer {nobody} --bootnodes /ip4/127.0.0.1/tcp/1/p2p/{nobody} -d {}",
        base.display()
    ))
    .stdout(Stdio::piped())
    .stderr(Stdio::piped())
    .spawn()
    .unwrap();
    let chain = chain_folder(base, "dev");
    let journal = || fs::read_to_string(chain.join("journal")).unwrap_or_default();
    until("a journal, and a network", || {
        journal().contains("preparing") && key.exists()
    });
    kill_process(Pid::from_child(&resync), Signal::TERM).unwrap();
    let output = resync.wait_with_output().unwrap();
    assert!(error_line(&output).contains("goes on"), "{output:?}");
    assert!(journal().contains("preparing"));

    let node = serving(base, "dev", "--dev").await;
    until_logged(&node, "an interrupted resync goes on");
    let view = client(&node).resync_status().await.unwrap();
    assert!(view.active, "{view:?}");
    let abort = run(&format!("resync --abort --dev -d {}", base.display()));
    assert!(abort.status.success(), "{abort:?}");
    assert!(!chain.join("journal").exists() && !chain.join("staging").exists());
}

/// A healthy store and a stopped node: the backup has its name, and comes back without a node, too.
async fn stopped_node(world: &World) {
    let base = world.copy_of_daves_files("stopped");
    let (peer, bootnode) = (world.alice_id(), world.alice_address());
    let order = format!("resync -y --peer {peer} --bootnodes {bootnode}");
    let took = from_the_vote_to_the_end(command(&world.line(&order, &base)), &base);
    assert!(took < AT_ONCE, "it waited for itself: {took:?}");
    let [backup] = <[String; 1]>::try_from(backups(&base)).unwrap();
    let tip = world.daves_tip();
    assert!(backup.contains(&format!("-{}-", tip.number)), "{backup}");

    // A crash left its node.json behind, and another process has the number by now.
    let left = NodeFile {
        pid: std::process::id(),
        rpc_url: "http://127.0.0.1:1".to_owned(),
        prometheus_url: None,
        listen_addresses: Vec::new(),
        token: String::new(),
    };
    left.write(&chain_folder(&base, "quick")).unwrap();
    let list = stdout(&run(&world.line("backups list", &base)));
    assert!(list.contains(&backup), "{list}");
    let prune = stdout(&run(&world.line("backups prune", &base)));
    assert!(prune.contains("nothing to remove"), "{prune}");
    let restored = run(&world.line(&format!("backups restore {backup} -y"), &base));
    assert!(stdout(&restored).contains("done"), "{restored:?}");
    let node = world.connected(&base).await;
    let back = until_status(&client(&node), "the old chain", |view| view.best == tip).await;
    assert_eq!(back.best, tip);

    // With a node there it is the node that dials.
    let order = run(&world.line(&order, &base));
    assert!(
        error_line(&order).contains("leave --bootnodes out"),
        "{order:?}"
    );
}

/// How long a resync that needs nobody else may take once it is voted for: less than whoever waits for a staged chain to be closed waits.
const AT_ONCE: Duration = Duration::from_secs(8);

/// Carries out the resync `order` of the chain in `base`; how long it took once its chain was voted for.
fn from_the_vote_to_the_end(mut order: Command, base: &Path) -> Duration {
    let journal = chain_folder(base, "quick").join("journal");
    let resync = order.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let resync = resync.unwrap();
    until("a vote", || {
        let stage = fs::read_to_string(&journal).unwrap_or_default();
        // The next stages may have gone by already.
        stage.contains("validated") || !backups(base).is_empty()
    });
    let voted = Instant::now();
    let done = resync.wait_with_output().unwrap();
    assert!(stdout(&done).contains("done"), "{done:?}");
    voted.elapsed()
}

/// Peers are remembered over restarts, and banned with and without a node.
async fn peers_file(world: &World) {
    let base = world.copy_of_daves_files("peers");
    let mut node = world.connected(&base).await;
    until_status(&client(&node), "a peer", |view| view.peers > 0).await;
    let alice = world.alice_id();
    let list = stdout(&run(&world.line("peers list", &base)));
    assert!(
        list.contains(&alice) && list.contains("connected, trust 0"),
        "{list}"
    );

    let ban = run(&world.line(&format!("peers ban {alice}"), &base));
    assert!(ban.status.success(), "{ban:?}");
    // By now it may have been told of the others.
    until("Alice is let go", || {
        let list = stdout(&run(&world.line("peers list", &base)));
        let line = list.lines().find(|line| line.contains(&alice));
        line.is_some_and(|line| line.contains("banned") && !line.contains("connected"))
    });
    // What the operator said survives a kill.
    node.signal(Signal::KILL).unwrap();
    node.ended(PATIENCE).await.unwrap();
    let list = stdout(&run(&world.line("peers list", &base)));
    assert!(list.contains("banned by the operator"), "{list}");
    let unban = stdout(&run(&world.line(&format!("peers unban {alice}"), &base)));
    assert!(unban.contains("taken back"), "{unban}");
    let again = stdout(&run(&world.line(&format!("peers unban {alice}"), &base)));
    assert!(again.contains("was not banned"), "{again}");
    let mut node = world.connected(&base).await;
    until_status(&client(&node), "a peer again", |view| view.peers > 0).await;
    node.stop(PATIENCE).await.unwrap();

    // Remembered addresses are dialled where none is given: no --bootnodes.
    let done = run(&world.line(&format!("resync -y --peer {alice}"), &base));
    assert!(stdout(&done).contains("done"), "{done:?}");

    // A damaged file is put aside, and the node starts.
    let file = chain_folder(&base, "quick").join("network").join("peers");
    fs::write(&file, b"tier-sync peers 9\n").unwrap();
    let list = run(&world.line("peers list", &base));
    assert!(error_line(&list).contains("puts it aside"), "{list:?}");
    let node = world.connected(&base).await;
    assert!(file.with_extension("unreadable").exists());
    drop(node);
    let wrong = run(&world.line("peers ban 0OIl", &base));
    assert_eq!(wrong.status.code(), Some(64), "{wrong:?}");
    let nowhere = run(&world.line(&format!("peers ban {alice}"), &world.base("nowhere")));
    assert!(
        error_line(&nowhere).contains("nothing of chain"),
        "{nowhere:?}"
    );
}
