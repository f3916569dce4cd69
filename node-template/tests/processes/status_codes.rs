//! `status` and its exit codes.

use crate::harness::{binary, client, error_line, finish, run, serving, stdout, until_status};
use node_template::status_view::{NodeFile, StatusView, VerdictKind};
use std::process::Command;

#[tokio::test]
async fn status_of_a_node_in_sync_is_0_by_folder_and_by_url() {
    let base = tempfile::tempdir().unwrap();
    let node = serving(base.path(), "dev", "--dev").await;
    let asked = client(&node);
    until_status(&asked, "in sync", |view| {
        view.verdict == VerdictKind::InSync && view.best.number > 0
    })
    .await;
    let by_folder = run(&format!("status --dev -d {}", base.path().display()));
    assert_eq!(by_folder.status.code(), Some(0), "{by_folder:?}");
    let text = stdout(&by_folder);
    assert!(text.starts_with("✅ In Sync: Height "), "{text}");

    let by_url = run(&format!("status --json --url {}", asked.url()));
    let text = stdout(&by_url);
    assert_eq!(text.lines().count(), 1, "{text}");
    let view: StatusView = serde_json::from_str(&text).unwrap();
    assert_eq!(view.verdict, VerdictKind::InSync);
}

#[tokio::test]
async fn status_of_a_node_without_peers_is_3() {
    let base = tempfile::tempdir().unwrap();
    let node = serving(base.path(), "local", "--chain local --alice").await;
    let asked = client(&node);
    until_status(&asked, "a verdict", |view| {
        view.verdict == VerdictKind::Unknown
    })
    .await;
    let output = run(&format!("status -d {}", base.path().display()));
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    assert!(stdout(&output).starts_with("❔ Unknown: "), "{output:?}");
}

#[test]
fn status_without_a_node_is_4() {
    let base = tempfile::tempdir().unwrap();
    let by_folder = run(&format!("status -d {}", base.path().display()));
    assert_eq!(by_folder.status.code(), Some(4));
    error_line(&by_folder);
    // Nobody listens at port 1 of this machine.
    let by_url = run("status --url http://127.0.0.1:1");
    assert_eq!(by_url.status.code(), Some(4));
    error_line(&by_url);
}

#[tokio::test]
async fn status_of_a_node_that_was_killed_is_4() {
    let base = tempfile::tempdir().unwrap();
    let node = serving(base.path(), "dev", "--dev").await;
    drop(node);
    let output = run(&format!("status --dev -d {}", base.path().display()));
    assert_eq!(output.status.code(), Some(4), "{output:?}");
}

#[tokio::test]
async fn address_that_a_crashed_node_left_behind_is_not_asked() {
    let base = tempfile::tempdir().unwrap();
    let node = serving(base.path(), "dev", "--dev").await;
    // Another chain's node has the address by now; the process that wrote the file is gone.
    let crashed = tempfile::tempdir().unwrap();
    let folder = crashed.path().join("chains/local");
    std::fs::create_dir_all(&folder).unwrap();
    let mut gone = Command::new("true").spawn().unwrap();
    gone.wait().unwrap();
    let stale = NodeFile {
        pid: gone.id(),
        rpc_url: client(&node).url().to_owned(),
        prometheus_url: None,
        listen_addresses: Vec::new(),
        token: String::new(),
    };
    stale.write(&folder).unwrap();
    let output = run(&format!("status -d {}", crashed.path().display()));
    assert_eq!(output.status.code(), Some(4), "{output:?}");
}

#[tokio::test]
async fn follower_of_a_single_authority_does_not_know_its_height_alone() {
    let base = tempfile::tempdir().unwrap();
    let node = serving(base.path(), "dev", "--chain dev").await;
    let asked = client(&node);
    until_status(&asked, "a verdict", |view| {
        view.verdict == VerdictKind::Unknown
    })
    .await;
    let output = run(&format!("status --dev -d {}", base.path().display()));
    assert_eq!(output.status.code(), Some(3), "{output:?}");
}

#[test]
fn wrong_usage_is_64_with_every_command() {
    for line in [
        "status --nonsense",
        "status --url :",
        "--nonsense",
        "localnet --nodes x",
        "--tmp -l sync=loud",
        "--tmp --isolated --node-key zz",
    ] {
        let output = run(line);
        assert_eq!(output.status.code(), Some(64), "{line}: {output:?}");
        error_line(&output);
    }
}

#[test]
fn faults_of_status_itself_are_70() {
    let base = tempfile::tempdir().unwrap();
    let folder = base.path().join("chains/local");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("node.json"), "{").unwrap();
    let broken_file = run(&format!("status -d {}", base.path().display()));
    assert_eq!(broken_file.status.code(), Some(70), "{broken_file:?}");
    error_line(&broken_file);
    let mut no_spec = Command::new(binary());
    no_spec.args(["status", "--chain", "/nowhere.toml"]);
    assert_eq!(finish(no_spec).status.code(), Some(70));
}
