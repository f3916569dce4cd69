//! `benchmark`, with small numbers: what it prints, and that it leaves nothing behind. Its figures are not looked at.

use crate::harness::{binary, command, error_line, finish, processes_of, stdout, until};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
};

/// The command in a scratch folder of its own.
fn benchmark(line: &str, scratch: &Path) -> Command {
    let line = line.replace("{base}", &scratch.join("base").display().to_string());
    let mut command = command(&format!("benchmark {line}"));
    fs::create_dir_all(scratch.join("tmp")).unwrap();
    command.env("TMPDIR", scratch.join("tmp"));
    command
}

fn done(line: &str, scratch: &Path) -> String {
    let output = finish(benchmark(line, scratch));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{line}: {said}");
    // Tests are built without optimisation, and that is said whatever is printed.
    let text = stdout(&output);
    assert!(format!("{text}{said}").contains("DEBUG BUILD"), "{text}");
    text
}

/// The one object that was printed.
fn json(line: &str, scratch: &Path) -> Value {
    let text = done(line, scratch);
    assert_eq!(text.lines().count(), 1, "{text}");
    serde_json::from_str(&text).unwrap()
}

fn keys(object: &Value) -> Vec<&str> {
    object
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect()
}

fn sorted<const N: usize>(mut names: [&str; N]) -> [&str; N] {
    names.sort_unstable();
    names
}

fn names_in(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn number(object: &Value, key: &str) -> f64 {
    object[key]
        .as_f64()
        .unwrap_or_else(|| panic!("{key} in {object}"))
}

#[test]
fn gate_prints_the_fields_of_the_spec_and_leaves_nothing() {
    let scratch = tempfile::tempdir().unwrap();
    for strategy in ["tip-quorum", "authority-quorum"] {
        let line = format!(
            "gate --peers 3 --latency-ms 10 --mute 1 --rounds 1 --strategy {strategy} --json"
        );
        let found = json(&line, scratch.path());
        let wanted = ["cores", "profile", "cached_ns", "fresh_ms", "quorum_rtt_ms"];
        assert_eq!(keys(&found), sorted(wanted));
        assert_eq!(found["profile"], "debug");
        assert!(number(&found, "cached_ns") > 0.0);
        // Nothing is quicker than the line.
        assert!(number(&found, "quorum_rtt_ms") >= 10.0);
        assert!(number(&found, "fresh_ms") >= 10.0);
        assert!(names_in(&scratch.path().join("tmp")).is_empty());
    }
}

#[test]
fn gate_that_cannot_clear_says_why() {
    let scratch = tempfile::tempdir().unwrap();
    let line = "gate --peers 1 --latency-ms 0 --mute 8 --rounds 1 --strategy authority-quorum";
    let output = finish(benchmark(line, scratch.path()));
    let error = error_line(&output);
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(error.contains("the gate held"), "{error}");
    assert!(names_in(&scratch.path().join("tmp")).is_empty());
}

#[test]
fn limits_say_what_they_are_made_of() {
    let scratch = tempfile::tempdir().unwrap();
    let found = json("limits --transfers 3 --effort-ms 2 --json", scratch.path());
    for block in ["empty_blocks", "blocks_of_transfers"] {
        assert!(number(&found[block], "bound_blocks_per_second") > 0.0);
        assert!(number(&found[block], "trie_us") > 0.0);
        assert!(number(&found[block], "write_us") > 0.0);
    }
    assert_eq!(found["blocks_of_transfers"]["transfers"], 3);
    for key in [
        "signature_alone_us",
        "signature_in_batch_us",
        "signature_in_batch_of_many_signers_us",
        "header_hash_us",
    ] {
        assert!(number(&found, key) > 0.0);
    }
    assert!(number(&found, "libp2p_bytes_per_second") > 0.0);
    let text = done("limits --transfers 3 --effort-ms 2", scratch.path());
    assert!(text.contains("bound = min("), "{text}");
    assert!(text.contains("block of 3 transfers"), "{text}");
    assert!(names_in(&scratch.path().join("tmp")).is_empty());
}

#[test]
fn sync_prints_the_fields_of_the_spec_keeps_the_chain_and_nothing_else() {
    let scratch = tempfile::tempdir().unwrap();
    let line =
        "sync --blocks 40 --transfers 2 --peers 2 --latency-ms 4 --lying 1 --effort-ms 2 -d {base}";
    let found = json(&format!("{line} --json"), scratch.path());
    let wanted = [
        "cores",
        "profile",
        "blocks",
        "blocks_per_second",
        "import_blocks_per_second",
        "ratio_to_import",
        "bound_blocks_per_second",
        "ratio_to_bound",
        "cpu_seconds",
        "server_cpu_seconds",
        "peak_rss_bytes",
        "bytes_received",
        "stages",
    ];
    assert_eq!(keys(&found), sorted(wanted));
    assert_eq!(found["blocks"], 40);
    let stages = ["commit", "decode", "download", "execute", "verify"];
    assert_eq!(keys(&found["stages"]), stages);
    for stage in stages {
        assert!(number(&found["stages"], stage) > 0.0, "{found}");
    }
    let ratio = number(&found, "blocks_per_second") / number(&found, "import_blocks_per_second");
    assert!((number(&found, "ratio_to_import") - ratio).abs() < 1e-6);
    assert!(number(&found, "peak_rss_bytes") > 1e6);
    assert!(number(&found, "bytes_received") > 40.0 * 300.0);

    let kept = scratch.path().join("base/benchmark");
    let chain = "chain-2-40-blocks-of-2-transfers";
    assert_eq!(names_in(&kept), [chain]);
    let tip = || fs::read(kept.join(chain).join("tip.json")).unwrap();
    let before = tip();
    // The same chain again: seals are random, so one that was built anew would end in another hash.
    let text = done(line, scratch.path());
    assert!(text.contains("40 blocks of 2 transfers"), "{text}");
    assert_eq!(tip(), before);
    assert_eq!(names_in(&kept), [chain]);
    assert!(processes_of(scratch.path()).is_empty());
    assert!(names_in(&scratch.path().join("tmp")).is_empty());
}

#[test]
fn resync_prints_the_fields_of_the_spec_under_each_strategy_and_leaves_only_the_chain() {
    let scratch = tempfile::tempdir().unwrap();
    for strategy in ["full-chain", "multi-source", "snapshot"] {
        let line = format!("resync --blocks 60 --peers 2 --strategy {strategy} -d {{base}} --json");
        let found = json(&line, scratch.path());
        let wanted = [
            "cores",
            "profile",
            "strategy",
            "blocks",
            "accounts",
            "seconds",
            "sync_seconds",
            "ratio_to_sync",
            "pause_ms",
            "disk_before_bytes",
            "disk_peak_bytes",
            "sync_disk_peak_bytes",
            "bytes_received",
            "sync_bytes_received",
        ];
        assert_eq!(keys(&found), sorted(wanted));
        assert_eq!(found["strategy"], strategy);
        assert!(number(&found, "pause_ms") > 0.0);
        assert!(number(&found, "pause_ms") / 1_000.0 < number(&found, "seconds"));
        // The chain's store is there twice before the old one is moved away.
        assert!(number(&found, "disk_peak_bytes") > number(&found, "disk_before_bytes"));
        assert!(number(&found, "bytes_received") > 60.0 * 100.0);
        let kept = scratch.path().join("base/benchmark");
        assert_eq!(names_in(&kept), ["chain-2-60-blocks-of-0-transfers"]);
        assert!(processes_of(scratch.path()).is_empty());
    }
}

#[test]
fn peer_that_withholds_blocks_does_not_stop_a_sync() {
    let scratch = tempfile::tempdir().unwrap();
    let line = "sync --blocks 4 --peers 1 --mute 1 --effort-ms 1 -d {base} --json";
    assert_eq!(json(line, scratch.path())["blocks"], 4);
}

fn begun(line: &str, scratch: &Path) -> Child {
    let mut command = benchmark(line, scratch);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

fn send(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

/// More blocks than any machine joins while a test looks.
const LONG_SYNC: &str =
    "sync --strategy sequential --blocks 3000 --peers 1 --latency-ms 50 --effort-ms 1 -d {base}";

/// Waits until the joining process works in `scratch`.
fn until_it_joins(scratch: &Path) {
    until("a joining node", || {
        let stores = names_in(&scratch.join("base/benchmark"));
        let store = stores.iter().find(|name| name.starts_with("stores-"));
        store.is_some_and(|name| {
            scratch
                .join("base/benchmark")
                .join(name)
                .join("joined")
                .exists()
        })
    });
}

#[test]
fn interrupted_benchmark_ends_at_once_and_leaves_nothing() {
    let signals = [(Signal::INT, "SIGINT", 130), (Signal::TERM, "SIGTERM", 143)];
    for (signal, name, code) in signals {
        let scratch = tempfile::tempdir().unwrap();
        let child = begun(LONG_SYNC, scratch.path());
        until_it_joins(scratch.path());
        send(&child, signal);
        let output = child.wait_with_output().unwrap();
        let error = error_line(&output);
        assert_eq!(output.status.code(), Some(code), "{error}");
        assert!(
            error.contains(&format!("{name}: the benchmark was stopped")),
            "{error}"
        );
        assert!(processes_of(scratch.path()).is_empty());
        let kept = names_in(&scratch.path().join("base/benchmark"));
        assert_eq!(kept, ["chain-2-3000-blocks-of-0-transfers"]);
        assert!(names_in(&scratch.path().join("tmp")).is_empty());
    }
}

#[test]
fn interrupted_gate_leaves_nothing() {
    let scratch = tempfile::tempdir().unwrap();
    let child = begun("gate --peers 2 --rounds 1000", scratch.path());
    until("its store", || {
        let tmp = scratch.path().join("tmp");
        names_in(&tmp)
            .iter()
            .any(|name| tmp.join(name).join("store/STORE").exists())
    });
    send(&child, Signal::INT);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", error_line(&output));
    assert!(names_in(&scratch.path().join("tmp")).is_empty());
}

#[test]
fn killed_benchmark_takes_its_workers_along() {
    let scratch = tempfile::tempdir().unwrap();
    let mut child = begun(LONG_SYNC, scratch.path());
    until_it_joins(scratch.path());
    send(&child, Signal::KILL);
    child.wait().unwrap();
    until("the end of its workers", || {
        processes_of(scratch.path()).is_empty()
    });
}

#[test]
fn chain_that_another_benchmark_serves_is_refused() {
    let scratch = tempfile::tempdir().unwrap();
    let mut first = begun(LONG_SYNC, scratch.path());
    until_it_joins(scratch.path());
    let output = finish(benchmark(LONG_SYNC, scratch.path()));
    let error = error_line(&output);
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(error.contains("in use"), "{error}");
    send(&first, Signal::TERM);
    first.wait().unwrap();
}

#[test]
fn wrong_command_lines_are_refused_and_nothing_is_made() {
    const USAGE: i32 = 64;
    const FAILED: i32 = 1;
    let table = [
        ("", USAGE, "subcommand"),
        ("nonsense", USAGE, "unrecognized subcommand"),
        ("gate --peers 0", USAGE, "1..=200"),
        ("gate --peers many", USAGE, "a whole number"),
        ("gate --peers 201", USAGE, "1..=200"),
        ("gate --latency-ms -1", USAGE, "unexpected argument"),
        ("gate --latency-ms 10001", USAGE, "0..=10000"),
        ("gate --mute 1000", USAGE, "0..=200"),
        ("gate --rounds 0", USAGE, "1..=1000"),
        ("gate --strategy nonsense", USAGE, "tip-quorum"),
        ("gate --blocks 3", USAGE, "unexpected argument"),
        ("limits --transfers 0", USAGE, "1..=10000"),
        ("limits --effort-ms 0", USAGE, "1..=60000"),
        ("limits -d {base}/none", FAILED, "cannot be used"),
        ("sync --blocks 0 -d {base}", USAGE, "1..=10000000"),
        ("sync --blocks -3 -d {base}", USAGE, "unexpected argument"),
        ("sync --peers 0 -d {base}", USAGE, "1..=100"),
        ("sync --transfers 10001 -d {base}", USAGE, "0..=10000"),
        ("sync --mute 21 -d {base}", USAGE, "0..=20"),
        ("sync --lying x -d {base}", USAGE, "a whole number"),
        ("sync --strategy nonsense -d {base}", USAGE, "sequential"),
        ("sync --strategy tip-quorum -d {base}", USAGE, "sequential"),
        ("sync -d", USAGE, "a value is required"),
        ("sync extra -d {base}", USAGE, "unexpected argument"),
        ("sync -d /dev/null", FAILED, "cannot be used"),
        ("worker {}", USAGE, "only `benchmark sync`"),
    ];
    for (line, code, wanted) in table {
        let scratch = tempfile::tempdir().unwrap();
        let output = finish(benchmark(line, scratch.path()));
        let error = error_line(&output);
        assert_eq!(output.status.code(), Some(code), "{line}: {error}");
        // What is expected of a wrong line is not in that line.
        assert!(
            error.contains(wanted) && !line.contains(wanted),
            "{line}: {error}"
        );
        assert!(!scratch.path().join("base").exists(), "{line}");
        assert!(names_in(&scratch.path().join("tmp")).is_empty(), "{line}");
    }
}

#[test]
fn help_hides_the_workers() {
    let output = finish({
        let mut command = Command::new(binary());
        command.args(["benchmark", "--help"]);
        command
    });
    let text = stdout(&output);
    assert!(text.contains("gate") && text.contains("sync"), "{text}");
    assert!(!text.contains("worker"), "{text}");
}
