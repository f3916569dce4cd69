use crate::harness::{error_line, run, serving, until_logged};

#[tokio::test]
async fn json_among_the_filters_makes_each_line_an_object() {
    let base = tempfile::tempdir().unwrap();
    let node = serving(base.path(), "dev", "--dev -l json,node_template=debug").await;
    let text = until_logged(&node, "🏆 Imported #1");
    assert!(text.lines().count() > 5, "{text}");
    for line in text.lines() {
        let json: serde_json::Value =
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{line} is no JSON: {error}"));
        for key in ["timestamp", "level", "target", "message"] {
            assert!(json[key].is_string(), "{key}: {line}");
        }
    }
    assert!(text.contains("\"DEBUG\""), "filters still count: {text}");
    assert!(!text.contains('\u{1b}'), "no colours");
}

#[tokio::test]
async fn text_off_a_terminal_has_no_colours() {
    let base = tempfile::tempdir().unwrap();
    let node = serving(base.path(), "dev", "--dev --isolated").await;
    let text = until_logged(&node, "🏆 Imported #1");
    assert!(!text.contains('\u{1b}'), "{text}");
}

#[test]
fn filter_beside_json_is_still_checked() {
    let error = error_line(&run("--dev --log json,sync=loud"));
    assert!(
        error.contains("sync=loud") && error.contains("json"),
        "{error}"
    );
}
