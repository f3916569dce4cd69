use super::{ALICE, BOB, lines, minimal, read, refused, with};
use crate::{ChainSpec, ChainType, Genesis};
use sync_component::SyncSettings;

#[test]
fn what_is_not_given_has_its_default() {
    let spec = read("").unwrap();
    assert_eq!((spec.name.as_str(), spec.id.as_str()), ("Test", "test"));
    assert_eq!(spec.chain_type, ChainType::Live);
    assert_eq!(spec.slot_duration.as_millis(), 2_000);
    assert_eq!(spec.authorities.len(), 1);
    assert_eq!(spec.genesis, Genesis::default());
    let mut sync = SyncSettings::default();
    sync.strategies.tier1 = Some("tip-quorum".to_owned());
    assert_eq!(spec.sync, sync);
    assert!(spec.properties.is_empty() && spec.bootnodes.is_empty());
    assert!(spec.reserved_nodes.is_empty() && spec.bad_blocks.is_empty());
    assert!(spec.checkpoints.is_empty());
}

#[test]
fn an_empty_document_lists_every_key_that_has_no_default() {
    let report = ChainSpec::from_toml("test", "").unwrap_err();
    assert_eq!(
        lines(&report),
        [
            "line 1: name is missing: accepted: a text of 1 to 128 characters on one line",
            "line 1: id is missing: accepted: 1 to 64 letters (a-z, A-Z), digits, -, _ or ., beginning with a letter or digit",
            "line 1: authorities is missing: accepted: a list of one or more SS58 addresses in slot order",
            "line 1: slot_duration_ms is missing: accepted: a whole number of milliseconds, 100 to 3600000",
        ]
    );
}

#[test]
fn names_and_ids_are_bounded() {
    let long = format!("\"{}\"", "x".repeat(65));
    for id in [
        "\"\"", "\".\"", "\"..\"", "\".x\"", "\"-x\"", "\"a/b\"", "\"a b\"", "\"ä\"", "1", &long,
    ] {
        let report = with("id", id).unwrap_err();
        assert_eq!(report.problems.len(), 1, "{report}");
        assert!(report.to_string().contains("line 2: id = "), "{report}");
    }
    for id in ["\"a\"", "\"my-chain_2.1\"", "\"0\""] {
        assert!(with("id", id).is_ok(), "{id}");
    }
    for name in ["\"\"", "\"a\\nb\"", "true"] {
        assert!(with("name", name).is_err(), "{name}");
    }
}

#[test]
fn the_type_is_one_of_three() {
    let types = [
        ("Development", ChainType::Development),
        ("Local", ChainType::Local),
        ("Live", ChainType::Live),
    ];
    for (name, chain_type) in types {
        let spec = read(&format!("type = \"{name}\"")).unwrap();
        assert_eq!(spec.chain_type, chain_type);
    }
    assert_eq!(
        refused("type = \"live\""),
        ["line 5: type = \"live\": accepted: \"Development\" or \"Local\" or \"Live\""]
    );
}

#[test]
fn slots_last_between_a_tenth_of_a_second_and_an_hour() {
    for slot in ["0", "99", "3600001", "-2000", "2000.0", "\"2s\""] {
        let report = with("slot_duration_ms", slot).unwrap_err();
        assert_eq!(report.problems.len(), 1, "{report}");
        let line = lines(&report).remove(0);
        let accepted = "accepted: a whole number of milliseconds, 100 to 3600000";
        assert!(
            line.starts_with("line 3: ") && line.ends_with(accepted),
            "{line}"
        );
    }
    assert!(with("slot_duration_ms", "3600000").is_ok());
    assert!(with("slot_duration_ms", "1001").is_ok());
}

#[test]
fn slots_that_are_too_short_for_the_drift_are_refused() {
    let report = with("slot_duration_ms", "1000").unwrap_err();
    assert_eq!(
        lines(&report),
        [
            "line 1: sync.limits.drift_ms = 500: accepted: below half of slot_duration_ms, which is 1000"
        ]
    );
    let text = minimal("[sync.limits]\ndrift_ms = 49").replace("2000", "100");
    assert!(ChainSpec::from_toml("test", &text).is_ok());
}

#[test]
fn authorities_are_one_or_more_addresses_each_once() {
    let both = format!("[\"{ALICE}\", \"{BOB}\"]");
    assert_eq!(with("authorities", &both).unwrap().authorities.len(), 2);

    let none = with("authorities", "[]").unwrap_err();
    assert_eq!(
        lines(&none),
        [
            "line 4: authorities = a list of 0: accepted: a list of one or more SS58 addresses in slot order"
        ]
    );

    let twice = with("authorities", &format!("[\"{ALICE}\", \"{ALICE}\"]")).unwrap_err();
    assert_eq!(
        lines(&twice),
        [format!(
            "line 4: authorities.1 = \"{ALICE}\": already given at line 4; accepted: once, so remove one of the two"
        )]
    );

    let mistyped = ALICE.replace("5Grw", "5Grv");
    let wrong = format!("[\"{mistyped}\", 7, \"//Alice\", \"0x00\"]");
    let wrong = with("authorities", &wrong).unwrap_err();
    assert_eq!(
        lines(&wrong)[0],
        format!("line 4: authorities.0 = \"{mistyped}\": accepted: an SS58 address (sr25519)")
    );
    assert_eq!(wrong.problems.len(), 4);

    assert_eq!(
        lines(&with("authorities", "\"all\"").unwrap_err()),
        ["line 4: authorities = \"all\": accepted: a list"]
    );
}

#[test]
fn one_key_with_the_prefixes_of_two_networks_is_one_authority() {
    let polkadot = "15oF4uVJwmo4TdGW7VfQxNLavjCXviqxT9S1MgbjMNHr6Sp5";
    let twice = with("authorities", &format!("[\"{ALICE}\", \"{polkadot}\"]")).unwrap_err();
    assert!(
        lines(&twice)[0].contains("already given at line 4"),
        "{twice}"
    );
    let alone = with("authorities", &format!("[\"{polkadot}\"]")).unwrap();
    assert_eq!(alone, read("").unwrap());
}

#[test]
fn a_mistyped_key_is_told_the_nearest() {
    assert_eq!(
        refused("bootnode = []\nslot_duration = 5"),
        [
            "line 5: bootnode = a list of 0: no such key; did you mean bootnodes?",
            "line 6: slot_duration = 5: no such key; did you mean slot_duration_ms?",
        ]
    );
}

#[test]
fn properties_are_kept_as_they_are() {
    let spec = read("[properties]\ntokenSymbol = \"UNIT\"\nlist = [1, 2.5]").unwrap();
    let expected: toml::Table = toml::from_str("tokenSymbol = \"UNIT\"\nlist = [1, 2.5]").unwrap();
    assert_eq!(spec.properties, expected);
}

#[test]
fn problems_of_every_part_come_at_once() {
    let text = "id = \"a b\"\nslot_duration_ms = 5\nauthorities = [\"x\"]\nbootnodes = [\"y\"]\n\
                [genesis.balances]\nz = -1\n[sync]\ntier1_max_gap = 0\n[[checkpoints]]\nnumber = 0";
    let report = ChainSpec::from_toml("bad.toml", text).unwrap_err();
    let keys: Vec<&str> = report
        .problems
        .iter()
        .map(|problem| problem.key.as_str())
        .collect();
    assert_eq!(
        keys,
        [
            "name",
            "id",
            "slot_duration_ms",
            "authorities.0",
            "bootnodes.0",
            "genesis.balances.z",
            "genesis.balances.z",
            "sync.tier1_max_gap",
            "checkpoints.0.hash",
            "checkpoints.0.number",
        ]
    );
}

#[test]
fn problems_in_json_come_with_their_pointers() {
    let text = r#"{"name": "x", "id": "x", "id": "y", "slot_duration_ms": 1, "authorities": ["z"],
        "sync": {"limits": {"drift_ms": -1}}}"#;
    let report = ChainSpec::from_json("bad.json", text).unwrap_err();
    let places: Vec<String> = report
        .problems
        .iter()
        .map(|problem| problem.location.to_string())
        .collect();
    assert_eq!(
        places,
        [
            "/id",
            "/authorities/0",
            "/slot_duration_ms",
            "/sync/limits/drift_ms"
        ]
    );
}
