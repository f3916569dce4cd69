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
    ("nonsense", USAGE, "unrecognized subcommand"),
    ("--nonsense", USAGE, "unexpected argument"),
    ("--dev extra", USAGE, "cannot be used with"),
    ("staus", USAGE, "status"),
    ("key", USAGE, "subcommand"),
    ("tx", USAGE, "subcommand"),
    ("backups", USAGE, "subcommand"),
    ("peers", USAGE, "subcommand"),
    // Running a node.
    ("--port 65536 -d {base}", USAGE, "0..=65535"),
    ("--port -1 -d {base}", USAGE, "unexpected argument"),
    ("--port http -d {base}", USAGE, "invalid digit"),
    ("--rpc-port 99999 -d {base}", USAGE, "0..=65535"),
    ("--rpc-methods some -d {base}", USAGE, "safe"),
    (
        "--rpc-methods unsafe --rpc-external -d {base}",
        USAGE,
        "this machine only",
    ),
    (
        "--rpc-cors example.org -d {base}",
        USAGE,
        "https://example.org",
    ),
    (
        "--rpc-cors https://a/b -d {base}",
        USAGE,
        "https://example.org",
    ),
    ("--pool-limit many -d {base}", USAGE, "invalid digit"),
    ("--pool-kbytes -5 -d {base}", USAGE, "unexpected argument"),
    (
        "--dev --chain local -d {base}",
        USAGE,
        "cannot be used with '--chain",
    ),
    (
        "--dev --bob -d {base}",
        USAGE,
        "cannot be used with '--bob'",
    ),
    (
        "--alice --bob -d {base}",
        USAGE,
        "cannot be used with '--bob'",
    ),
    ("--tmp -d {base}", USAGE, "--base-path"),
    ("--force-authoring -d {base}", USAGE, "--validator"),
    (
        "--isolated --bootnodes /ip4/127.0.0.1/tcp/1/p2p/12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp -d {base}",
        USAGE,
        "cannot be used with '--bootnodes",
    ),
    (
        "--isolated --port 1 -d {base}",
        USAGE,
        "cannot be used with '--port",
    ),
    (
        "--bootnodes 127.0.0.1:30333 -d {base}",
        USAGE,
        "an address looks like",
    ),
    (
        "--bootnodes /ip4/127.0.0.1/tcp/30333 -d {base}",
        USAGE,
        "/p2p/",
    ),
    (
        "--listen-addr nowhere -d {base}",
        USAGE,
        "an address looks like",
    ),
    (
        "--listen-addr /ip4/127.0.0.1/tcp/0 --port 5 -d {base}",
        USAGE,
        "cannot be used with '--port",
    ),
    (
        "--isolated --public-addr /ip4/203.0.113.7/tcp/1 -d {base}",
        USAGE,
        "cannot be used with",
    ),
    ("--public-addr -d {base}", USAGE, "a value is required"),
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
        "cannot be used with '--node-key-file",
    ),
    (
        "--node-key-file {files}/missing -d {base}",
        FAILED,
        "No such file",
    ),
    (
        "--node-key-file {files}/short -d {base}",
        FAILED,
        "32 bytes",
    ),
    ("-l sync=loud --dev -d {base}", USAGE, "expected one of"),
    (
        "--chain {files}/missing.toml -d {base}",
        FAILED,
        "build-spec",
    ),
    ("--chain {files}/empty.toml -d {base}", FAILED, "problem"),
    ("--chain {files}/broken.toml -d {base}", FAILED, "problem"),
    ("--chain {files}/broken.json -d {base}", FAILED, "problem"),
    (
        "--chain {files}/short -d {base}",
        FAILED,
        "end in .toml or .json",
    ),
    ("--chain {files} -d {base}", FAILED, "end in .toml or .json"),
    (
        "--dev --sync-config {files}/missing.toml -d {base}",
        FAILED,
        "check that it is there",
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
    (
        "build-spec --chain nowhere.toml",
        FAILED,
        "presets: dev, local",
    ),
    ("build-spec --format yaml", USAGE, "toml, json"),
    ("build-spec --authority 5Grw", USAGE, "an SS58 address"),
    (
        "build-spec --balance 5Grw",
        USAGE,
        "an account and an amount",
    ),
    ("build-spec --id a/b", USAGE, "letters (a-z"),
    ("build-spec --name", USAGE, "a value is required"),
    (
        "chain-info --chain nowhere.toml",
        FAILED,
        "presets: dev, local",
    ),
    (
        "strategies --chain nowhere.toml",
        FAILED,
        "presets: dev, local",
    ),
    (
        "strategies --sync-config {files}/broken.toml",
        FAILED,
        "problem",
    ),
    ("key generate --output-type xml", USAGE, "text, json"),
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
        "possible values: aura",
    ),
    (
        "key insert --dev -d {base} --suri //Alice --scheme ed25519",
        USAGE,
        "possible values: sr25519",
    ),
    (
        "key insert --chain nowhere.toml --suri //Alice",
        FAILED,
        "presets: dev, local",
    ),
    (
        "key generate-node-key --file {files}/short",
        FAILED,
        "new file",
    ),
    (
        "key generate-node-key --file {files}/missing/key",
        FAILED,
        "a folder that is writable",
    ),
    (
        "key inspect-node-key --file {files}/missing",
        FAILED,
        "No such file",
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
    (
        "status --url http://127.0.0.1:1 --dev",
        USAGE,
        "cannot be used with '--dev'",
    ),
    (
        "tx transfer --from //Alice --to //Bob --amount 1 --dev -d {base}",
        FAILED,
        "start it",
    ),
    (
        "tx transfer --from //Alice --to //Bob --amount 1 --url ftp://x",
        USAGE,
        "http://127.0.0.1:9944",
    ),
    ("tx transfer --from //Alice --to //Bob", USAGE, "--amount"),
    (
        "tx transfer --from //Alice --to //Bob --amount 340282366920938463463374607431768211456",
        USAGE,
        "number too large",
    ),
    (
        "tx transfer --from //Alice --to 5Grw --amount 1",
        USAGE,
        "SS58",
    ),
    (
        "tx transfer --from - --to //Bob --amount 1",
        USAGE,
        "no secret key",
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
    (
        "resync --status --abort --dev -d {base}",
        USAGE,
        "cannot be used with '--abort'",
    ),
    (
        "resync --resume --peer x --dev -d {base}",
        USAGE,
        "12D3KooW",
    ),
    (
        "resync --bootnodes x --dev -d {base}",
        USAGE,
        "an address looks like",
    ),
    ("revert many --dev -d {base}", USAGE, "invalid digit"),
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
    ("localnet --nodes 1", USAGE, "2..=16"),
    ("localnet --nodes 17", USAGE, "2..=16"),
    (
        "localnet --tour --nodes 3",
        USAGE,
        "cannot be used with '--nodes",
    ),
    ("completions tcsh", USAGE, "bash, elvish, fish"),
    // Names, empty values, and values of switches.
    ("--name= --dev -d {base}", USAGE, "at least one letter"),
    (
        "--name aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa --dev -d {base}",
        USAGE,
        "at most 64",
    ),
    ("--chain= -d {base}", FAILED, "presets: dev, local"),
    ("--base-path=", USAGE, "a value is required"),
    ("--bootnodes= -d {base}", USAGE, "/p2p/"),
    ("--node-key= -d {base}", USAGE, "64 hex digits"),
    ("--rpc-port= -d {base}", USAGE, "cannot parse integer"),
    ("--alert-cmd= -d {base}", USAGE, "a value is required"),
    ("--validator=1 -d {base}", USAGE, "unexpected value"),
    ("--dev=yes -d {base}", USAGE, "unexpected value"),
    ("--isolated=true -d {base}", USAGE, "unexpected value"),
    ("--no-mdns=1 -d {base}", USAGE, "unexpected value"),
    ("status --json=1 --dev -d {base}", USAGE, "unexpected value"),
    (
        "tx transfer --from= --to //Bob --amount 1 --dev -d {base}",
        USAGE,
        "no secret key",
    ),
    (
        "tx transfer --from //Alice --to= --amount 1 --dev -d {base}",
        USAGE,
        "SS58",
    ),
    ("build-spec --authority=", USAGE, "SS58"),
    ("build-spec --balance =5", USAGE, "an account and an amount"),
    ("build-spec --id=", USAGE, "letters (a-z"),
    ("key inspect --public", USAGE, "no public key"),
    // What is derived from the well-known development phrase is nobody's account.
    (
        "tx transfer --from //Alice --to / --amount 1 --dev -d {base}",
        USAGE,
        "SS58",
    ),
    (
        "tx transfer --from //Alice --to /Bob --amount 1 --dev -d {base}",
        USAGE,
        "SS58",
    ),
    ("build-spec --authority //Alice", USAGE, "SS58"),
    ("build-spec --authority /1", USAGE, "SS58"),
    (
        "build-spec --balance /1=5",
        USAGE,
        "an account and an amount",
    ),
    ("key inspect --public /1", USAGE, "no public key"),
    // Meeting others.
    (
        "--listen-addr /ip4/127.0.0.1/udp/30333 -d {base}",
        USAGE,
        "over TCP",
    ),
    (
        "--listen-addr /ip4/127.0.0.1/tcp/0/ws -d {base}",
        USAGE,
        "over TCP",
    ),
    ("--listen-addr /ip4/127.0.0.1 -d {base}", USAGE, "over TCP"),
    (
        "--reserved-nodes nowhere -d {base}",
        USAGE,
        "an address looks like",
    ),
    (
        "--reserved-nodes /ip4/127.0.0.1/tcp/1 -d {base}",
        USAGE,
        "/p2p/",
    ),
    (
        "--reserved-only -d {base}",
        USAGE,
        "no reserved node is known",
    ),
    (
        "--reserved-only --in-peers 3 -d {base}",
        USAGE,
        "cannot be used with '--in-peers",
    ),
    (
        "--isolated --reserved-only -d {base}",
        USAGE,
        "cannot be used with '--reserved-only",
    ),
    (
        "--isolated --node-key 12 -d {base}",
        USAGE,
        "cannot be used with '--node-key",
    ),
    (
        "--isolated --node-key-file x -d {base}",
        USAGE,
        "cannot be used with '--node-key-file",
    ),
    ("--in-peers many -d {base}", USAGE, "invalid digit"),
    ("--out-peers -1 -d {base}", USAGE, "unexpected argument"),
    ("--in-peers 100000 -d {base}", USAGE, "max_peers"),
    // Commands.
    (
        "status --watch --url http://127.0.0.1:1",
        NO_NODE,
        "no node answers",
    ),
    (
        "status --watch --url nowhere",
        USAGE,
        "http://127.0.0.1:9944",
    ),
    (
        "tx transfer --from //Alice --to //Bob --amount 1 --nonce x",
        USAGE,
        "invalid digit",
    ),
    ("peers unban --dev -d {base}", USAGE, "ID"),
    ("peers unban nobody --dev -d {base}", USAGE, "12D3KooW"),
    (
        "purge-chain --chain nowhere.toml -y -d {base}",
        FAILED,
        "presets: dev, local",
    ),
    ("purge-chain extra -d {base}", USAGE, "unexpected argument"),
    (
        "localnet --base-path {files}/short",
        FAILED,
        "cannot be used",
    ),
    (
        "key inspect //Alice --output-type yaml",
        USAGE,
        "text, json",
    ),
    ("completions", USAGE, "SHELL"),
    (
        "resync --dry-run --status --dev -d {base}",
        USAGE,
        "cannot be used with",
    ),
    (
        "resync --dry-run --abort --dev -d {base}",
        USAGE,
        "cannot be used with",
    ),
    (
        "resync --dry-run --resume --dev -d {base}",
        USAGE,
        "cannot be used with",
    ),
    ("resync --peer 0OIl --dev -d {base}", USAGE, "12D3KooW"),
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
        // What a command line says itself says nothing about the answer.
        assert!(
            !fill(line).contains(&fill(expected)),
            "{line} holds {expected}"
        );
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
