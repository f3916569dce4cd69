//! `localnet` from the outside: it shows its nodes, and nothing outlives it.

use crate::harness::{command, finish, processes_of, stdout, until};
use runtime_bridge::store::Lock;
use rustix::process::{Pid, Signal, kill_process};
use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Stdio},
};

/// A network that runs until it is told to stop; returns once all of its nodes serve.
fn running(scratch: &Path) -> Child {
    let mut child = command("localnet --nodes 2 --json")
        .env("TMPDIR", scratch)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut started = false;
    for line in lines {
        let event: serde_json::Value = serde_json::from_str(&line.unwrap()).unwrap();
        if event["event"] == "started" {
            assert_eq!(event["nodes"], 2);
            started = true;
            break;
        }
    }
    assert!(started);
    assert_eq!(processes_of(scratch).len(), 2);
    child
}

fn send(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

#[test]
fn interrupted_localnet_stops_its_nodes_and_removes_its_files() {
    for signal in [Signal::INT, Signal::TERM] {
        let scratch = tempfile::tempdir().unwrap();
        let mut child = running(scratch.path());
        send(&child, signal);
        until("its end", || child.try_wait().unwrap().is_some());
        assert!(child.wait().unwrap().success());
        assert!(processes_of(scratch.path()).is_empty());
        assert_eq!(std::fs::read_dir(scratch.path()).unwrap().count(), 0);
    }
}

#[test]
fn killed_localnet_takes_its_nodes_along() {
    let scratch = tempfile::tempdir().unwrap();
    let mut child = running(scratch.path());
    send(&child, Signal::KILL);
    child.wait().unwrap();
    until("the end of its nodes", || {
        processes_of(scratch.path()).is_empty()
    });
}

#[test]
fn tour_passes_every_step_and_leaves_nothing() {
    let scratch = tempfile::tempdir().unwrap();
    let mut tour = command("localnet --tour");
    tour.env("TMPDIR", scratch.path());
    let output = finish(tour);
    let text = stdout(&output);
    assert!(
        output.status.success(),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(
        text.lines().last(),
        Some("tour: 6 of 6 steps passed"),
        "{text}"
    );
    assert!(!text.contains('\x1b'), "no terminal, no colours");
    assert!(processes_of(scratch.path()).is_empty());
    assert_eq!(std::fs::read_dir(scratch.path()).unwrap().count(), 0);
}

#[test]
fn second_localnet_in_a_folder_is_refused_by_name_before_a_node_starts() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path().join("network");
    std::fs::create_dir(&folder).unwrap();
    let line = format!("localnet --nodes 2 --json --base-path {}", folder.display());
    let held = Lock::take(&folder.join("LOCK")).unwrap();
    let refused = command(&line).output().unwrap();
    assert_eq!(refused.status.code(), Some(1));
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(
        said.contains("network/LOCK is in use by another process"),
        "{said}"
    );
    assert_eq!(
        std::fs::read_dir(&folder).unwrap().count(),
        1,
        "no node was started"
    );
    drop(held);
}
