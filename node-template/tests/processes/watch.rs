//! `status --watch`.

use crate::harness::{PATIENCE, client, command, run, serving, stdout, until, until_status};
use serde_json::Value;
use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Stdio},
    sync::mpsc::{Receiver, channel},
    time::Instant,
};

/// A `status --watch` that is killed when the test ends, and its lines.
struct Watch {
    child: Child,
    lines: Receiver<Value>,
}

impl Watch {
    fn of(base: &Path) -> Self {
        let line = format!("status --watch --json --dev -d {}", base.display());
        let mut child = command(&line).stdout(Stdio::piped()).spawn().unwrap();
        let (told, lines) = channel();
        let pipe = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            for line in pipe.lines() {
                let value = serde_json::from_str(&line.unwrap()).unwrap();
                // The test may have ended.
                let _ = told.send(value);
            }
        });
        Self { child, lines }
    }

    fn until(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let start = Instant::now();
        loop {
            let left = PATIENCE.saturating_sub(start.elapsed());
            let line = self.lines.recv_timeout(left);
            let line = line.unwrap_or_else(|error| panic!("{what} did not come: {error}"));
            if wanted(&line) {
                return line;
            }
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn watch_shows_the_peers_and_goes_on_after_a_restart_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let (author_base, base) = (folder.path().join("author"), folder.path().join("ours"));
    for base in [&author_base, &base] {
        std::fs::create_dir_all(base).unwrap();
    }
    let author = serving(&author_base, "dev", "--dev").await;
    let address = author.node_file().unwrap().listen_addresses[0].clone();
    let peer = address.rsplit('/').next().unwrap().to_owned();
    let args = format!("--chain dev --reserved-nodes {address}");
    let ours = serving(&base, "dev", &args).await;

    let watch = Watch::of(&base);
    let of_peer = |line: &Value| {
        line["status"]["verdict"] == "inSync"
            && line["peers"][0]["connected"] == true
            && line["peers"][0]["best"]["number"].as_u64() > Some(0)
    };
    let seen = watch.until("a look with the peer", of_peer);
    assert_eq!(seen["peers"][0]["peerId"], peer.as_str(), "{seen}");
    assert_eq!(seen["peers"][0]["declared"], true, "{seen}");
    let list = stdout(&run(&format!("peers list --dev -d {}", base.display())));
    assert!(list.contains(&peer) && list.contains("declared"), "{list}");

    let before = seen["status"]["best"]["number"].as_u64();
    drop(ours);
    let away = watch.until("a look without the node", |line| line["error"].is_string());
    let text = away["error"].as_str().unwrap();
    assert!(text.contains("no node answers"), "{text}");
    // On other ports.
    let _ours = serving(&base, "dev", &args).await;
    let again = watch.until("a look after the restart", of_peer);
    assert!(
        again["status"]["best"]["number"].as_u64() >= before,
        "{again}"
    );
}

/// As `head -1` does; the command has to end by itself.
fn read_one_line_and_leave(line: &str) {
    let mut child = command(line).stdout(Stdio::piped()).spawn().unwrap();
    let mut pipe = BufReader::new(child.stdout.take().unwrap());
    pipe.read_line(&mut String::new()).unwrap();
    drop(pipe);
    let mut ended = None;
    until("the end of the watch", || {
        ended = child.try_wait().unwrap();
        ended.is_some()
    });
    assert_eq!(ended.unwrap().code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn watch_ends_when_its_reader_has_gone() {
    let base = tempfile::tempdir().unwrap();
    let node = serving(base.path(), "dev", "--dev").await;
    until_status(&client(&node), "a block", |view| view.best.number > 0).await;
    for format in ["--json", ""] {
        let line = format!("status --watch {format} --dev -d {}", base.path().display());
        read_one_line_and_leave(&line);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn watch_whose_line_never_changes_ends_when_its_reader_has_gone() {
    let base = tempfile::tempdir().unwrap();
    // It authors nothing and meets nobody.
    let _node = serving(base.path(), "local", "--chain local --isolated").await;
    let line = format!("status --watch --chain local -d {}", base.path().display());
    read_one_line_and_leave(&line);
}
