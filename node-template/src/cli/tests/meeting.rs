use super::{parse, planning::PEER};
use crate::{
    cli::{CliError, plan::config},
    network::{Admission, LocalDiscovery, SlotCount},
    service::NetworkConfig,
};
use std::fs;

fn network(line: &str) -> NetworkConfig {
    config(&parse(line).run).unwrap().network
}

fn admission(line: &str) -> Admission {
    match network(line) {
        NetworkConfig::Connected { admission, .. } => admission,
        NetworkConfig::Isolated => panic!("isolated"),
    }
}

fn slots(line: &str) -> (usize, usize) {
    match admission(line) {
        Admission::Everyone(SlotCount { inbound, outbound }) => (inbound, outbound),
        Admission::ReservedOnly => panic!("reserved only"),
    }
}

#[test]
fn slots_are_those_of_substrate_unless_given() {
    assert_eq!(slots("-d /x"), (32, 8));
    assert_eq!(slots("-d /x --in-peers 3 --out-peers 0"), (3, 0));
}

#[test]
fn slots_fit_into_the_peers_that_are_looked_at() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sync.toml");
    fs::write(&file, "[sync.limits]\nmax_peers = 10\n").unwrap();
    let line = format!("-d /x --sync-config {}", file.display());
    assert_eq!(slots(&line), (2, 8), "what nobody asked for shrinks");
    assert_eq!(slots(&format!("{line} --in-peers 9")), (9, 1));
    assert_eq!(slots(&format!("{line} --in-peers 9 --out-peers 1")), (9, 1));
    let error = config(&parse(&format!("{line} --in-peers 11")).run).unwrap_err();
    assert!(
        matches!(error, CliError::TooManyPeers { most: 10, .. }),
        "{error}"
    );
    assert!(error.is_usage());
    let text = error.to_string();
    assert!(text.contains("max_peers") && text.contains("11"), "{text}");
    let huge = format!(
        "{line} --in-peers {} --out-peers {}",
        usize::MAX,
        usize::MAX
    );
    assert!(config(&parse(&huge).run).is_err());
}

#[test]
fn reserved_nodes_of_the_chain_and_of_the_command_line_are_one_list() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("spec.toml");
    let mut spec = chain_spec::Preset::Local.spec();
    spec.reserved_nodes = vec![PEER.to_owned()];
    fs::write(&file, spec.to_toml()).unwrap();
    let line = format!("-d /x --chain {}", file.display());
    let both = network(&format!("{line} --reserved-nodes {PEER} {PEER}"));
    assert!(
        matches!(&both, NetworkConfig::Connected { reserved, bootnodes, .. } if reserved.len() == 3 && bootnodes.is_empty()),
        "{both:?}"
    );
    assert_eq!(
        admission(&format!("{line} --reserved-only")),
        Admission::ReservedOnly
    );
    let error = config(&parse("-d /x --reserved-only").run).unwrap_err();
    assert!(matches!(error, CliError::NobodyReserved), "{error}");
}

#[test]
fn local_network_is_asked_only_where_that_can_do_good() {
    let table = [
        ("-d /x", LocalDiscovery::Mdns),
        ("-d /x --port 0", LocalDiscovery::Mdns),
        (
            "-d /x --listen-addr /ip4/127.0.0.1/tcp/0 /ip4/0.0.0.0/tcp/0",
            LocalDiscovery::Mdns,
        ),
        ("-d /x --no-mdns", LocalDiscovery::Off),
        (
            "-d /x --listen-addr /ip4/127.0.0.1/tcp/0 /ip6/::1/tcp/0",
            LocalDiscovery::Off,
        ),
        // All of them have Alice's key.
        ("--dev", LocalDiscovery::Off),
        ("-d /x --chain dev", LocalDiscovery::Off),
    ];
    for (line, expected) in table {
        assert!(
            matches!(network(line), NetworkConfig::Connected { local, .. } if local == expected),
            "{line}"
        );
    }
}
