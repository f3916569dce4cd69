use super::parse;
use crate::{
    cli::{CliError, node_key, plan::config},
    service::{AuthoringRule, BaseFolder, DevKey, Duty, NetworkConfig, RunConfig},
};
use std::{fs, path::PathBuf};

pub(super) const PEER: &str =
    "/ip4/127.0.0.1/tcp/1/p2p/12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp";

fn plan(line: &str) -> RunConfig {
    config(&parse(line).run).unwrap()
}

#[test]
fn dev_is_alice_alone_on_the_dev_chain_in_a_temporary_folder() {
    let plan = plan("--dev");
    assert_eq!(plan.spec.id, "dev");
    assert_eq!(plan.base, BaseFolder::Temporary);
    assert_eq!(plan.duty, Duty::Development(DevKey::Alice));
    assert_eq!(plan.name, "Alice");
    assert_eq!(plan.authoring, AuthoringRule::Voted);
}

#[test]
fn dev_with_a_folder_keeps_its_data() {
    let plan = plan("--dev -d /x");
    assert_eq!(plan.base, BaseFolder::Kept(PathBuf::from("/x")));
}

#[test]
fn defaults_are_those_of_substrate() {
    let plan = plan("-d /x");
    assert_eq!(plan.spec.id, "local");
    assert_eq!(plan.duty, Duty::Full);
    assert_eq!(plan.rpc.to_string(), "127.0.0.1:9944");
    let NetworkConfig::Connected { listen, key, .. } = plan.network else {
        panic!("isolated")
    };
    let listen: Vec<String> = listen.iter().map(ToString::to_string).collect();
    assert_eq!(listen, ["/ip4/0.0.0.0/tcp/30333", "/ip6/::/tcp/30333"]);
    assert_eq!(key, None);
}

#[test]
fn lists_may_be_given_at_once_or_one_by_one() {
    let plan = plan(&format!(
        "-d /x --charlie --bootnodes {PEER} {PEER} --bootnodes {PEER} -l info -l sync=debug --rpc-external --rpc-port 0"
    ));
    assert_eq!(plan.duty, Duty::Development(DevKey::Charlie));
    assert_eq!(plan.log, "info,sync=debug");
    assert_eq!(plan.rpc.to_string(), "0.0.0.0:0");
    assert!(
        matches!(&plan.network, NetworkConfig::Connected { bootnodes, .. } if bootnodes.len() == 3)
    );
}

#[test]
fn isolated_node_has_no_network() {
    let plan = plan("-d /x --alice --isolated --force-authoring");
    assert_eq!(plan.network, NetworkConfig::Isolated);
    assert_eq!(plan.authoring, AuthoringRule::Forced);
}

#[test]
fn node_key_is_read_from_hex_and_from_both_kinds_of_file_and_never_printed() {
    let folder = tempfile::tempdir().unwrap();
    let hex = "11".repeat(32);
    let raw_file = folder.path().join("raw");
    let hex_file = folder.path().join("hex");
    fs::write(&raw_file, [0x11; 32]).unwrap();
    fs::write(&hex_file, format!("{hex}\n")).unwrap();
    let keys = [
        node_key::of(Some(&hex), None).unwrap().unwrap(),
        node_key::of(None, Some(&raw_file)).unwrap().unwrap(),
        node_key::of(None, Some(&hex_file)).unwrap().unwrap(),
    ];
    for key in keys {
        assert_eq!(key.secret(), &[0x11; 32]);
        assert!(!format!("{key:?}").contains("11"), "{key:?}");
    }
}

#[test]
fn broken_node_key_is_refused_with_what_is_expected() {
    let folder = tempfile::tempdir().unwrap();
    let short = folder.path().join("short");
    fs::write(&short, [0x11; 31]).unwrap();
    let error = node_key::of(None, Some(&short)).unwrap_err();
    assert!(
        matches!(error, CliError::NodeKeyFile { length: 31, .. }),
        "{error}"
    );
    let missing = folder.path().join("missing");
    let error = node_key::of(None, Some(&missing)).unwrap_err();
    assert!(error.to_string().contains("missing"), "{error}");
    assert!(matches!(
        node_key::of(Some("xyz"), None),
        Err(CliError::NodeKey)
    ));
}

#[test]
fn missing_chain_spec_and_missing_sync_config_name_the_file() {
    for line in [
        "-d /x --chain /nowhere.toml",
        "-d /x --sync-config /nowhere.toml",
    ] {
        let error = config(&parse(line).run).unwrap_err().to_string();
        assert!(error.contains("/nowhere.toml"), "{error}");
    }
}
