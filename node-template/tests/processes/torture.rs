//! `kill -9` of a resync, through the node and alone, at each stage and at other moments (scenario R2, invariants I2 and
//! I11), under each strategy. `make test` kills each 10 times, `make torture` 200 times.

use crate::{
    dead_fork::{Finality, World, backups, copy, critical, in_sync},
    harness::{PATIENCE, binary, chain_folder, client, run, serving, started, until_status},
    seals::seals_in,
};
use chain_spec::ChainSpec;
use node_template::{
    authoring::Chain, localnet::NodeProcess, runtime::TemplateRuntime, status_view::BlockView,
};
use rustix::process::Signal;
use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};
use sync_component::ports::{BuildSnapshots, ImportBlocks, ReadChain, StateStanding, SystemClock};

/// How often, unless `KILLS` says otherwise.
const KILLS: u64 = 10;

/// The journal's stages.
const STAGES: [&str; 5] = [
    "preparing",
    "downloading",
    "validated",
    "swapping",
    "committed",
];

/// When a resync is killed.
#[derive(Clone, Copy, Debug)]
enum Moment {
    /// As soon as the journal says so.
    Stage(&'static str),
    /// So long after the order.
    After(Duration),
}

impl Moment {
    /// First each stage in both ways, then moments spread over what a whole run takes in this kill's way.
    fn of(kill: u64, whole: &Whole) -> Self {
        let half = usize::try_from(kill / 2).unwrap();
        let share = f64::from(u32::try_from(kill * 7_919 % 1_000).unwrap()) / 1_000.0;
        STAGES.get(half).map_or_else(
            || Self::After(whole.of(Way::of(kill)).mul_f64(share)),
            |stage| Self::Stage(stage),
        )
    }

    /// Waits for it; says whether it came.
    fn wait(self, journal: &Path, ordering: &mut Child) -> bool {
        let stage = match self {
            Self::After(time) => {
                std::thread::sleep(time);
                return ordering.try_wait().unwrap().is_none();
            }
            Self::Stage(stage) => stage,
        };
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            let text = fs::read_to_string(journal).unwrap_or_default();
            if text.contains(stage) {
                return true;
            }
            if ordering.try_wait().unwrap().is_some() {
                return false;
            }
            std::thread::sleep(Duration::from_micros(200));
        }
        panic!("neither the stage {stage} nor the end came");
    }
}

/// Who carries a resync out.
#[derive(Clone, Copy, Debug)]
enum Way {
    ThroughANode,
    Alone,
}

impl Way {
    /// In turn.
    fn of(kill: u64) -> Self {
        if kill.is_multiple_of(2) {
            Self::ThroughANode
        } else {
            Self::Alone
        }
    }
}

/// How long a resync takes that nobody disturbs, from the order to its end.
struct Whole {
    through_a_node: Duration,
    alone: Duration,
}

impl Whole {
    async fn measured(world: &World, strategy: &str) -> Self {
        let (base, node) = world.copy_of_dave("undisturbed").await;
        until_status(&client(&node), "a peer", |view| view.peers > 0).await;
        let through_a_node = took(through_it(world, &base, strategy), &base);
        drop(node);
        let base = world.copy_of_daves_files("undisturbed-alone");
        let alone = took(by_itself(world, &base, strategy), &base);
        Self {
            through_a_node,
            alone,
        }
    }

    fn of(&self, way: Way) -> Duration {
        match way {
            Way::ThroughANode => self.through_a_node,
            Way::Alone => self.alone,
        }
    }
}

/// How long `ordering`, which was given a moment ago, takes to its good end.
fn took(mut ordering: Child, base: &Path) -> Duration {
    let begun = Instant::now();
    assert!(ordering.wait().unwrap().success());
    assert_eq!(backups(base).len(), 1);
    begun.elapsed()
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_full_chain_ends_wholly_old_or_wholly_new() {
    ends_wholly_old_or_wholly_new("full-chain", Finality::Never).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_multi_source_ends_wholly_old_or_wholly_new() {
    ends_wholly_old_or_wholly_new("multi-source", Finality::Never).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_snapshot_ends_wholly_old_or_wholly_new() {
    ends_wholly_old_or_wholly_new("snapshot", Finality::Reached).await;
}

async fn ends_wholly_old_or_wholly_new(strategy: &str, finality: Finality) {
    let kills = std::env::var("KILLS").map_or(KILLS, |text| {
        text.parse().expect("KILLS is a number of kills")
    });
    let world = World::in_small_pieces(finality).await;
    let whole = Whole::measured(&world, strategy).await;
    let (mut in_time, mut between, mut old, mut new) = (0, 0, 0, 0);
    for kill in 0..kills {
        let moment = Moment::of(kill, &whole);
        let name = format!("killed-{kill}");
        let Killed { hit, left, end } = match Way::of(kill) {
            Way::ThroughANode => through_a_node(&world, &name, strategy, moment).await,
            Way::Alone => alone(&world, &name, strategy, moment).await,
        };
        in_time += u64::from(hit);
        between += u64::from(left == Left::SomePieces);
        match end {
            End::Old => old += 1,
            End::New => new += 1,
        }
        fs::remove_dir_all(world.base(&name)).unwrap();
    }
    #[expect(clippy::print_stdout, reason = "the figures of `make torture`")]
    {
        println!(
            "{strategy}: {kills} kills, {in_time} at their moment, {between} between two pieces: {old} wholly old, {new} wholly new"
        );
    }
    assert_eq!(old + new, kills);
    assert!(
        in_time * 2 > kills,
        "most came too late, so little was tested"
    );
    // The first ones come at the beginning of a stage.
    assert!(
        kills < 50 || between * 10 > kills,
        "hardly any came between two pieces: {between}"
    );
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Old,
    New,
}

/// What a killed process had staged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Left {
    /// Some pieces of the new chain.
    SomePieces,
    /// None, or all.
    NothingOrAll,
}

/// What became of a kill.
struct Killed {
    /// Whether it came at its moment.
    hit: bool,
    left: Left,
    end: End,
}

/// Looks into a copy: opening a store changes its files.
async fn left(world: &World, base: &Path) -> Left {
    let theirs = world.alice().status().await.unwrap().best.number;
    let staging = chain_folder(base, "quick").join("staging");
    let text = fs::read_to_string(journal(base)).unwrap_or_default();
    // Later it is all, or the old chain.
    if !text.contains("downloading") || !staging.join("STORE").exists() {
        return Left::NothingOrAll;
    }
    let copied = world.base("looked-at");
    copy(&staging, &copied);
    let spec = ChainSpec::load(world.spec().to_str().unwrap()).unwrap();
    let chain = Chain::open(
        &copied,
        &spec,
        TemplateRuntime,
        Arc::new(SystemClock::new()),
    );
    let chain = chain.unwrap();
    let pieces = match chain.snapshots().map(BuildSnapshots::standing) {
        Ok(standing) => match standing.state {
            StateStanding::NotBegun => standing.header.number,
            StateStanding::Partly { entries, .. } | StateStanding::Whole { entries, .. } => {
                u32::try_from(entries).unwrap()
            }
            StateStanding::Finished { .. } => 0,
        },
        Err(_) => chain.best().number,
    };
    let staged = u64::from(chain.best().number);
    drop(chain);
    fs::remove_dir_all(copied).unwrap();
    // With so much less than the network has by now a download was hardly over.
    if pieces > 0 && staged + 5 < theirs {
        Left::SomePieces
    } else {
        Left::NothingOrAll
    }
}

fn order(world: &World, base: &Path, more: &str) -> Child {
    let line = format!("resync -y --peer {} {more}", world.alice_id());
    Command::new(binary())
        .args(world.line(&line, base).split_whitespace())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Ordered of the node that runs on `base`.
fn through_it(world: &World, base: &Path, strategy: &str) -> Child {
    order(world, base, &format!("--strategy {strategy}"))
}

/// Ordered where no node runs.
fn by_itself(world: &World, base: &Path, strategy: &str) -> Child {
    let bootnode = world.alice_address();
    let more = format!("--strategy {strategy} --bootnodes {bootnode}");
    order(world, base, &more)
}

fn killed(mut process: Child) {
    process.kill().unwrap();
    process.wait().unwrap();
}

async fn through_a_node(world: &World, name: &str, strategy: &str, moment: Moment) -> Killed {
    let (base, mut node) = world.copy_of_dave(name).await;
    until_status(&client(&node), "a peer", |view| view.peers > 0).await;
    let mut ordering = through_it(world, &base, strategy);
    let hit = moment.wait(&journal(&base), &mut ordering);
    node.signal(Signal::KILL).unwrap();
    node.ended(PATIENCE).await.unwrap();
    killed(ordering);
    let left = left(world, &base).await;
    let end = goes_on(world, &base, moment).await;
    Killed { hit, left, end }
}

async fn alone(world: &World, name: &str, strategy: &str, moment: Moment) -> Killed {
    let base = world.copy_of_daves_files(name);
    let mut resync = by_itself(world, &base, strategy);
    let hit = moment.wait(&journal(&base), &mut resync);
    killed(resync);
    let left = left(world, &base).await;
    let end = goes_on(world, &base, moment).await;
    Killed { hit, left, end }
}

fn journal(base: &Path) -> std::path::PathBuf {
    chain_folder(base, "quick").join("journal")
}

/// The next start goes on by itself: to the whole new chain if the run was written down, or over, when it was killed; else nothing
/// was begun, and the whole old chain stays.
async fn goes_on(world: &World, base: &Path, moment: Moment) -> End {
    let was_begun = journal(base).exists() || !backups(base).is_empty();
    let signed = chain_folder(base, "quick").join("signed");
    let record = fs::read(&signed).unwrap();
    let mut node = started(base, "quick", &world.connected_args());
    if let Err(error) = node.serving(PATIENCE).await {
        panic!("{moment:?}: {error}\n{}", node.log_tail(40).join("\n"));
    }
    let start = Instant::now();
    let end = loop {
        let is_over = !journal(base).exists();
        // In this order: the backup is there before the journal goes.
        let is_new = !backups(base).is_empty();
        // A restart for the exchange may be under way.
        let seen = match node.client() {
            Some(asking) => asking.status().await.ok(),
            None => None,
        };
        if let Some(view) = seen.filter(|_| is_over) {
            if is_new && in_sync(&view) && world.is_alices(&view.best).await {
                break End::New;
            }
            if !is_new {
                assert!(
                    !was_begun,
                    "{moment:?}: the run is forgotten\n{}",
                    node.log_tail(4_000).join("\n")
                );
                assert_eq!(view.best, world.daves_tip(), "{moment:?}: as it was");
                break End::Old;
            }
        }
        assert!(
            start.elapsed() < PATIENCE,
            "{moment:?}: neither wholly old nor wholly new: over {is_over}, backups {:?}\n{}",
            backups(base),
            node.log_tail(4_000).join("\n")
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert_eq!(backups(base).len(), usize::from(end == End::New));
    assert_eq!(fs::read(&signed).unwrap(), record, "what was signed stays");
    let staging = chain_folder(base, "quick").join("staging");
    assert!(!staging.exists() || end == End::Old, "nothing is left over");
    end
}

#[tokio::test(flavor = "multi_thread")]
async fn key_signs_once_for_a_slot_through_resync_and_restore() {
    let world = World::new().await;
    let mut seals: BTreeMap<u64, String> = BTreeMap::new();
    let mut count_seals = |base: &Path| {
        let log = fs::read_to_string(base.join("node.log")).unwrap();
        let mut count = 0;
        for (slot, hash) in seals_in(&log) {
            count += 1;
            let first = seals.entry(slot).or_insert_with(|| hash.clone());
            assert_eq!(*first, hash, "two seals for slot {slot}");
        }
        count
    };
    // The log goes on where the one of its time alone ends.
    let base = world.copy_of_daves_files("signing");
    let alone_for_long = count_seals(&base);
    assert!(alone_for_long > 0);
    let voting = format!("{} --dave", world.connected_args());
    let mut node = serving(&base, "quick", &voting).await;
    until_status(&client(&node), "a dead fork", critical).await;
    let resync = format!("resync -y --peer {}", world.alice_id());
    assert!(run(&world.line(&resync, &base)).status.success());
    sealed(&world, &mut node, "on the network's chain").await;
    let [backup] = <[String; 1]>::try_from(backups(&base)).unwrap();
    let restore = format!("backups restore {backup} -y");
    assert!(run(&world.line(&restore, &base)).status.success());
    let tip = world.daves_tip();
    until_status(&client(&node), "the old chain", |view| view.best == tip).await;
    node.stop(PATIENCE).await.unwrap();
    let on_both = count_seals(&base);
    assert!(on_both > alone_for_long, "it sealed on the new chain");

    let alone = format!(
        "--chain {} --dave --isolated --force-authoring",
        world.spec().display()
    );
    let mut node = serving(&base, "quick", &alone).await;
    until_status(&client(&node), "more of its own chain", |view| {
        view.best.number > tip.number
    })
    .await;
    node.stop(PATIENCE).await.unwrap();
    assert!(
        count_seals(&base) > on_both,
        "it sealed on the old chain again"
    );
}

/// Waits until a block of this node is in Alice's chain.
async fn sealed(world: &World, node: &mut NodeProcess, what: &str) {
    let asking = client(node);
    let start = Instant::now();
    loop {
        let text = node.log_tail(4_000).join("\n");
        for (_, hash) in seals_in(&text) {
            let hash = format!("0x{hash}");
            let header = asking.header(&hash).await.unwrap();
            let Some(header) = header else { continue };
            let number = header.number.trim_start_matches("0x");
            let number = u64::from_str_radix(number, 16).unwrap();
            if world.is_alices(&BlockView { number, hash }).await {
                return;
            }
        }
        assert!(start.elapsed() < PATIENCE, "no block {what}: {text}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
