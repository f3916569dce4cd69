//! What users and machines get wrong: one clear line, an exit code other than 0, nothing overwritten.

use crate::harness::{
    PATIENCE, binary, chain_folder, client, error_line, finish, run, serving, until_status,
};
use chain_spec::Preset;
use std::{
    fs,
    io::Write,
    net::TcpListener,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    process::Command,
};

/// Everything in a folder: path, length and time of the last change.
fn picture(folder: &Path) -> Vec<(PathBuf, u64, i64)> {
    let mut pending = vec![folder.to_owned()];
    let mut seen = Vec::new();
    while let Some(path) = pending.pop() {
        let data = fs::symlink_metadata(&path).unwrap();
        if data.is_dir() {
            pending.extend(
                fs::read_dir(&path)
                    .unwrap()
                    .map(|entry| entry.unwrap().path()),
            );
        }
        seen.push((path, data.len(), data.mtime_nsec()));
    }
    seen.sort();
    seen
}

/// A spec file made of a preset with one text replaced.
fn spec_file(folder: &Path, from: &str, to: &str) -> PathBuf {
    let text = Preset::Dev.text();
    assert!(text.contains(from), "{from}");
    let path = folder.join("spec.toml");
    fs::write(&path, text.replacen(from, to, 1)).unwrap();
    path
}

/// Starts a node that must not start, and returns what it says.
fn refused(base: &Path, args: &str) -> String {
    let ports = if args.contains("port") {
        ""
    } else {
        "--rpc-port 0 --listen-addr /ip4/127.0.0.1/tcp/0"
    };
    let output = run(&format!(
        "{args} {ports} --prometheus-port 0 --base-path {}",
        base.display()
    ));
    error_line(&output)
}

#[test]
fn broken_and_contradictory_specs_stop_the_start_before_anything_is_written() {
    let files = tempfile::tempdir().unwrap();
    let base = tempfile::tempdir().unwrap();
    let table = [
        ("slot_duration_ms = 2000", "slot_duration_ms = ", "line"),
        (
            "slot_duration_ms = 2000",
            "slot_duration_ms = 0",
            "slot_duration_ms",
        ),
        ("tier1_max_gap = 5 ", "tier1_max_gaps = 5 ", "tier1_max_gap"),
        ("drift_ms = 500 ", "drift_ms = 1500 ", "drift_ms"),
        (
            "tier3_requires_manual = true",
            "tier3_requires_manual = false",
            "tier3_requires_manual",
        ),
    ];
    for (from, to, named) in table {
        let spec = spec_file(files.path(), from, to);
        let line = format!(
            "--chain {} --alice --base-path {}",
            spec.display(),
            base.path().display()
        );
        let output = run(&line);
        error_line(&output);
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(text.contains(named), "{to}: {text}");
        assert_eq!(fs::read_dir(base.path()).unwrap().count(), 0);
    }
}

#[test]
fn unknown_strategy_stops_the_start_with_the_known_ones() {
    let files = tempfile::tempdir().unwrap();
    let base = tempfile::tempdir().unwrap();
    let spec = spec_file(files.path(), "\"pipelined\"", "\"teleport\"");
    let text = fs::read_to_string(&spec).unwrap();
    // With everything else that is wrong, and with its line.
    fs::write(
        &spec,
        text.replace("tier1_max_gap = 5 ", "tier1_max_gap = 0 "),
    )
    .unwrap();
    let line_of = |what: &str| {
        let found = text
            .lines()
            .position(|line| line.starts_with(what))
            .unwrap();
        format!("line {}: ", found + 1)
    };
    let (spec, base_path) = (spec.display(), base.path().display());
    for command in [
        format!("--chain {spec} --alice --base-path {base_path}"),
        format!("chain-info --chain {spec} --base-path {base_path}"),
        format!("build-spec --chain {spec}"),
    ] {
        let output = run(&command);
        error_line(&output);
        let said = String::from_utf8(output.stderr).unwrap();
        for part in [
            format!("{}sync.strategies.tier2 = ", line_of("tier2 =")),
            format!("{}sync.tier1_max_gap = ", line_of("tier1_max_gap =")),
            "teleport".to_owned(),
            "pipelined, sequential".to_owned(),
        ] {
            assert!(said.contains(&part), "{command}: {part}: {said}");
        }
    }
    let config = files.path().join("own.toml");
    fs::write(&config, "[sync.strategies]\ntier3 = \"walk\"\n").unwrap();
    let own = run(&format!(
        "--dev --sync-config {} --base-path {base_path}",
        config.display()
    ));
    error_line(&own);
    let said = String::from_utf8(own.stderr).unwrap();
    assert!(
        said.contains("line 2: ") && said.contains("snapshot"),
        "{said}"
    );
    assert_eq!(fs::read_dir(base.path()).unwrap().count(), 0);
}

#[test]
fn port_in_use_is_named_with_the_option_that_changes_it() {
    let base = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let rpc = refused(
        base.path(),
        &format!("--dev --rpc-port {port} --listen-addr /ip4/127.0.0.1/tcp/0"),
    );
    assert!(rpc.contains(&port.to_string()), "{rpc}");
    assert!(rpc.contains("--rpc-port"), "{rpc}");
    let peers = refused(
        base.path(),
        &format!("--dev --rpc-port 0 --listen-addr /ip4/127.0.0.1/tcp/{port}"),
    );
    assert!(peers.contains(&port.to_string()), "{peers}");
}

#[tokio::test]
async fn second_node_on_a_port_for_peers_stops_before_it_writes_anything() {
    let (base, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut node = serving(base.path(), "dev", "--dev").await;
    let address = node.node_file().unwrap().listen_addresses[0].clone();
    // /ip4/127.0.0.1/tcp/PORT/p2p/ID
    let port = address.split('/').nth(4).unwrap();
    let second = format!("--dev --rpc-port 0 --listen-addr /ip4/127.0.0.1/tcp/{port}");
    let error = refused(other.path(), &second);
    assert!(error.contains(port) && error.contains("--port"), "{error}");
    let everywhere = refused(other.path(), &format!("--dev --rpc-port 0 --port {port}"));
    assert!(
        everywhere.contains(port) && everywhere.contains("--port"),
        "{everywhere}"
    );
    assert_eq!(fs::read_dir(other.path()).unwrap().count(), 0);
    // It is free again as soon as the first is gone, however that ended.
    node.signal(rustix::process::Signal::KILL).unwrap();
    node.ended(PATIENCE).await.unwrap();
    let third = format!("--dev --listen-addr /ip4/127.0.0.1/tcp/{port}");
    serving(other.path(), "dev", &third).await;
}

#[tokio::test]
async fn store_of_another_genesis_is_left_alone() {
    let files = tempfile::tempdir().unwrap();
    let base = tempfile::tempdir().unwrap();
    made(base.path()).await;
    let other = spec_file(
        files.path(),
        "5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty = 1_000",
        "5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty = 2_000",
    );
    let store = chain_folder(base.path(), "dev").join("db");
    let before = picture(&store);
    let error = refused(base.path(), &format!("--chain {} --alice", other.display()));
    assert!(error.contains("genesis"), "{error}");
    assert_eq!(picture(&store), before);
}

/// Makes a store with a few blocks in it, and leaves it.
async fn made(base: &Path) {
    let mut node = serving(base, "dev", "--dev").await;
    until_status(&client(&node), "block 1", |view| view.best.number >= 1).await;
    assert!(node.stop(PATIENCE).await.unwrap().success());
}

#[tokio::test]
async fn store_in_use_is_left_to_its_node() {
    let base = tempfile::tempdir().unwrap();
    let node = serving(base.path(), "dev", "--dev").await;
    let error = refused(base.path(), "--dev");
    assert!(error.contains("in use"), "{error}");
    // The first node does not notice.
    let asked = client(&node);
    let height = asked.status().await.unwrap().best.number;
    until_status(&asked, "another block", |view| view.best.number > height).await;

    let purge = run(&format!(
        "purge-chain --dev -y -d {}",
        base.path().display()
    ));
    let error = error_line(&purge);
    assert!(error.contains("in use"), "{error}");
    until_status(&asked, "another block", |view| {
        view.best.number > height + 1
    })
    .await;
}

#[test]
fn unreadable_and_malformed_keys_are_named() {
    let base = tempfile::tempdir().unwrap();
    let missing = refused(base.path(), "--dev --node-key-file /nowhere/key");
    assert!(missing.contains("/nowhere/key"), "{missing}");
    let short = base.path().join("short");
    fs::write(&short, "abc").unwrap();
    let malformed = refused(
        base.path(),
        &format!("--dev --node-key-file {}", short.display()),
    );
    assert!(malformed.contains("32 bytes"), "{malformed}");
    assert_eq!(fs::read_to_string(&short).unwrap(), "abc");
    let typed = refused(base.path(), "--dev --node-key xyz");
    assert!(typed.contains("--node-key"), "{typed}");
}

#[test]
fn broken_network_key_is_not_replaced() {
    let base = tempfile::tempdir().unwrap();
    let key = chain_folder(base.path(), "dev").join("network/secret_ed25519");
    fs::create_dir_all(key.parent().unwrap()).unwrap();
    fs::write(&key, "broken").unwrap();
    let error = refused(base.path(), "--dev");
    assert!(error.contains("secret_ed25519"), "{error}");
    assert_eq!(fs::read_to_string(&key).unwrap(), "broken");
}

/// Root may write everywhere, so the node runs as somebody else: through `setpriv` if we are root.
fn as_nobody(args: &[&str]) -> Option<Command> {
    if !rustix::process::geteuid().is_root() {
        let mut command = Command::new(binary());
        command.args(args);
        return Some(command);
    }
    let able = Command::new("setpriv")
        .args(["--reuid", "65534", "--regid", "65534", "--clear-groups"])
        .arg(binary())
        .arg("--version")
        .output()
        .is_ok_and(|output| output.status.success());
    if !able {
        return None;
    }
    let mut command = Command::new("setpriv");
    command
        .args(["--reuid", "65534", "--regid", "65534", "--clear-groups"])
        .arg(binary())
        .args(args);
    Some(command)
}

#[test]
fn folder_without_permission_is_named() {
    let base = tempfile::tempdir().unwrap();
    fs::set_permissions(base.path(), fs::Permissions::from_mode(0o555)).unwrap();
    let path = base.path().display().to_string();
    let args = [
        "--dev",
        "--rpc-port",
        "0",
        "--prometheus-port",
        "0",
        "--listen-addr",
        "/ip4/127.0.0.1/tcp/0",
        "--base-path",
        &path,
    ];
    let Some(command) = as_nobody(&args) else {
        // Not `println`, which the test runner would hide.
        let _ = writeln!(
            std::io::stderr(),
            "SKIPPED: running as root, and setpriv cannot run the node as another user"
        );
        return;
    };
    let error = error_line(&finish(command));
    assert!(error.contains(&path), "{error}");
    assert!(error.to_lowercase().contains("permission"), "{error}");
}
