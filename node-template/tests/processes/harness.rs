//! Starting nodes and commands, and waiting for what they do.

use node_template::{
    localnet::{LocalNetwork, NetworkPlan, NodeProcess, ProcessPlan},
    status_view::{ClientError, NodeClient, StatusView},
};
use std::{
    ffi::OsString,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

/// How long anything may take that takes a moment on an idle machine.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// Pause between two looks.
pub(crate) const LOOK_EVERY: Duration = Duration::from_millis(50);

/// The executable under test.
pub(crate) fn binary() -> PathBuf {
    env!("CARGO_BIN_EXE_node-template").into()
}

/// A command line; arguments with spaces need [`Command`] itself.
pub(crate) fn command(line: &str) -> Command {
    let mut command = Command::new(binary());
    command
        .args(line.split_whitespace())
        .env_remove("NO_COLOR")
        .env_remove("RUST_LOG")
        .stdin(Stdio::null());
    command
}

/// Runs a command to its end. One that does not end in time is killed, and the test fails.
pub(crate) fn finish(mut command: Command) -> Output {
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Both pipes are drained while we wait, or a talkative command would block.
    let out = drain(child.stdout.take().unwrap());
    let err = drain(child.stderr.take().unwrap());
    let start = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if start.elapsed() > 4 * PATIENCE {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!(
                "{command:?} did not end; it said {}",
                String::from_utf8_lossy(&err.join().unwrap())
            );
        }
        std::thread::sleep(LOOK_EVERY);
    };
    Output {
        status,
        stdout: out.join().unwrap(),
        stderr: err.join().unwrap(),
    }
}

fn drain(mut pipe: impl std::io::Read + Send + 'static) -> std::thread::JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        pipe.read_to_end(&mut bytes).unwrap();
        bytes
    })
}

/// Runs a command line to its end.
pub(crate) fn run(line: &str) -> Output {
    finish(command(line))
}

/// What a command printed.
pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// The error that a command ended with: exactly one line on standard error that begins with `error: `, after whatever it
/// logged.
pub(crate) fn error_line(output: &Output) -> String {
    let text = String::from_utf8(output.stderr.clone()).unwrap();
    let errors: Vec<&str> = text
        .lines()
        .filter(|line| line.starts_with("error: "))
        .collect();
    assert_eq!(errors.len(), 1, "{text}");
    assert_ne!(output.status.code(), Some(0), "{text}");
    assert!(output.status.code().is_some(), "ended by a signal: {text}");
    errors[0].to_owned()
}

/// A node in `base`, on the chain whose id is `chain_id`, with free ports on loopback. It serves when this returns.
pub(crate) async fn serving(base: &Path, chain_id: &str, args: &str) -> NodeProcess {
    let mut process = started(base, chain_id, args);
    if let Err(error) = process.serving(PATIENCE).await {
        panic!("{error}\n{}", process.log_tail(40).join("\n"));
    }
    process
}

/// The same, without waiting.
pub(crate) fn started(base: &Path, chain_id: &str, args: &str) -> NodeProcess {
    let mut line: Vec<OsString> = args.split_whitespace().map(OsString::from).collect();
    if !args.contains("--isolated") {
        line.extend(["--no-mdns", "--listen-addr", "/ip4/127.0.0.1/tcp/0"].map(OsString::from));
    }
    if !args.contains("prometheus") {
        line.extend(["--prometheus-port".into(), "0".into()]);
    }
    line.extend([
        "--rpc-port".into(),
        "0".into(),
        "--stop-with-stdin".into(),
        "--base-path".into(),
        base.into(),
    ]);
    NodeProcess::start(ProcessPlan {
        name: "node".into(),
        program: binary(),
        args: line,
        log: base.join("node.log"),
        chain_folder: chain_folder(base, chain_id),
    })
    .unwrap()
}

/// `<base>/chains/<id>`.
pub(crate) fn chain_folder(base: &Path, chain_id: &str) -> PathBuf {
    base.join("chains").join(chain_id)
}

/// Asks the node.
pub(crate) fn client(process: &NodeProcess) -> NodeClient {
    process
        .client()
        .expect("a node that serves has a node.json")
}

/// Waits until the node's status is as `wanted` says.
pub(crate) async fn until_status(
    client: &NodeClient,
    what: &str,
    mut wanted: impl FnMut(&StatusView) -> bool,
) -> StatusView {
    let start = Instant::now();
    loop {
        let seen: Result<StatusView, ClientError> = client.status().await;
        match &seen {
            Ok(view) if wanted(view) => return view.clone(),
            _ => {}
        }
        assert!(
            start.elapsed() < PATIENCE,
            "{what} did not come; last seen: {seen:?}"
        );
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Waits until `wanted` says yes.
pub(crate) fn until(what: &str, mut wanted: impl FnMut() -> bool) {
    let start = Instant::now();
    while !wanted() {
        assert!(start.elapsed() < PATIENCE, "{what} did not come");
        std::thread::sleep(LOOK_EVERY);
    }
}

/// Waits until the node's log holds `text`, and returns what it holds. A line may come after what it tells of can be
/// asked for.
pub(crate) fn until_logged(node: &NodeProcess, text: &str) -> String {
    let start = Instant::now();
    loop {
        let log = node.log_tail(4_000).join("\n");
        if log.contains(text) {
            return log;
        }
        assert!(start.elapsed() < PATIENCE, "{text} did not come: {log}");
        std::thread::sleep(LOOK_EVERY);
    }
}

/// Processes of this machine whose command line names `path`.
pub(crate) fn processes_of(path: &Path) -> Vec<u32> {
    let wanted = path.as_os_str().as_encoded_bytes();
    let names = |id: &u32| {
        std::fs::read(format!("/proc/{id}/cmdline"))
            .is_ok_and(|line| line.windows(wanted.len()).any(|part| part == wanted))
    };
    std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(names)
        .collect()
}

/// A process that holds namespaces of its own, in which `script` was run; it ends when its standard input does. `args` go
/// between `unshare` and the shell, `parameter` is the script's `$0`. `None` where the system lets nobody do that.
pub(crate) fn namespace(args: &[&str], script: &str, parameter: &Path) -> Option<Child> {
    let mut holder = Command::new("unshare")
        .args(["--user", "--map-root-user"])
        .args(args)
        .args(["sh", "-c", &format!("{script} && echo ready && cat")])
        .arg(parameter)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let mut line = String::new();
    let out = holder.stdout.take().unwrap();
    BufReader::new(out).read_line(&mut line).unwrap();
    if line == "ready\n" {
        return Some(holder);
    }
    // It may have ended by itself.
    let _ = holder.kill();
    let _ = holder.wait();
    None
}

/// Says that a test did nothing, and what it would need.
pub(crate) fn skipped(why: &str) {
    #[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
    {
        eprintln!("skipped: {why}");
    }
}

/// An empty network of the `local` chain in `folder`.
pub(crate) fn local_network(folder: &Path) -> LocalNetwork {
    let spec = chain_spec::Preset::Local.spec();
    LocalNetwork::new(NetworkPlan {
        program: binary(),
        chain: "local".into(),
        chain_id: spec.id,
        slot: Duration::from_millis(spec.slot_duration.as_millis()),
        folder: folder.to_owned(),
    })
}
