//! A disk that is too small, and one that fills up in a resync (scenario R7), on a file system of the test's own.

use crate::{
    dead_fork::{Finality, STRATEGIES, World, store_files},
    harness::{
        PATIENCE, binary, chain_folder, client, error_line, namespace, run, serving, skipped,
        stdout, until, until_status,
    },
    metrics::told,
    rpc::ask,
};
use node_template::status_view::StatusView;
use rustix::process::{Pid, Signal, kill_process};
use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

pub(crate) const MIB: u64 = 1 << 20;

/// A file system in memory, seen through the process that mounted it in a namespace of its own; gone when dropped.
pub(crate) struct SmallDisk {
    holder: Child,
    root: PathBuf,
}

impl SmallDisk {
    /// `None` where the system lets nobody make namespaces.
    pub(crate) fn new(folder: &Path, size: u64) -> Option<Self> {
        fs::create_dir_all(folder).unwrap();
        let script = format!("mount -t tmpfs -o size={size} tmpfs \"$0\"");
        let holder = namespace(&["--mount"], &script, folder)?;
        let root = PathBuf::from(format!("/proc/{}/root", holder.id()));
        let root = root.join(folder.strip_prefix("/").unwrap());
        let disk = Self { holder, root };
        fs::read_dir(&disk.root).is_ok().then_some(disk)
    }

    /// Its folder.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Fills the disk until this many bytes are left.
    pub(crate) fn fill(&self, left: u64) -> PathBuf {
        let path = self.root.join("filler");
        let mut file = fs::File::create(&path).unwrap();
        let disk = rustix::fs::statvfs(&self.root).unwrap();
        let free = disk.f_bavail * disk.f_frsize;
        let chunk = vec![1; 64 * 1024];
        let mut written = 0;
        while written + left < free && file.write_all(&chunk).is_ok() {
            written += u64::try_from(chunk.len()).unwrap();
        }
        path
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn full_disk_costs_nothing_of_the_old_chain() {
    // A snapshot needs a final block.
    let world = World::with(Finality::Reached).await;
    let plain = world.copy_of_daves_files("plain");
    let files = store_files(&plain);
    let size: usize = files.iter().map(|(_, bytes)| bytes.len()).sum();
    let size = u64::try_from(size).unwrap();
    let Some(disk) = SmallDisk::new(&world.base("mount"), 2 * size + 100 * MIB) else {
        #[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
        {
            eprintln!(
                "skipped: this system lets no user make a mount namespace (unshare --user --mount)"
            );
        }
        return;
    };
    let base = disk.root.join("base");
    world.copy_daves_files_to(&base);
    let before = store_files(&base);
    let folder = chain_folder(&base, "quick");
    let order = |strategy: &str| {
        let (peer, bootnode) = (world.alice_id(), world.alice_address());
        let order = format!("resync -y --strategy {strategy} --peer {peer} --bootnodes {bootnode}");
        world.line(&order, &base)
    };

    for strategy in STRATEGIES {
        let order = order(strategy);
        let filler = disk.fill(20 * MIB);
        let refused = error_line(&run(&order));
        assert!(refused.contains("free"), "{strategy}: {refused}");
        assert!(!folder.join("journal").exists() && !folder.join("staging").exists());
        fs::remove_file(&filler).unwrap();

        for moment in [Moment::StagingIsMade, Moment::BlocksArrive] {
            let error = filled_up(&disk, &order, &folder, moment);
            assert!(
                [
                    "is full",
                    "No space left on device",
                    "kept for the live chain"
                ]
                .iter()
                .any(|text| error.contains(text)),
                "{strategy}, {moment:?}: {error}"
            );
            assert_eq!(store_files(&base), before, "the old chain is as it was");
            // Whatever it had begun can be given up.
            let abort = run(&world.line("resync --abort", &base));
            let text = String::from_utf8_lossy(&abort.stderr).into_owned();
            assert!(
                abort.status.success() || text.contains("no resync and no restore is under way"),
                "{strategy}, {moment:?}: {abort:?}"
            );
        }
    }
    let isolated = format!("--chain {} --isolated", world.spec().display());
    let node = serving(&base, "quick", &isolated).await;
    let view = client(&node).status().await.unwrap();
    assert_eq!(view.best, world.daves_tip());
}

#[tokio::test(flavor = "multi_thread")]
async fn validator_that_cannot_sign_for_want_of_space_says_so_at_once_and_goes_on_when_there_is_some()
 {
    let outside = tempfile::tempdir().unwrap();
    let Some(disk) = SmallDisk::new(&outside.path().join("mount"), 200 * MIB) else {
        return skipped("this system lets no user make a mount namespace (unshare --user --mount)");
    };
    let base = disk.root().join("base");
    fs::create_dir_all(&base).unwrap();
    let alerts = outside.path().join("alerts");
    let args = format!("--dev --alert-cmd cat>>{}", alerts.display());
    let node = serving(&base, "dev", &args).await;
    let asked = client(&node);
    let readiness = || ask(asked.url(), "GET /health/readiness HTTP/1.1", "");
    until_status(&asked, "a block", |view| view.best.number >= 1).await;
    assert!(readiness().starts_with("HTTP/1.1 200"));

    let filler = disk.fill(0);
    until("an alert", || !told(&alerts).is_empty());
    let event = told(&alerts).remove(0);
    assert_eq!(event["alert"], "local_fault", "{event}");
    let message = event["message"].as_str().unwrap();
    for part in ["/signed ", "No space left on device", "make room"] {
        assert!(message.contains(part), "{message}");
    }
    assert!(readiness().starts_with("HTTP/1.1 503"));
    let shown = run(&format!("status --dev -d {}", base.display()));
    let text = stdout(&shown);
    assert!(text.contains("no block for our slot: "), "{text}");

    fs::remove_file(&filler).unwrap();
    let height = asked.status().await.unwrap().best.number;
    let well = |view: &StatusView| view.best.number > height && view.notes.is_empty();
    until_status(&asked, "a block, and nothing more to say", well).await;
    assert!(readiness().starts_with("HTTP/1.1 200"));
}

/// When the disk fills up.
#[derive(Clone, Copy, Debug)]
enum Moment {
    StagingIsMade,
    BlocksArrive,
}

/// Fills the disk in a resync, lets it end, makes room again, and returns the error.
fn filled_up(disk: &SmallDisk, order: &str, folder: &Path, moment: Moment) -> String {
    let resync = Command::new(binary())
        .args(order.split_whitespace())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let pid = Pid::from_child(&resync);
    let has_come = || match moment {
        Moment::StagingIsMade => folder.join("staging").exists(),
        Moment::BlocksArrive => {
            let journal = fs::read_to_string(folder.join("journal"));
            journal.is_ok_and(|text| text.contains("downloading"))
        }
    };
    let start = Instant::now();
    while !has_come() {
        assert!(start.elapsed() < PATIENCE);
        std::thread::sleep(Duration::from_micros(200));
    }
    kill_process(pid, Signal::STOP).unwrap();
    let filler = disk.fill(0);
    kill_process(pid, Signal::CONT).unwrap();
    let output = resync.wait_with_output().unwrap();
    fs::remove_file(&filler).unwrap();
    error_line(&output)
}
