//! Wrong command lines and files, as a table: each is refused with one line that says what is wrong or what to do, with the
//! right exit code, and nothing is written.

use crate::harness::{command, error_line, finish};
use std::{fs, path::Path};

const USAGE: i32 = 64;
const FAILED: i32 = 1;
const NO_NODE: i32 = 4;

/// The command line, its exit code, and what the message has to say. `{base}` is an empty folder, `{files}` one with the files
/// of [`files`].
const TABLE: &[(&str, i32, &str)] = &[
    // Words that are none.
    ("nonsense", USAGE, "nonsense"),
    ("--nonsense", USAGE, "--nonsense"),
    ("--dev extra", USAGE, "extra"),
    ("staus", USAGE, "status"),
    ("key", USAGE, "subcommand"),
    ("tx", USAGE, "subcommand"),
    ("backups", USAGE, "subcommand"),
    ("peers", USAGE, "subcommand"),
    // Running a node.
    ("--port 65536 -d {base}", USAGE, "--port"),
    ("--port -1 -d {base}", USAGE, "-1"),
    ("--port http -d {base}", USAGE, "--port"),
    ("--rpc-port 99999 -d {base}", USAGE, "--rpc-port"),
    ("--rpc-methods some -d {base}", USAGE, "safe"),
    (
        "--rpc-methods unsafe --rpc-external -d {base}",
        USAGE,
        "--rpc-external",
    ),
    (
        "--rpc-cors example.org -d {base}",
        USAGE,
        "https://example.org",
    ),
    ("--rpc-cors https://a/b -d {base}", USAGE, "https://a/b"),
    ("--pool-limit many -d {base}", USAGE, "--pool-limit"),
    ("--pool-kbytes -5 -d {base}", USAGE, "-5"),
    ("--dev --chain local -d {base}", USAGE, "--chain"),
    ("--dev --bob -d {base}", USAGE, "--bob"),
    ("--alice --bob -d {base}", USAGE, "--bob"),
    ("--tmp -d {base}", USAGE, "--base-path"),
    ("--force-authoring -d {base}", USAGE, "--validator"),
    (
        "--isolated --bootnodes /ip4/127.0.0.1/tcp/1/p2p/12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp -d {base}",
        USAGE,
        "--isolated",
    ),
    ("--isolated --port 1 -d {base}", USAGE, "--isolated"),
    (
        "--bootnodes 127.0.0.1:30333 -d {base}",
        USAGE,
        "127.0.0.1:30333",
    ),
    (
        "--bootnodes /ip4/127.0.0.1/tcp/30333 -d {base}",
        USAGE,
        "/p2p/",
    ),
    ("--listen-addr nowhere -d {base}", USAGE, "nowhere"),
    (
        "--listen-addr /ip4/127.0.0.1/tcp/0 --port 5 -d {base}",
        USAGE,
        "--port",
    ),
    (
        "--isolated --public-addr /ip4/203.0.113.7/tcp/1 -d {base}",
        USAGE,
        "--isolated",
    ),
    ("--public-addr -d {base}", USAGE, "--public-addr"),
    (
        "--public-addr 203.0.113.7:30333 -d {base}",
        USAGE,
        "203.0.113.7:30333",
    ),
    (
        "--public-addr /ip4/203.0.113.7 -d {base}",
        USAGE,
        "a TCP port",
    ),
    (
        "--public-addr /ip4/203.0.113.7/tcp/0 -d {base}",
        USAGE,
        "a TCP port",
    ),
    (
        "--public-addr /ip4/0.0.0.0/tcp/30333 -d {base}",
        USAGE,
        "somebody can be",
    ),
    (
        "--public-addr /dns/example.org/tcp/30333 -d {base}",
        USAGE,
        "IP addresses",
    ),
    (
        "--public-addr /ip4/203.0.113.7/udp/30333/quic-v1 -d {base}",
        USAGE,
        "a TCP port",
    ),
    ("--node-key 12 -d {base}", USAGE, "64 hex digits"),
    (
        "--node-key 12 --node-key-file x -d {base}",
        USAGE,
        "--node-key-file",
    ),
    (
        "--node-key-file {files}/missing -d {base}",
        FAILED,
        "{files}/missing",
    ),
    (
        "--node-key-file {files}/short -d {base}",
        FAILED,
        "32 bytes",
    ),
    ("-l sync=loud --dev -d {base}", USAGE, "loud"),
    (
        "--chain {files}/missing.toml -d {base}",
        FAILED,
        "{files}/missing.toml",
    ),
    ("--chain {files}/empty.toml -d {base}", FAILED, "problem"),
    ("--chain {files}/broken.toml -d {base}", FAILED, "problem"),
    ("--chain {files}/broken.json -d {base}", FAILED, "problem"),
    ("--chain {files}/short -d {base}", FAILED, "{files}/short"),
    ("--chain {files} -d {base}", FAILED, "{files}"),
    (
        "--dev --sync-config {files}/missing.toml -d {base}",
        FAILED,
        "missing.toml",
    ),
    (
        "--dev --sync-config {files}/broken.toml -d {base}",
        FAILED,
        "problem",
    ),
    (
        "--dev --sync-config {files}/chain-only.toml -d {base}",
        FAILED,
        "problem",
    ),
    ("--dev -d {files}/short", FAILED, "--base-path"),
    // Chain specs and keys.
    ("build-spec --chain nowhere.toml", FAILED, "nowhere.toml"),
    ("build-spec --format yaml", USAGE, "yaml"),
    ("build-spec --authority 5Grw", USAGE, "--authority 5Grw"),
    ("build-spec --balance 5Grw", USAGE, "--balance 5Grw"),
    ("build-spec --id a/b", FAILED, "problem"),
    ("build-spec --name", USAGE, "--name"),
    ("chain-info --chain nowhere.toml", FAILED, "nowhere.toml"),
    ("strategies --chain nowhere.toml", FAILED, "nowhere.toml"),
    (
        "strategies --sync-config {files}/broken.toml",
        FAILED,
        "problem",
    ),
    ("key generate --output-type xml", USAGE, "xml"),
    ("key generate --words 13", USAGE, "12, 15, 18, 21, 24"),
    ("key generate --words many", USAGE, "12, 15, 18, 21, 24"),
    ("key generate -w 0", USAGE, "12, 15, 18, 21, 24"),
    ("key inspect notasecret", USAGE, "no secret key"),
    ("key inspect 0x1234", USAGE, "no secret key"),
    ("key inspect", USAGE, "no secret key"),
    ("key inspect --public 0x1234", USAGE, "no public key"),
    (
        "key insert --dev -d {base} --suri notasecret",
        USAGE,
        "no secret key",
    ),
    (
        "key insert --dev -d {base} --suri //Alice --key-type babe",
        USAGE,
        "babe",
    ),
    (
        "key insert --dev -d {base} --suri //Alice --scheme ed25519",
        USAGE,
        "ed25519",
    ),
    (
        "key insert --chain nowhere.toml --suri //Alice",
        FAILED,
        "nowhere.toml",
    ),
    (
        "key generate-node-key --file {files}/short",
        FAILED,
        "new file",
    ),
    (
        "key generate-node-key --file {files}/missing/key",
        FAILED,
        "missing/key",
    ),
    (
        "key inspect-node-key --file {files}/missing",
        FAILED,
        "{files}/missing",
    ),
    (
        "key inspect-node-key --file {files}/short",
        FAILED,
        "32 bytes",
    ),
    ("key inspect-node-key", USAGE, "64 hex digits"),
    // Asking and ordering where no node runs.
    ("status --dev -d {base}", NO_NODE, "start it"),
    ("status --watch --dev -d {base}", NO_NODE, "start it"),
    ("status --url nowhere", USAGE, "http://127.0.0.1:9944"),
    (
        "status --url http://127.0.0.1:1",
        NO_NODE,
        "no node answers",
    ),
    ("status --url http://127.0.0.1:1 --dev", USAGE, "--dev"),
    (
        "tx transfer --from //Alice --to //Bob --amount 1 --dev -d {base}",
        FAILED,
        "start it",
    ),
    (
        "tx transfer --from //Alice --to //Bob --amount 1 --url ftp://x",
        FAILED,
        "ftp://x",
    ),
    ("tx transfer --from //Alice --to //Bob", USAGE, "--amount"),
    (
        "tx transfer --from //Alice --to //Bob --amount 340282366920938463463374607431768211456",
        USAGE,
        "--amount",
    ),
    (
        "tx transfer --from //Alice --to 5Grw --amount 1",
        USAGE,
        "SS58",
    ),
    (
        "tx transfer --from - --to //Bob --amount 1",
        USAGE,
        "--from",
    ),
    ("peers ban --dev -d {base}", USAGE, "ID"),
    ("peers ban nobody --dev -d {base}", USAGE, "12D3KooW"),
    (
        "backups list --dev -d {base}",
        FAILED,
        "run a node there first",
    ),
    ("backups restore --dev -d {base}", USAGE, "ID"),
    (
        "backups restore x -y --dev -d {base}",
        FAILED,
        "run a node there first",
    ),
    (
        "backups restore x --to {base}/to --dev -d {base}",
        FAILED,
        "backups list",
    ),
    ("resync --dev -d {base}", FAILED, "run a node there first"),
    ("resync --status --abort --dev -d {base}", USAGE, "--abort"),
    ("resync --resume --peer x --dev -d {base}", USAGE, "--peer"),
    ("resync --bootnodes x --dev -d {base}", USAGE, "--bootnodes"),
    ("revert many --dev -d {base}", USAGE, "many"),
    (
        "revert -y --dev -d {base}",
        FAILED,
        "run a node there first",
    ),
    ("check-block --dev -d {base}", USAGE, "HASH or NUMBER"),
    (
        "check-block 1 --dev -d {base}",
        FAILED,
        "run a node there first",
    ),
    ("localnet --nodes 1", USAGE, "--nodes"),
    ("localnet --nodes 17", USAGE, "--nodes"),
    ("localnet --tour --nodes 3", USAGE, "--nodes"),
    ("completions tcsh", USAGE, "tcsh"),
];

fn files(folder: &Path) {
    let write = |name: &str, text: &str| fs::write(folder.join(name), text).unwrap();
    write("short", "abc");
    write("empty.toml", "");
    write("broken.toml", "[sync]\ntier1_max_gap = ");
    write("broken.json", "{");
    // It decides what is valid, so all nodes of the chain need the same.
    write("chain-only.toml", "[sync.limits]\ndrift_ms = 1\n");
}

#[test]
fn every_wrong_command_line_and_file_is_refused_in_one_line() {
    assert!(TABLE.len() >= 80, "{}", TABLE.len());
    let folder = tempfile::tempdir().unwrap();
    files(folder.path());
    let base = tempfile::tempdir().unwrap();
    let fill = |text: &str| {
        text.replace("{base}", &base.path().display().to_string())
            .replace("{files}", &folder.path().display().to_string())
    };
    let mut wrong = Vec::new();
    for (line, code, expected) in TABLE {
        let output = finish(command(&fill(line)));
        let said = std::panic::catch_unwind(|| error_line(&output));
        let said = said.unwrap_or_else(|_| format!("no error line: {output:?}"));
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        if output.status.code() != Some(*code) || !text.contains(&fill(expected)) {
            wrong.push(format!(
                "{line}\n    {said}\n    code {:?}, {code} and \"{expected}\" are expected",
                output.status.code()
            ));
        }
        let left = fs::read_dir(base.path()).unwrap().count();
        assert_eq!(left, 0, "{line} leaves something behind");
    }
    assert!(
        wrong.is_empty(),
        "{} are wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}
