//! `export-blocks` and `import-blocks`, with a chain that a real node authored.

mod broken;
mod round_trip;
mod stopping;

use crate::harness::{
    PATIENCE, chain_folder, client, command, finish, run, serving, stdout, until_status,
};
use chain_spec::{ChainSpec, Preset};
use node_template::{authoring::Chain, runtime::TemplateRuntime};
use runtime_bridge::ChainTip;
use sp_consensus_aura::SlotDuration;
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::Arc,
    time::Duration,
};
use sync_component::ports::SystemClock;
use tempfile::TempDir;

/// A chain that a node authored alone, with transfers, in `old`; the node is stopped. Other chains go beside it.
struct World(TempDir);

impl World {
    async fn new() -> Self {
        let world = Self(tempfile::tempdir().unwrap());
        let spec = Self::spec();
        fs::write(world.spec_file(), spec.to_toml()).unwrap();
        let base = world.path("old");
        fs::create_dir(&base).unwrap();
        let args = format!("--chain {} --alice --isolated", world.spec_file().display());
        let mut node = serving(&base, "quick", &args).await;
        let asked = client(&node);
        for _ in 0..3 {
            let url = asked.url();
            let sent = format!("tx transfer --from //Alice --to //Bob --amount 7 --url {url}");
            let height = asked.status().await.unwrap().best.number;
            assert!(run(&sent).status.success());
            until_status(&asked, "a block", |view| view.best.number > height).await;
        }
        until_status(&asked, "block 6", |view| view.best.number >= 6).await;
        // While the node runs, nobody else has its chain.
        for line in ["export-blocks", "import-blocks nowhere", "import-blocks"] {
            let refused = world.run(line, "old");
            let text = String::from_utf8(refused.stderr).unwrap();
            assert_eq!(refused.status.code(), Some(1), "{line}: {text}");
            let said = if line.contains("nowhere") {
                "nowhere cannot be read"
            } else {
                "stop it first"
            };
            assert!(text.contains(said), "{line}: {text}");
        }
        assert!(node.stop(PATIENCE).await.unwrap().success());
        world
    }

    /// `dev` with short slots.
    fn spec() -> ChainSpec {
        let mut quick = Preset::Dev.spec();
        "quick".clone_into(&mut quick.id);
        quick.slot_duration = SlotDuration::from_millis(500);
        quick.sync.limits.drift = Duration::from_millis(100);
        quick
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn spec_file(&self) -> PathBuf {
        self.path("quick.toml")
    }

    /// A command that works on the chain in `base`, in the world's folder.
    fn command(&self, line: &str, base: &str) -> Command {
        let spec = self.spec_file();
        let mut command = command(&format!("{line} --chain {} -d {base}", spec.display()));
        command.current_dir(self.0.path());
        command
    }

    fn run(&self, line: &str, base: &str) -> Output {
        finish(self.command(line, base))
    }

    /// The same; it has to succeed. What it printed.
    fn done(&self, line: &str, base: &str) -> String {
        let output = self.run(line, base);
        assert!(output.status.success(), "{line}: {output:?}");
        stdout(&output)
    }

    /// The chain in `base`: its tip and the root of the state after it.
    fn tip(&self, base: &str) -> ChainTip {
        let store = chain_folder(&self.path(base), "quick").join("db/full");
        let clock = Arc::new(SystemClock::new());
        let chain = Chain::open(&store, &Self::spec(), TemplateRuntime, clock).unwrap();
        chain.tip().unwrap()
    }

    /// A file of the old chain.
    fn exported(&self, format: &str) -> Vec<u8> {
        let name = format!("exported{}", format.trim());
        let path = self.path(&name);
        if !path.exists() {
            self.done(&format!("export-blocks {name} {format}"), "old");
        }
        fs::read(path).unwrap()
    }
}

const FORMATS: [&str; 2] = ["", "--binary"];

/// Names in a folder.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}
