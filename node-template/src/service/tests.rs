#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop where it is"
)]

mod relay;

use super::{
    AuthoringRule, BaseFolder, ChainFolder, NetworkConfig, ServiceError, TaskEnd,
    folder::Base,
    production::{AuthorityKey, Circumstances, RecordState, StoreState, mode},
    tasks::Tasks,
};
use crate::network::{Admission, LocalDiscovery, SlotCount};
use std::path::Path;
use sync_component::orchestrator::{FirstAnswer, ProductionMode};

fn connected(bootnodes: usize) -> NetworkConfig {
    NetworkConfig::Connected {
        listen: vec!["/ip4/127.0.0.1/tcp/0".parse().unwrap()],
        public: Vec::new(),
        bootnodes: vec!["/ip4/127.0.0.1/tcp/1".parse().unwrap(); bootnodes],
        reserved: Vec::new(),
        admission: Admission::Everyone(SlotCount::DEFAULT),
        local: LocalDiscovery::Off,
        key: None,
    }
}

fn reserved_only(nodes: usize) -> NetworkConfig {
    NetworkConfig::Connected {
        listen: vec!["/ip4/127.0.0.1/tcp/0".parse().unwrap()],
        public: Vec::new(),
        bootnodes: vec!["/ip4/127.0.0.1/tcp/1".parse().unwrap()],
        reserved: vec!["/ip4/127.0.0.1/tcp/2".parse().unwrap(); nodes],
        admission: Admission::ReservedOnly,
        local: LocalDiscovery::Off,
        key: None,
    }
}

fn circumstances(network: &NetworkConfig) -> Circumstances<'_> {
    Circumstances {
        authorities: 1,
        key: AuthorityKey::Held,
        rule: AuthoringRule::Voted,
        network,
        remembered: 0,
        store: StoreState::Empty,
        record: RecordState::Absent,
    }
}

#[test]
fn single_authority_waits_only_with_an_empty_store_and_somebody_to_ask() {
    let alone = connected(0);
    let with_others = connected(1);
    let nobody = circumstances(&alone);
    let not_needed = ProductionMode::SingleAuthority(FirstAnswer::NotNeeded);
    let awaits = ProductionMode::SingleAuthority(FirstAnswer::AwaitPeers);
    assert_eq!(mode(&nobody), not_needed);
    assert_eq!(mode(&circumstances(&with_others)), awaits);
    let remembers = Circumstances {
        remembered: 1,
        ..nobody
    };
    assert_eq!(mode(&remembers), awaits);
    let with_reserved = reserved_only(1);
    assert_eq!(mode(&circumstances(&with_reserved)), awaits);
    // Nobody of those is met.
    let closed = reserved_only(0);
    let remembers = Circumstances {
        remembered: 1,
        ..circumstances(&closed)
    };
    assert_eq!(mode(&remembers), not_needed);
    let sealed_before = Circumstances {
        record: RecordState::Present,
        ..nobody
    };
    assert_eq!(mode(&sealed_before), awaits);
    let holds_blocks = Circumstances {
        store: StoreState::HoldsBlocks,
        ..sealed_before
    };
    assert_eq!(mode(&holds_blocks), not_needed);
    let follower = Circumstances {
        key: AuthorityKey::NotHeld,
        ..nobody
    };
    assert_eq!(mode(&follower), ProductionMode::Voted);
}

#[test]
fn several_authorities_vote_unless_forced() {
    let network = connected(1);
    let isolated = NetworkConfig::Isolated;
    let of = |network, rule| {
        mode(&Circumstances {
            authorities: 4,
            rule,
            ..circumstances(network)
        })
    };
    assert_eq!(of(&network, AuthoringRule::Voted), ProductionMode::Voted);
    assert_eq!(of(&isolated, AuthoringRule::Voted), ProductionMode::Voted);
    assert_eq!(
        of(&network, AuthoringRule::Forced),
        ProductionMode::Forced(FirstAnswer::AwaitPeers)
    );
    assert_eq!(
        of(&isolated, AuthoringRule::Forced),
        ProductionMode::ForcedIsolated
    );
}

#[tokio::test]
async fn task_that_panics_is_named_with_its_message() {
    let mut tasks = Tasks::default();
    tasks.spawn("patient", std::future::pending());
    tasks.spawn("clumsy", async { panic!("dropped it") });
    let ended = tasks.first_end().await;
    assert_eq!(ended.task, "clumsy");
    assert_eq!(ended.end, TaskEnd::Panicked("dropped it".to_owned()));
    tasks.stop().await;
}

#[tokio::test]
async fn task_that_returns_ends_the_node_too() {
    let mut tasks = Tasks::default();
    tasks.spawn("short", async {});
    let ended = tasks.first_end().await;
    assert_eq!((ended.task, ended.end), ("short", TaskEnd::Returned));
}

#[test]
fn files_lie_where_the_contract_says() {
    let folder = ChainFolder::new(Path::new("/base"), "dev");
    let table = [
        (folder.lock(), "/base/chains/dev/LOCK"),
        (folder.store(), "/base/chains/dev/db/full"),
        (folder.keystore(), "/base/chains/dev/keystore"),
        (folder.signed(), "/base/chains/dev/signed"),
        (
            folder.network_key(),
            "/base/chains/dev/network/secret_ed25519",
        ),
    ];
    for (path, expected) in table {
        assert_eq!(path, Path::new(expected));
    }
}

#[test]
fn temporary_folder_is_gone_afterwards() {
    let base = Base::open(&BaseFolder::Temporary).unwrap();
    let path = base.path().to_owned();
    ChainFolder::new(&path, "dev").create().unwrap();
    assert!(path.is_dir());
    drop(base);
    assert!(!path.exists());
}

#[test]
fn folder_that_cannot_be_made_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = ChainFolder::new(&file, "dev").create().unwrap_err();
    assert!(matches!(error, ServiceError::Folder { .. }));
    assert!(error.to_string().contains("file"), "{error}");
}
