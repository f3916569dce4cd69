//! Every key of SPEC section 9: what is accepted, what is refused, and the words of the refusal.

use super::{lines, read, read_toml};
use crate::settings::{SyncSettings, document::Format};

/// Where a key stands.
#[derive(Clone, Copy)]
enum Table {
    Sync,
    Strategies,
    Limits,
}

struct Key {
    table: Table,
    name: &'static str,
    good: &'static [&'static str],
    bad: &'static [&'static str],
    /// Part of the message.
    words: &'static str,
}

const KEYS: &[Key] = &[
    Key {
        table: Table::Sync,
        name: "tier1_timeout_secs",
        good: &["1", "30", "300"],
        bad: &["0", "301", "-1", "1.5", "\"30\"", "true"],
        words: "a whole number of seconds, 1 to 300",
    },
    Key {
        table: Table::Sync,
        name: "tier1_consensus_threshold",
        good: &["0.5001", "0.67", "1", "1.0", "0.6667"],
        bad: &[
            "0.5",
            "0.66667",
            "1.0001",
            "2",
            "-1",
            "\"0.67\"",
            "0.5000000000000001",
            "6.7e-1",
        ],
        words: "a number above 0.5, at most 1, with at most 4 decimals",
    },
    Key {
        table: Table::Sync,
        name: "tier1_max_gap",
        good: &["1", "99"],
        bad: &["0", "100", "-5", "[]"],
        words: "a whole number of blocks, 1 to 99",
    },
    Key {
        table: Table::Sync,
        name: "tier1_min_responses",
        good: &["1", "4294967295"],
        bad: &["0", "4294967296", "\"all\""],
        words: "a whole number of peers, 1 to 4294967295",
    },
    Key {
        table: Table::Sync,
        name: "tier1_fresh_slots",
        good: &["0.001", "1", "1.0", "1000000"],
        bad: &["0", "0.0", "-1", "1000001", "\"1\""],
        words: "above 0, at most 1000000",
    },
    Key {
        table: Table::Sync,
        name: "tier1_slot_share",
        good: &["0.01", "0.99"],
        bad: &["0", "1", "1.0", "-0.3", "{}"],
        words: "above 0 and below 1",
    },
    Key {
        table: Table::Sync,
        name: "gate_wait",
        good: &["\"slot\"", "\"letter\""],
        bad: &["\"Slot\"", "\"\"", "1"],
        words: "\"slot\" or \"letter\"",
    },
    Key {
        table: Table::Sync,
        name: "tier2_timeout_per_block",
        good: &["1", "300"],
        bad: &["0", "301", "10.0"],
        words: "a whole number of seconds, 1 to 300",
    },
    Key {
        table: Table::Sync,
        name: "tier2_max_retries",
        good: &["1", "20"],
        bad: &["0", "21"],
        words: "a whole number of attempts, 1 to 20",
    },
    Key {
        table: Table::Sync,
        name: "tier2_max_gap",
        good: &["101", "1000000"],
        bad: &["100", "0", "4294967296"],
        words: "a whole number of blocks, 101 to",
    },
    Key {
        table: Table::Sync,
        name: "tier2_max_reorg",
        good: &["0", "1", "100"],
        bad: &["-1", "0.5"],
        words: "a whole number of blocks, 0 to",
    },
    Key {
        table: Table::Sync,
        name: "join_windows",
        good: &["true", "false"],
        bad: &["1", "\"true\""],
        words: "true or false",
    },
    Key {
        table: Table::Sync,
        name: "tier3_trust_hours",
        good: &["0", "0.5", "5", "1000000"],
        bad: &["-0.1", "1000001", "\"5\""],
        words: "a number of hours, 0 to 1000000",
    },
    Key {
        table: Table::Sync,
        name: "tier3_backup_retention_days",
        good: &["0", "0.5", "1"],
        bad: &["-1", "100001", "true"],
        words: "a number of days, 0 to 100000",
    },
    Key {
        table: Table::Sync,
        name: "tier3_requires_manual",
        good: &["true"],
        bad: &["false", "1", "\"true\""],
        words: "only true: a resync is never started by the program",
    },
    Key {
        table: Table::Sync,
        name: "attestation_slots",
        good: &["1", "5"],
        bad: &["0", "-1", "6", "1.0"],
        words: "1 to",
    },
    Key {
        table: Table::Strategies,
        name: "tier1",
        good: &["\"height-majority\"", "\"mine_2\""],
        bad: &["\"\"", "\"two words\"", "1"],
        words: "the name of a strategy",
    },
    Key {
        table: Table::Strategies,
        name: "tier2",
        good: &["\"sequential\""],
        bad: &["\"\"", "[]"],
        words: "the name of a strategy",
    },
    Key {
        table: Table::Strategies,
        name: "tier3",
        good: &["\"full-chain\""],
        bad: &["\"\"", "true"],
        words: "the name of a strategy",
    },
    Key {
        table: Table::Limits,
        name: "drift_ms",
        good: &["0", "999"],
        bad: &["1000", "-1", "0.5"],
        words: "",
    },
    Key {
        table: Table::Limits,
        name: "block_bytes",
        good: &["2097152", "8388608"],
        bad: &["0", "2097151", "8388609", "1073741825", "\"5 MiB\""],
        words: "",
    },
    Key {
        table: Table::Limits,
        name: "reply_soft_bytes",
        good: &["1", "5242880"],
        bad: &["0", "5242881"],
        words: "",
    },
    Key {
        table: Table::Limits,
        name: "reply_hard_bytes",
        good: &["5242880", "1073741824"],
        bad: &["5242879", "1073741825"],
        words: "",
    },
    Key {
        table: Table::Limits,
        name: "backoff_first_ms",
        good: &["1", "30000"],
        bad: &["0", "30001"],
        words: "",
    },
    Key {
        table: Table::Limits,
        name: "backoff_max_ms",
        good: &["500", "4294967295"],
        bad: &["0", "499", "4294967296"],
        words: "",
    },
    Key {
        table: Table::Limits,
        name: "backoff_jitter",
        good: &["0", "0.0", "0.99"],
        bad: &["1", "1.0", "-0.1", "\"0.2\""],
        words: "0 or more and below 1",
    },
    from_nothing("ban_secs", "a whole number of seconds, 0 to"),
    from_nothing("short_disconnect_secs", "a whole number of seconds, 0 to"),
    from_one("status_hashes", "a whole number of hashes, 1 to"),
    from_one("poll_slots", "a whole number of slots, 1 to"),
    from_one("stalled_slots", "a whole number of slots, 1 to"),
    from_one("window_blocks", "a whole number of blocks, 1 to"),
    from_one("hashes_per_request", "a whole number of hashes, 1 to"),
    from_one("headers_per_request", "a whole number of headers, 1 to"),
    from_one("blocks_per_request", "a whole number of blocks, 1 to"),
    from_one("requests_per_peer", "a whole number of requests, 1 to"),
    from_one("requests_in_flight", "a whole number of requests, 1 to"),
    from_one("headers_ahead", "a whole number of headers, 1 to"),
    from_one(
        "announcements_per_slot",
        "a whole number of announcements, 1 to",
    ),
    from_one("tracked_tips", "a whole number of tips, 1 to"),
    from_one("max_peers", "a whole number of peers, 1 to"),
    from_one("refused_peers", "a whole number of peers, 1 to"),
    from_one("remembered_peers", "a whole number of peers, 1 to"),
    from_one("found_peers", "a whole number of peers, 1 to"),
    from_one("addresses_per_peer", "a whole number of addresses, 1 to"),
    from_one("max_authorities", "a whole number of authorities, 1 to"),
    from_one("state_proofs_at_once", "a whole number of proofs, 1 to"),
    from_one("state_nodes_per_request", "a whole number of nodes, 1 to"),
    Key {
        table: Table::Limits,
        name: "disk_reserve_bytes",
        good: &["1", "1073741824"],
        bad: &["0", "1073741825"],
        words: "a whole number of bytes, 1 to 1073741824",
    },
    Key {
        table: Table::Limits,
        name: "serving_bytes",
        good: &["1", "1073741824"],
        bad: &["0", "1073741825"],
        words: "a whole number of bytes, 1 to 1073741824",
    },
    Key {
        table: Table::Limits,
        name: "window_bytes",
        good: &["1", "1073741824"],
        bad: &["0", "1073741825"],
        words: "a whole number of bytes, 1 to 1073741824",
    },
];

const fn from_one(name: &'static str, words: &'static str) -> Key {
    Key {
        table: Table::Limits,
        name,
        good: &["1", "4294967295"],
        bad: &["0", "-1", "4294967296", "1.0", "\"1\""],
        words,
    }
}

const fn from_nothing(name: &'static str, words: &'static str) -> Key {
    Key {
        table: Table::Limits,
        name,
        good: &["0", "4294967295"],
        bad: &[
            "-1",
            "4294967296",
            "99999999999999999999999999999999999999999999",
            "\"0\"",
        ],
        words,
    }
}

impl Key {
    fn path(&self) -> String {
        let table = match self.table {
            Table::Sync => "sync",
            Table::Strategies => "sync.strategies",
            Table::Limits => "sync.limits",
        };
        format!("{table}.{}", self.name)
    }

    fn toml(&self, value: &str) -> String {
        let path = self.path();
        let (table, name) = path.rsplit_once('.').unwrap();
        format!("\n[{table}]\n{name} = {value}\n")
    }

    fn json(&self, value: &str) -> String {
        match self.table {
            Table::Sync => format!(r#"{{"sync": {{"{}": {value}}}}}"#, self.name),
            Table::Strategies => {
                format!(
                    r#"{{"sync": {{"strategies": {{"{}": {value}}}}}}}"#,
                    self.name
                )
            }
            Table::Limits => format!(r#"{{"sync": {{"limits": {{"{}": {value}}}}}}}"#, self.name),
        }
    }
}

#[test]
fn no_table_is_the_default() {
    assert_eq!(read_toml("").unwrap(), SyncSettings::default());
    assert_eq!(read(Format::Json, "{}").unwrap(), SyncSettings::default());
}

#[test]
fn the_table_of_tests_names_every_key_that_is_written_out() {
    let mut settings = SyncSettings::default();
    settings.tier1.min_responses = std::num::NonZeroUsize::new(1);
    let mut written = settings.to_table();
    let limits = written.remove("limits").unwrap();
    let mut expected: Vec<String> = written.keys().map(|key| format!("sync.{key}")).collect();
    let limits = limits.as_table().unwrap().keys();
    expected.extend(limits.map(|key| format!("sync.limits.{key}")));
    expected.extend(["tier1", "tier2", "tier3"].map(|key| format!("sync.strategies.{key}")));
    let mut tested: Vec<String> = KEYS.iter().map(Key::path).collect();
    expected.sort();
    tested.sort();
    assert_eq!(tested, expected);
}

#[test]
fn accepted_values_are_accepted_in_both_formats_and_alike() {
    for key in KEYS {
        for value in key.good {
            let toml = read_toml(&key.toml(value));
            let json = read(Format::Json, &key.json(value));
            assert!(toml.is_ok(), "{} = {value}: {toml:?}", key.path());
            assert_eq!(toml, json, "{} = {value}", key.path());
        }
    }
}

#[test]
fn refused_values_are_named_with_key_value_bounds_and_line() {
    for key in KEYS {
        for value in key.bad {
            let report = read_toml(&key.toml(value)).expect_err(&format!("{value} is refused"));
            let text = report.to_string();
            let path = key.path();
            assert_eq!(report.problems.len(), 1, "{path} = {value}: {text}");
            assert!(text.contains("line 3: "), "{path} = {value}: {text}");
            assert!(text.contains(": accepted: "), "{path} = {value}: {text}");
            assert!(text.contains(key.words), "{path} = {value}: {text}");
            if value.starts_with(|first: char| first.is_ascii_digit()) && !key.words.is_empty() {
                assert!(text.contains(&format!("{path} = {value}")), "{text}");
            }
        }
    }
}

#[test]
fn refused_values_are_named_with_their_pointer_in_json() {
    for key in KEYS {
        for value in key.bad {
            let report = read(Format::Json, &key.json(value)).unwrap_err();
            let text = report.to_string();
            let pointer = format!("/{}: ", key.path().replace('.', "/"));
            assert_eq!(report.problems.len(), 1, "{text}");
            assert!(text.contains(&pointer), "{text}");
        }
    }
}

#[test]
fn a_float_that_is_no_number_is_refused() {
    let floats = ["tier1_fresh_slots", "tier1_slot_share", "tier3_trust_hours"];
    for key in floats {
        for value in ["nan", "inf", "-inf", "1e999"] {
            let report = read_toml(&format!("[sync]\n{key} = {value}")).unwrap_err();
            assert_eq!(report.problems.len(), 1, "{report}");
        }
    }
}

#[test]
fn all_problems_come_at_once_in_the_order_of_the_lines() {
    let text = "[sync.limits]\npoll_slots = 0\nbann_secs = 3\n\n[sync]\ntier2_max_gap = 7\n\
                tier1_consensus_threshold = 0.4\ntier1_max_gp = 5\nfoo = \"bar\"\n\
                [sync.strategies]\ntier4 = \"x\"\n[other]\n";
    let report = read_toml(text).unwrap_err();
    let threshold = "a number above 0.5, at most 1, with at most 4 decimals";
    assert_eq!(
        lines(&report),
        [
            "line 2: sync.limits.poll_slots = 0: accepted: a whole number of slots, 1 to 4294967295",
            "line 3: sync.limits.bann_secs = 3: no such key; did you mean ban_secs?",
            "line 6: sync.tier2_max_gap = 7: accepted: a whole number of blocks, 101 to 4294967295",
            &format!("line 7: sync.tier1_consensus_threshold = 0.4: accepted: {threshold}"),
            "line 8: sync.tier1_max_gp = 5: no such key; did you mean tier1_max_gap?",
            &lines(&report)[5],
            "line 11: sync.strategies.tier4 = \"x\": no such key; did you mean tier1?",
            "line 12: other = a table of 0: no such key; accepted: sync",
        ]
    );
    let foo = &lines(&report)[5];
    assert!(
        foo.starts_with("line 9: sync.foo = \"bar\": no such key; accepted: tier1_"),
        "{foo}"
    );
    assert!(
        report
            .to_string()
            .starts_with("test: 8 problems to correct:\n"),
        "{report}"
    );
}

#[test]
fn a_table_that_is_none_is_named() {
    let cases = [
        ("sync = 1", "sync"),
        ("sync.limits = true", "sync.limits"),
        ("sync.strategies = \"sequential\"", "sync.strategies"),
        ("sync.strategy = []", "sync.strategy"),
        ("sync.strategy.mine = 5", "sync.strategy.mine"),
    ];
    for (text, key) in cases {
        let report = read_toml(text).unwrap_err();
        assert_eq!(report.problems.len(), 1, "{report}");
        let text = report.to_string();
        assert!(text.contains(&format!("line 1: {key} = ")), "{text}");
        assert!(text.ends_with("accepted: a table"), "{text}");
    }
}

#[test]
fn a_strategy_keeps_its_own_table_as_it_is() {
    let text = "[sync.strategy.mine]\ndepth = 7\nnames = [\"a\", \"b\"]\n[sync.strategy.mine.deep]\nx = 0.5";
    let settings = read_toml(text).unwrap();
    let table = settings.strategy_tables.get("mine").unwrap();
    let expected: toml::Table =
        toml::from_str("depth = 7\nnames = [\"a\", \"b\"]\n[deep]\nx = 0.5").unwrap();
    assert_eq!(*table, expected);
}

#[test]
fn what_a_strategys_table_cannot_hold_in_both_formats_is_refused() {
    let toml =
        "[sync.strategy.mine]\nday = 1979-05-27\nlist = [1, nan]\nlarge = 9223372036854775808";
    let report = read_toml(toml).unwrap_err();
    assert_eq!(
        lines(&report),
        [
            "line 2: sync.strategy.mine.day = 1979-05-27: accepted: a text in quotes, as JSON has no dates",
            "line 3: sync.strategy.mine.list.1 = nan: accepted: a finite number, as JSON has no other",
            "line 4: sync.strategy.mine.large = 9223372036854775808: accepted: a whole number of 64 bits",
        ]
    );
    let json = r#"{"sync": {"strategy": {"mine": {"gone": null}}}}"#;
    let report = read(Format::Json, json).unwrap_err();
    let accepted = "a value, as TOML has no null; leave the key out";
    assert_eq!(
        lines(&report),
        [format!(
            "/sync/strategy/mine/gone: sync.strategy.mine.gone = null: accepted: {accepted}"
        )]
    );
}
