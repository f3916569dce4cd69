#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use super::{
    screen::{Picture, away, drawn},
    table::table,
};
use crate::{
    cli::pace::span_text,
    rpc::{BanView, PeerView},
    status_view::{BlockView, ClientError, StatusView},
    terminal::{Line, Paint, Size},
};

fn peer(id: &str) -> PeerView {
    PeerView {
        peer_id: id.to_owned(),
        connected: true,
        best: Some(BlockView {
            number: 1_234,
            hash: "0xab".to_owned(),
        }),
        agrees: Some(true),
        trust: -3.2,
        consistent_seconds: 90,
        declared: false,
        trusted_seconds: None,
        latency_ms: Some(12.4),
        bytes_per_second: None,
        ban: None,
    }
}

/// The table as text, with room for so many lines.
fn text(peers: &[PeerView], lines: usize) -> Vec<String> {
    plain(&table(peers, lines), 200)
}

fn plain(lines: &[Line], columns: usize) -> Vec<String> {
    let drawn = |line: &Line| line.drawn(columns, Paint::Plain);
    lines.iter().map(drawn).collect()
}

#[test]
fn each_connected_peer_has_a_line_that_says_how_it_stands() {
    let away = PeerView {
        connected: false,
        ..peer("away")
    };
    let forked = PeerView {
        agrees: Some(false),
        trusted_seconds: Some(3_700),
        ..peer("12D3KooWGzt")
    };
    let banned = PeerView {
        best: None,
        agrees: None,
        latency_ms: None,
        ban: Some(BanView::Seconds(5)),
        ..peer("x")
    };
    let all = [
        peer("12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp"),
        forked,
        banned,
        away,
    ];
    let lines = text(&all, 30);
    assert_eq!(lines.len(), 4, "{lines:?}");
    for (line, parts) in [
        (
            &lines[2],
            [
                "…2kj6vnc6iDEp",
                "#1234",
                "yes",
                "12 ms",
                "-3",
                "not yet, after 1 min",
            ],
        ),
        (
            &lines[1],
            ["12D3KooWGzt", "#1234", "no", "12 ms", "-3", "for 1 h 1 min"],
        ),
        (
            &lines[3],
            ["…x", "-", "unknown", "-", "-3", "banned for 5 s more"],
        ),
    ] {
        for part in parts {
            assert!(line.contains(part), "{part}: {line}");
        }
    }
    let declared = PeerView {
        declared: true,
        trust: -0.3,
        ..peer("z")
    };
    // Nobody knows what a minus zero is.
    assert!(text(&[declared], 30)[1].ends_with(" 0  declared"));
    assert_eq!(text(&all[3..], 30), ["no peer is connected"]);
}

#[test]
fn peers_on_another_chain_are_seen_first_and_those_that_do_not_fit_are_counted() {
    let mut peers: Vec<_> = (10..30).map(|number| peer(&number.to_string())).collect();
    peers[19].agrees = Some(false);
    for (lines, shown, more) in [(21, 20, None), (20, 18, Some(2)), (4, 2, Some(18))] {
        let text = text(&peers, lines);
        let rows = text.iter().filter(|line| line.starts_with('…')).count();
        assert_eq!(rows, shown, "{text:?}");
        assert!(text[1].starts_with("…29"), "{text:?}");
        let last = text.last().unwrap();
        match more {
            None => assert!(last.starts_with("…28"), "{text:?}"),
            Some(more) => assert!(last.starts_with(&format!("and {more} more")), "{text:?}"),
        }
        assert!(text.len() <= lines, "{text:?}");
    }
    assert_eq!(text(&peers, 1), ["20 peers; `peers list` shows them"]);
}

fn view() -> StatusView {
    let block = |number: u64| {
        let hash = "ab".repeat(32);
        serde_json::json!({ "number": number, "hash": format!("0x{hash}") })
    };
    let view = serde_json::json!({
        "verdict": "critical", "gap": 0, "health": "🚨 Critical: Fork detected!",
        "reason": "fork: our tip and the one of the others part at a block far below; run `node-template resync`",
        "best": block(12_345), "finalized": block(12_300), "consensus": block(12_344), "target": null,
        "peers": 3, "voters": 4, "withUs": 1, "round": 17, "ageMs": 250, "tier": 1, "progress": null,
        "notes": [{ "kind": "stalled", "slots": 9 }],
    });
    serde_json::from_value(view).unwrap()
}

#[test]
fn picture_fits_terminals_of_every_size_and_says_the_whole_reason() {
    for columns in [40, 80, 120, 200] {
        for rows in [5, 12, 24, 60] {
            let size = Size { columns, rows };
            let picture = Picture::of(view(), vec![peer("12D3KooWEyopp"); 50]);
            let lines = plain(&picture.lines(size, 0), columns);
            for line in &lines {
                assert!(line.chars().count() <= columns, "{size:?}: {line}");
            }
            let words = lines.join(" ");
            let words: Vec<&str> = words.split_whitespace().collect();
            assert!(
                words
                    .join(" ")
                    .contains("far below; run `node-template resync`"),
                "{size:?}: {lines:?}"
            );
            let drawn = drawn(&picture.lines(size, 0), size);
            assert!(drawn.matches("\r\n").count() < rows, "{size:?}: {drawn:?}");
        }
    }
}

#[test]
fn hashes_are_whole_where_there_is_room() {
    for (columns, hash) in [(80, "(0xabab…abab)".to_owned()), (120, "ab".repeat(32))] {
        let size = Size { columns, rows: 24 };
        let lines = plain(&Picture::of(view(), Vec::new()).lines(size, 0), columns);
        let best = lines
            .iter()
            .find(|line| line.starts_with("  best"))
            .unwrap();
        assert!(best.contains(&hash), "{best}");
    }
}

#[test]
fn screen_is_overwritten_line_by_line_and_does_not_scroll() {
    let size = Size {
        columns: 80,
        rows: 2,
    };
    let lines = ["a", "b", "c"].map(Line::of);
    assert_eq!(drawn(&lines, size), "\x1b[Ha\x1b[K\r\nb\x1b[K\x1b[J");
}

#[test]
fn node_that_is_away_is_named_above_what_it_said_last() {
    let size = Size {
        columns: 80,
        rows: 24,
    };
    let error = ClientError::Declined {
        reason: "no node answers".to_owned(),
    };
    let picture = Picture::of(view(), vec![peer("x"); 40]);
    let lines = plain(&away(&error, Some(&picture), size), 80);
    assert_eq!(lines[0], "no node answers");
    assert!(lines[1].starts_with("waiting for it; 0 s ago"), "{lines:?}");
    assert!(lines[3].starts_with("🚨"), "{lines:?}");
    assert!(lines.len() <= 24, "{lines:?}");
}

#[test]
fn times_are_short() {
    let times = [59, 60, 3_599, 3_600, 86_460].map(span_text);
    assert_eq!(
        times,
        ["59 s", "1 min", "59 min", "1 h 0 min", "24 h 1 min"]
    );
}
