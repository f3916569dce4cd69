//! Keys, and a network of one's own from nothing, by the commands of the README.

use crate::harness::{PATIENCE, binary, command, error_line, finish, run, serving, stdout};
use chain_spec::ChainSpec;
use node_template::localnet::NodeProcess;
use serde_json::Value;
use std::{
    fs,
    io::Write,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Stdio},
    time::Instant,
};

fn json(line: &str) -> Value {
    serde_json::from_str(&stdout(&run(line))).unwrap()
}

/// Runs the program with arguments that hold spaces, and a line on standard input.
fn with_input(arguments: &[&str], input: &str) -> std::process::Output {
    let mut child = Command::new(binary())
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut pipe = child.stdin.take().unwrap();
    writeln!(pipe, "{input}").unwrap();
    drop(pipe);
    child.wait_with_output().unwrap()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn generated_key_is_the_one_that_its_phrase_and_seed_give() {
    let key = json("key generate --output-type json");
    let phrase = key["secretPhrase"].as_str().unwrap();
    assert_eq!(phrase.split(' ').count(), 12);
    for secret in [phrase, key["secretSeed"].as_str().unwrap()] {
        let shown = with_input(&["key", "inspect", "--output-type", "json"], secret);
        let shown: Value = serde_json::from_slice(&shown.stdout).unwrap();
        assert_eq!(shown["ss58Address"], key["ss58Address"]);
    }
    let address = key["ss58Address"].as_str().unwrap();
    let public = json(&format!(
        "key inspect --public {address} --output-type json"
    ));
    assert_eq!(public["publicKey"], key["publicKey"]);
    assert_eq!(public.get("secretSeed"), None);
    let alice = stdout(&run("key inspect //Alice"));
    assert!(
        alice.contains("5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY"),
        "{alice}"
    );
    for (line, expected) in [
        ("key inspect notasecret", "no secret key"),
        ("key inspect --public 5Grw", "no public key"),
        ("key insert --dev --suri notasecret", "no secret key"),
        ("key insert --dev --suri //Alice --key-type gran", "gran"),
        ("key inspect-node-key --file /nonexistent", "/nonexistent"),
    ] {
        let output = finish(command(line));
        let error = error_line(&output);
        assert!(error.contains(expected), "{line}: {error}");
        assert!(!error.contains("notasecret"), "{line}: {error}");
    }
}

#[test]
fn phrase_has_as_many_words_as_are_asked_for_and_gives_the_key() {
    for words in [12, 15, 18, 21, 24] {
        let key = json(&format!("key generate -w {words} --output-type json"));
        let phrase = key["secretPhrase"].as_str().unwrap();
        assert_eq!(phrase.split(' ').count(), words);
        let shown = with_input(&["key", "inspect", "--output-type", "json"], phrase);
        let shown: Value = serde_json::from_slice(&shown.stdout).unwrap();
        assert_eq!(shown["secretSeed"], key["secretSeed"]);
        assert_eq!(shown["ss58Address"], key["ss58Address"]);
    }
}

#[test]
fn node_key_is_written_once_and_known_by_its_peer_id() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("node-key");
    let generate = format!("key generate-node-key --file {}", file.display());
    let made = run(&generate);
    let peer = String::from_utf8(made.stderr.clone()).unwrap();
    assert!(peer.starts_with("12D3KooW"), "{made:?}");
    assert_eq!(stdout(&made), "");
    assert_eq!(mode(&file), 0o600);
    let shown = run(&format!("key inspect-node-key --file {}", file.display()));
    assert_eq!(stdout(&shown), peer);
    let secret = fs::read_to_string(&file).unwrap();
    let piped = with_input(&["key", "inspect-node-key"], &secret);
    assert_eq!(String::from_utf8(piped.stdout).unwrap(), peer);
    let again = error_line(&run(&generate));
    assert!(again.contains("node-key"), "{again}");
    assert_eq!(fs::read_to_string(&file).unwrap(), secret);
    let printed = run("key generate-node-key");
    assert_eq!(stdout(&printed).trim().len(), 64);
}

#[test]
fn chain_spec_is_made_by_options_and_checked_like_a_file() {
    let alice = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY";
    let spec = stdout(&run(&format!(
        "build-spec --id mine --authority {alice} --balance {alice}=7"
    )));
    let spec = ChainSpec::from_toml("printed", &spec).unwrap();
    assert_eq!((spec.id.as_str(), spec.authorities.len()), ("mine", 1));
    assert_eq!(spec.genesis.balances.values().collect::<Vec<_>>(), [&7]);
    for (options, expected) in [
        ("--authority nobody", "--authority nobody"),
        ("--balance 5Grw=1", "--balance 5Grw=1"),
        (
            &format!("--balance {alice}=-1") as &str,
            "an account and an amount",
        ),
        (
            &format!("--authority {alice} --authority {alice}"),
            "1 problem to correct",
        ),
        ("--id ../up", "1 problem to correct"),
    ] {
        let error = error_line(&run(&format!("build-spec {options}")));
        assert!(error.contains(expected), "{options}: {error}");
    }
}

fn has_sealed(node: &NodeProcess) -> bool {
    node.log_tail(1_000)
        .iter()
        .any(|line| line.contains("Sealed #"))
}

#[tokio::test(flavor = "multi_thread")]
async fn network_of_one_s_own_takes_five_commands() {
    let folder = tempfile::tempdir().unwrap();
    let base = |name: &str| {
        let base = folder.path().join(name);
        fs::create_dir_all(&base).unwrap();
        base
    };
    // 1: a key for each validator.
    let keys = [0, 1].map(|_| json("key generate --output-type json"));
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let address = keys.each_ref().map(|key| text(&key["ss58Address"]));
    // 2: the chain.
    let [one, two] = &address;
    let spec = stdout(&run(&format!(
        "build-spec --chain local --type live --name Mine --id my-chain --authority {one} --authority {two} --balance {one}=1000000"
    )));
    let file = folder.path().join("my-chain.toml");
    fs::write(&file, spec).unwrap();
    let chain = file.display().to_string();
    // 3: each key into its node's keystore.
    let bases = ["one", "two"].map(base);
    for (key, base) in keys.iter().zip(&bases) {
        let base = base.display().to_string();
        let arguments = ["key", "insert", "--chain", &chain, "--base-path", &base];
        for said in ["stored in", "was stored already"] {
            let inserted = with_input(&arguments, key["secretPhrase"].as_str().unwrap());
            assert!(stdout(&inserted).contains(said), "{inserted:?}");
        }
        let keystore = Path::new(&base).join("chains/my-chain/keystore");
        assert_eq!(mode(&keystore), 0o700);
        let stored: Vec<_> = fs::read_dir(&keystore).unwrap().collect();
        assert_eq!(stored.len(), 1);
        assert_eq!(mode(&stored[0].as_ref().unwrap().path()), 0o600);
        // The same key by its seed is another text.
        let other = with_input(&arguments, key["secretSeed"].as_str().unwrap());
        assert!(error_line(&other).contains("it stays"), "{other:?}");
    }
    // 4 and 5: the nodes.
    let first = serving(
        &bases[0],
        "my-chain",
        &format!("--chain {chain} --validator"),
    )
    .await;
    let bootnode = first.node_file().unwrap().listen_addresses[0].clone();
    let second = format!("--chain {chain} --validator --bootnodes {bootnode}");
    let second = serving(&bases[1], "my-chain", &second).await;
    let start = Instant::now();
    while !(has_sealed(&first) && has_sealed(&second)) {
        assert!(
            start.elapsed() < PATIENCE,
            "{}\n{}",
            first.log_tail(20).join("\n"),
            second.log_tail(20).join("\n")
        );
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
}
