//! What is written reads back as the same, in both formats; and nothing that is read panics.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use chain_spec::{ChainSpec, ChainType, Checkpoint, Genesis, Preset};
use proptest::{collection, option, prelude::*, sample};
use sp_consensus_aura::SlotDuration;
use sp_core::{H256, sr25519};
use std::{num::NonZero, time::Duration};
use sync_component::{SyncSettings, registry::defaults, settings::Threshold};

const PEER: &str = "12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp";

fn written_and_read(spec: &ChainSpec) {
    let toml = spec.to_toml();
    let explained = spec.to_toml_explained();
    let json = spec.to_json();
    for toml in [toml, explained] {
        assert_eq!(
            ChainSpec::from_toml("toml", &toml).as_ref(),
            Ok(spec),
            "{toml}"
        );
    }
    assert_eq!(
        ChainSpec::from_json("json", &json).as_ref(),
        Ok(spec),
        "{json}"
    );
}

#[test]
fn presets_are_written_and_read_back() {
    for preset in Preset::ALL {
        written_and_read(&preset.spec());
    }
}

#[test]
fn file_for_people_explains_its_keys_where_they_stand() {
    let mut spec = Preset::Local.spec();
    "mine".clone_into(&mut spec.id);
    spec.authorities.truncate(2);
    spec.sync.tier1.min_responses = NonZero::new(2);
    spec.checkpoints.push(Checkpoint {
        number: 7,
        hash: H256::repeat_byte(7),
    });
    let text = spec.to_toml_explained();
    // What the preset says of itself, and of the keys of the people that it names, does not hold here.
    assert!(!text.contains("Alice, Bob"), "{text}");
    let explained = |key: &str| {
        let line = text.lines().find(|line| line.starts_with(key));
        line.is_some_and(|line| line.contains(" # "))
    };
    for key in [
        "id = \"mine\"",
        "tier1_min_responses = 2",
        "block_bytes",
        "tier2_max_reorg",
    ] {
        assert!(explained(key), "{key}: {text}");
    }
    let at = |part: &str| text.find(part).unwrap_or_else(|| panic!("{part}: {text}"));
    assert!(at("name =") < at("authorities =") && at("authorities =") < at("[sync]"));
    assert!(at("checkpoints = [") < at("[properties]"));
    written_and_read(&spec);
}

#[test]
fn examples_in_the_file_for_people_can_be_put_to_use() {
    let text = Preset::Local.spec().to_toml_explained();
    let hash = format!("\"0x{}\"", "07".repeat(32));
    let used = text
        .replace("# [[checkpoints]]", "[[checkpoints]]")
        .replace("# number = ", "number = ")
        .replace("# hash = \"0x...\"", &format!("hash = {hash}"))
        .replace("# tier1_min_responses = ", "tier1_min_responses = ");
    let spec = ChainSpec::from_toml("used", &used).unwrap();
    let checkpoint = Checkpoint {
        number: 1_000,
        hash: H256::repeat_byte(7),
    };
    assert_eq!(spec.checkpoints, [checkpoint], "{used}");
    assert_eq!(spec.sync.tier1.min_responses, NonZero::new(2), "{used}");
}

fn properties() -> impl Strategy<Value = toml::Table> {
    let leaf = prop_oneof![
        any::<String>().prop_map(toml::Value::String),
        any::<i64>().prop_map(toml::Value::Integer),
        any::<bool>().prop_map(toml::Value::Boolean),
        any::<f64>()
            .prop_filter("JSON has no others", |number| number.is_finite())
            .prop_map(toml::Value::Float),
    ];
    let value = leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            collection::vec(inner.clone(), 0..4).prop_map(toml::Value::Array),
            collection::btree_map(any::<String>(), inner, 0..4)
                .prop_map(|map| toml::Value::Table(map.into_iter().collect())),
        ]
    });
    collection::btree_map(any::<String>(), value, 0..4).prop_map(|map| map.into_iter().collect())
}

fn genesis() -> impl Strategy<Value = Genesis> {
    let account = any::<[u8; 32]>().prop_map(sr25519::Public::from_raw);
    let bytes = || collection::vec(any::<u8>(), 0..20);
    let key = collection::vec(any::<u8>(), 1..20);
    let balances = collection::btree_map(account, 0..u128::MAX / 8, 0..8);
    (balances, collection::btree_map(key, bytes(), 0..5))
        .prop_map(|(balances, raw)| Genesis { balances, raw })
}

fn sync() -> impl Strategy<Value = SyncSettings> {
    (
        5_001_u32..=10_000,
        1_u64..=300,
        0.001_f64..1.0,
        3_u64..=1_000,
        0.0_f64..1.0,
        option::of("[a-z-]{1,20}"),
        collection::btree_map(any::<String>(), properties(), 0..3),
    )
        .prop_map(|(parts, seconds, share, max_reorg, jitter, name, tables)| {
            let mut sync = SyncSettings::default();
            sync.tier1.threshold = Threshold::from_ten_thousandths(parts).unwrap();
            sync.tier1.timeout = Duration::from_secs(seconds);
            sync.tier1.slot_share = share;
            sync.tier2.max_reorg = max_reorg;
            sync.limits.backoff_jitter = jitter;
            sync.limits.drift = Duration::from_millis(49);
            sync.strategies.tier1 = name;
            sync.strategy_tables = tables;
            sync
        })
}

fn spec() -> impl Strategy<Value = ChainSpec> {
    let types = [ChainType::Development, ChainType::Local, ChainType::Live];
    let keys = collection::btree_set(any::<[u8; 32]>(), 1..5);
    let hashes = collection::btree_set(any::<[u8; 32]>(), 0..8);
    let ports = || collection::btree_set(1_u16.., 0..3);
    (
        (
            "[^\\p{Cc}]{1,40}",
            "[a-z0-9][a-z0-9._-]{0,30}",
            sample::select(types.to_vec()),
        ),
        (properties(), keys, 100_u64..=3_600_000, genesis()),
        (ports(), ports(), hashes, 0_usize..8, sync()),
    )
        .prop_map(|(identity, chain, nodes)| {
            let (name, id, chain_type) = identity;
            let (properties, keys, slot, genesis) = chain;
            let (bootnodes, reserved_nodes, hashes, good, mut sync) = nodes;
            // Where a specification names none, its number of authorities does.
            let tier1 = defaults::tier1(keys.len()).to_owned();
            sync.strategies.tier1.get_or_insert(tier1);
            let address = |port| format!("/ip4/127.0.0.1/tcp/{port}/p2p/{PEER}");
            let hashes: Vec<H256> = hashes.into_iter().map(H256).collect();
            let (good, bad) = hashes.split_at(good.min(hashes.len()));
            let checkpoints = (1..).zip(good).map(|(number, hash)| Checkpoint {
                number,
                hash: *hash,
            });
            ChainSpec {
                name,
                id,
                chain_type,
                properties,
                authorities: keys
                    .into_iter()
                    .map(|key| sr25519::Public::from_raw(key).into())
                    .collect(),
                slot_duration: SlotDuration::from_millis(slot),
                genesis,
                bootnodes: bootnodes.into_iter().map(address).collect(),
                reserved_nodes: reserved_nodes.into_iter().map(address).collect(),
                bad_blocks: bad.to_vec(),
                checkpoints: checkpoints.collect(),
                sync,
            }
        })
}

/// A preset with bytes changed, so that it gets past the parser.
fn damaged() -> impl Strategy<Value = Vec<u8>> {
    let texts = vec![
        Preset::Local.text().to_owned(),
        Preset::Dev.spec().to_toml(),
        Preset::Dev.spec().to_json(),
    ];
    let change = (any::<sample::Index>(), any::<u8>());
    (sample::select(texts), collection::vec(change, 1..4)).prop_map(|(text, changes)| {
        let mut bytes = text.into_bytes();
        for (index, byte) in changes {
            let length = bytes.len();
            if let Some(place) = bytes.get_mut(index.index(length)) {
                *place = byte;
            }
        }
        bytes
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_specification_is_written_and_read_back(spec in spec()) {
        written_and_read(&spec);
    }

    #[test]
    fn damaged_specifications_never_panic(bytes in damaged()) {
        let text = String::from_utf8_lossy(&bytes);
        let _ = ChainSpec::from_toml("toml", &text);
        let _ = ChainSpec::from_json("json", &text);
    }

    #[test]
    fn random_text_never_panics(text in any::<String>()) {
        prop_assert!(ChainSpec::from_toml("toml", &text).is_err());
        prop_assert!(ChainSpec::from_json("json", &text).is_err());
    }
}
