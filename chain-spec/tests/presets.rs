//! The presets, and how a specification is found by name or path.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use chain_spec::{ChainSpec, ChainSpecError, ChainType, Preset};
use sp_core::{Pair as _, sr25519};
use std::fs;
use sync_component::{
    SyncSettings,
    settings::{StrategyNames, document::DocumentError},
    status::Tier,
};

fn key(name: &str) -> sr25519::Public {
    sr25519::Pair::from_string(&format!("//{name}"), None)
        .unwrap()
        .public()
}

fn authorities(spec: &ChainSpec) -> Vec<sr25519::Public> {
    spec.authorities.iter().cloned().map(Into::into).collect()
}

#[test]
fn dev_is_alice_alone() {
    let spec = ChainSpec::load("dev").unwrap();
    assert_eq!(authorities(&spec), [key("Alice")]);
    assert_eq!(spec.chain_type, ChainType::Development);
    assert_eq!(spec.id, "dev");
}

#[test]
fn local_is_four_authorities_with_a_short_slot() {
    let spec = ChainSpec::load("local").unwrap();
    assert_eq!(
        authorities(&spec),
        ["Alice", "Bob", "Charlie", "Dave"].map(key)
    );
    assert_eq!(spec.chain_type, ChainType::Local);
    assert_eq!(spec.slot_duration.as_millis(), 2_000);
    assert_eq!(spec.id, "local");
}

#[test]
fn presets_endow_alice_to_ferdie_and_name_every_default() {
    for preset in Preset::ALL {
        let spec = preset.spec();
        let names = ["Alice", "Bob", "Charlie", "Dave", "Eve", "Ferdie"];
        assert_eq!(spec.genesis.balances.len(), names.len());
        for name in names {
            assert!(spec.genesis.balances.contains_key(&key(name)), "{name}");
        }
        let mut expected = SyncSettings::default();
        let tier1 = match preset {
            Preset::Dev => "tip-quorum",
            Preset::Local => "authority-quorum",
        };
        expected.strategies.tier1 = Some(tier1.into());
        expected.strategies.tier2 = Some("pipelined".into());
        expected.strategies.tier3 = Some("multi-source".into());
        assert_eq!(spec.sync, expected);
        let written = expected.to_table();
        let text: toml::Table = toml::from_str(preset.text()).unwrap();
        let text = text.get("sync").unwrap().as_table().unwrap();
        let keys = |table: &toml::Table| table.keys().cloned().collect::<Vec<_>>();
        assert_eq!(keys(text), keys(&written));
        let limits = |table: &toml::Table| keys(table.get("limits").unwrap().as_table().unwrap());
        assert_eq!(limits(text), limits(&written));
    }
}

#[test]
fn a_copied_preset_is_a_chain_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mine.toml");
    fs::write(
        &path,
        Preset::Local
            .text()
            .replace("id = \"local\"", "id = \"mine\""),
    )
    .unwrap();
    let spec = ChainSpec::load(path.to_str().unwrap()).unwrap();
    let expected = ChainSpec {
        id: "mine".into(),
        ..Preset::Local.spec()
    };
    assert_eq!(spec, expected);
}

#[test]
fn a_json_file_is_read_as_json() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mine.json");
    fs::write(&path, Preset::Dev.spec().to_json()).unwrap();
    assert_eq!(
        ChainSpec::load(path.to_str().unwrap()).unwrap(),
        Preset::Dev.spec()
    );
}

#[test]
fn what_is_neither_preset_nor_file_lists_the_presets() {
    let error = ChainSpec::load("mainnet").unwrap_err();
    assert!(matches!(error, ChainSpecError::NotFound { .. }));
    let text = error.to_string();
    assert!(text.starts_with("mainnet: no such file"), "{text}");
    assert!(text.contains("presets: dev, local"), "{text}");
}

#[test]
fn files_that_are_no_specification_are_refused_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        ChainSpec::load(path.to_str().unwrap()).unwrap_err()
    };
    let yaml = file("spec.yaml", b"name: x");
    assert!(matches!(
        yaml,
        ChainSpecError::Document(DocumentError::Extension { .. })
    ));
    let bytes = file("bytes.toml", b"name = \"\xff\"");
    assert!(matches!(
        bytes,
        ChainSpecError::Document(DocumentError::NotText { valid: 8, .. })
    ));
    let huge = file("huge.toml", &vec![b'\n'; 32 * 1024 * 1024 + 1]);
    assert!(matches!(
        huge,
        ChainSpecError::Document(DocumentError::TooLong { .. })
    ));
    fs::create_dir(folder.path().join("folder.toml")).unwrap();
    let path = folder.path().join("folder.toml");
    let directory = ChainSpec::load(path.to_str().unwrap()).unwrap_err();
    assert!(matches!(
        directory,
        ChainSpecError::Document(DocumentError::Unreadable { .. })
    ));
    for error in [yaml, bytes, huge, directory] {
        assert_eq!(error.to_string().lines().count(), 1, "{error}");
    }
}

#[test]
fn strategies_that_are_not_there_are_problems_of_the_file_among_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mine.toml");
    let text = Preset::Local
        .text()
        .replace("\"pipelined\"", "\"teleport\"")
        .replace("tier1_max_gap = 5 ", "tier1_max_gap = 0 ");
    fs::write(
        &path,
        format!("{text}\n[sync.strategy.walk]\nfast = true\n"),
    )
    .unwrap();
    let name = path.to_str().unwrap();
    let names = StrategyNames::new([
        (Tier::HeightCheck, vec!["authority-quorum".to_owned()]),
        (Tier::CatchUp, vec!["mine".to_owned()]),
        (Tier::Resync, vec!["multi-source".to_owned()]),
    ]);
    let report = ChainSpec::load_knowing(name, names)
        .unwrap_err()
        .to_string();
    for part in [
        "sync.tier1_max_gap",
        "sync.strategies.tier2 = \"teleport\"",
        "a strategy of Tier 2: mine",
        "sync.strategy.walk",
    ] {
        assert!(report.contains(part), "{part}: {report}");
    }
    assert!(!report.contains("strategies.tier1"), "{report}");
    // Whoever says nothing of them takes every name.
    let report = ChainSpec::load(name).unwrap_err().to_string();
    assert!(!report.contains("teleport"), "{report}");
}
