use super::{SLOT, read, read_toml};
use crate::settings::{SyncSettings, Threshold, document::Format};
use proptest::{prelude::*, string::string_regex};

/// Bits of documents, so that random ones get past the parser.
fn fragments() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        string_regex("[a-z_0-9.\\[\\]{}\"'=:,# \n\\\\-]{0,12}").unwrap(),
        prop::sample::select(vec![
            "[sync]\n",
            "[sync.limits]\n",
            "[sync.strategy.x]\n",
            "\"sync\": {",
            "}",
            "{",
            "[[",
            "\n",
            "drift_ms = 5\n",
            "tier1_consensus_threshold = ",
            "0.67\n",
            "1979-05-27",
            "\"\"\"",
            "'''",
            "0xff",
            "null",
            "nan",
            "a.b.c = ",
            "\"\\ud800\"",
            "1e9999",
            "-0",
            "true",
            "\"limits\": [",
        ])
        .prop_map(str::to_owned),
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

fn never_panics(text: &str) {
    for format in [Format::Toml, Format::Json] {
        if let Err(report) = read(format, text) {
            assert!(!report.problems.is_empty());
            assert!(!report.to_string().is_empty());
        }
    }
}

proptest! {
    #[test]
    fn random_text_never_panics(text in any::<String>()) {
        never_panics(&text);
    }

    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        never_panics(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn random_documents_never_panic(text in fragments()) {
        never_panics(&text);
    }

    #[test]
    fn random_overrides_never_panic(text in fragments()) {
        if let Ok(document) = super::Document::parse("x", Format::Toml, &text) {
            let _ = SyncSettings::default().with_override(document, SLOT);
        }
    }

    #[test]
    fn a_threshold_is_read_as_it_is_written(parts in 5_001_u32..=10_000) {
        let whole = parts / 10_000;
        let text = format!("[sync]\ntier1_consensus_threshold = {whole}.{:04}", parts % 10_000);
        let expected = Threshold::from_ten_thousandths(parts).unwrap();
        prop_assert_eq!(read_toml(&text).unwrap().tier1.threshold, expected);
    }

    #[test]
    fn any_two_numbers_are_read_or_refused_alike_in_both_formats(
        key in prop::sample::select(vec!["tier1_timeout_secs", "tier2_max_gap", "tier1_slot_share"]),
        number in prop_oneof![any::<i64>().prop_map(|n| n.to_string()), (0.0_f64..2.0).prop_map(|n| format!("{n:?}"))],
    ) {
        let toml = read_toml(&format!("[sync]\n{key} = {number}"));
        let json = read(Format::Json, &format!(r#"{{"sync": {{"{key}": {number}}}}}"#));
        prop_assert_eq!(toml.ok(), json.ok());
    }
}
