//! A network, and the files of a node that was alone for too long.

use crate::harness::{LOOK_EVERY, PATIENCE, chain_folder, client, serving, until_status};
use chain_spec::ChainSpec;
use node_template::{
    localnet::NodeProcess,
    status_view::{BlockView, NodeClient, StatusView, VerdictKind},
};
use sp_consensus_aura::SlotDuration;
use sp_core::{Pair, sr25519};
use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};
use tempfile::TempDir;

/// Deeper than this a fork is the operator's.
pub(crate) const MAX_REORG: u64 = 3;

/// Whose balances make up the state that comes in small pieces.
const ACCOUNTS: u32 = 300;

/// All strategies of Tier 3.
pub(crate) const STRATEGIES: [&str; 3] = ["full-chain", "multi-source", "snapshot"];

/// A network of Alice and Bob, and the files of Dave, who was alone for too long.
pub(crate) struct World {
    folder: TempDir,
    spec: PathBuf,
    alice: NodeProcess,
    dave: BlockView,
    _others: Vec<NodeProcess>,
}

/// Whether blocks of the network become final.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Finality {
    /// Too few of the authorities run.
    Never,
    /// Three of the four run.
    Reached,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(Finality::Never).await
    }

    pub(crate) async fn with(finality: Finality) -> Self {
        // Not all of the four authorities run: by their own word they would hardly go on.
        Self::voting(finality, "tip-quorum").await
    }

    /// With this strategy of Tier 1.
    pub(crate) async fn voting(finality: Finality, tier1: &str) -> Self {
        Self::of(finality, quick(tier1)).await
    }

    /// Where a chain comes in many small pieces, so that much can happen between two.
    pub(crate) async fn in_small_pieces(finality: Finality) -> Self {
        let mut quick = quick("tip-quorum");
        quick.sync.limits.headers_per_request = 1;
        quick.sync.limits.blocks_per_request = 1;
        quick.sync.limits.reply_soft_bytes = 1 << 10;
        for account in 0..ACCOUNTS {
            let account = sr25519::Pair::from_string(&format!("//Account//{account}"), None);
            quick.genesis.balances.insert(account.unwrap().public(), 1);
        }
        Self::of(finality, quick).await
    }

    async fn of(finality: Finality, quick: ChainSpec) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let spec = folder.path().join("quick.toml");
        fs::write(&spec, quick.to_toml()).unwrap();
        let chain = format!("--chain {}", spec.display());
        let base = |name: &str| {
            let base = folder.path().join(name);
            fs::create_dir_all(&base).unwrap();
            base
        };
        let others: &[&str] = match finality {
            Finality::Never => &["bob"],
            Finality::Reached => &["bob", "charlie"],
        };
        let dave = base("dave");
        let alice = serving(&base("alice"), "quick", &format!("{chain} --alice")).await;
        let to_alice = format!("{chain} --bootnodes {}", address(&alice));
        let mut running = Vec::new();
        for name in others {
            let args = format!("{to_alice} --{name}");
            running.push(serving(&base(name), "quick", &args).await);
        }
        let alone = format!("{chain} --dave --isolated --force-authoring");
        let mut lone = serving(&dave, "quick", &alone).await;
        let deep = |view: &StatusView| view.best.number > MAX_REORG + 1;
        until_status(&client(&lone), "a fork that is too deep", deep).await;
        lone.stop(PATIENCE).await.unwrap();
        // It may have sealed one more.
        let mut lone = serving(&dave, "quick", &format!("{chain} --isolated")).await;
        let last = client(&lone).status().await.unwrap().best;
        lone.stop(PATIENCE).await.unwrap();
        until_status(&client(&alice), "a longer chain", |view| {
            let is_final = finality == Finality::Never || view.finalized.number > 0;
            view.best.number > 8 && is_final
        })
        .await;
        Self {
            folder,
            spec,
            alice,
            dave: last,
            _others: running,
        }
    }

    pub(crate) fn spec(&self) -> &Path {
        &self.spec
    }

    pub(crate) fn base(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A copy of Dave's files.
    pub(crate) fn copy_of_daves_files(&self, name: &str) -> PathBuf {
        let base = self.base(name);
        self.copy_daves_files_to(&base);
        base
    }

    pub(crate) fn copy_daves_files_to(&self, base: &Path) {
        copy(&self.base("dave"), base);
    }

    /// Where Dave's chain ends.
    pub(crate) fn daves_tip(&self) -> BlockView {
        self.dave.clone()
    }

    /// A node on a copy of Dave's files.
    pub(crate) async fn copy_of_dave(&self, name: &str) -> (PathBuf, NodeProcess) {
        let base = self.copy_of_daves_files(name);
        let node = self.connected(&base).await;
        (base, node)
    }

    pub(crate) async fn connected(&self, base: &Path) -> NodeProcess {
        serving(base, "quick", &self.connected_args()).await
    }

    /// Without a key: several copies that seal with one would rightly stop each other.
    pub(crate) fn connected_args(&self) -> String {
        let bootnode = address(&self.alice);
        format!("--chain {} --bootnodes {bootnode}", self.spec.display())
    }

    /// A command line on `base`, such as `resync --status`.
    pub(crate) fn line(&self, command: &str, base: &Path) -> String {
        let (spec, base) = (self.spec.display(), base.display());
        format!("{command} --chain {spec} -d {base}")
    }

    pub(crate) fn alice_address(&self) -> String {
        address(&self.alice)
    }

    pub(crate) fn alice_id(&self) -> String {
        let address = address(&self.alice);
        address.rsplit_once("/p2p/").unwrap().1.to_owned()
    }

    /// Asks Alice.
    pub(crate) fn alice(&self) -> NodeClient {
        client(&self.alice)
    }

    /// Alice's hash at a height.
    pub(crate) async fn alice_holds(&self, number: u64) -> Option<String> {
        client(&self.alice).block_hash(number).await.unwrap()
    }

    /// Waits until the node is in sync at a block of Alice's. The newest one may come there before it comes to her, or give way to
    /// another one.
    pub(crate) async fn until_joined(&self, node: &NodeProcess) -> StatusView {
        let asking = client(node);
        let joined = async {
            loop {
                let view = until_status(&asking, "in sync", in_sync).await;
                if self.is_alices(&view.best).await {
                    return view;
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        tokio::time::timeout(PATIENCE, joined).await.unwrap()
    }

    pub(crate) async fn is_alices(&self, best: &BlockView) -> bool {
        self.alice_holds(best.number).await.as_ref() == Some(&best.hash)
    }
}

fn quick(tier1: &str) -> ChainSpec {
    let mut quick = chain_spec::Preset::Local.spec();
    "quick".clone_into(&mut quick.id);
    quick.slot_duration = SlotDuration::from_millis(500);
    quick.sync.limits.drift = Duration::from_millis(100);
    // Disks of these tests lie in memory.
    quick.sync.limits.disk_reserve_bytes = 16 << 20;
    quick.sync.tier2.max_reorg = MAX_REORG;
    quick.sync.strategies.tier1 = Some(tier1.to_owned());
    quick
}

pub(crate) fn address(node: &NodeProcess) -> String {
    let file = node
        .node_file()
        .expect("a node that serves has a node.json");
    file.listen_addresses[0].clone()
}

pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

pub(crate) fn critical(view: &StatusView) -> bool {
    view.verdict == VerdictKind::Critical
}

pub(crate) fn in_sync(view: &StatusView) -> bool {
    view.verdict == VerdictKind::InSync
}

pub(crate) fn backups(base: &Path) -> Vec<String> {
    let folder = chain_folder(base, "quick").join("backups");
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| !name.starts_with('.')).collect()
}

/// Names and contents of a store's files, those aside that every look at a database changes.
pub(crate) fn store_files(base: &Path) -> Vec<(String, Vec<u8>)> {
    let store = chain_folder(base, "quick").join("db").join("full");
    let mut files: Vec<_> = fs::read_dir(store)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, fs::read(path).unwrap())
        })
        .filter(|(name, _)| !name.starts_with("LOG") && name != "LOCK")
        .collect();
    files.sort();
    files
}
