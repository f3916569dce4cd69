use super::{hours, screen, table};
use crate::{
    rpc::{BanView, PeerView},
    status_view::BlockView,
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
    let text = table(&all);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 4, "{text}");
    for (line, parts) in [
        (
            lines[1],
            [
                "…2kj6vnc6iDEp",
                "#1234",
                "yes",
                "12 ms",
                "-3",
                "not yet, consistent for 1 min",
            ],
        ),
        (
            lines[2],
            ["12D3KooWGzt", "#1234", "no", "12 ms", "-3", "for 1 h 1 min"],
        ),
        (
            lines[3],
            ["…x", "-", "unknown", "-", "-3", "banned for 5 s more"],
        ),
    ] {
        for part in parts {
            assert!(line.contains(part), "{part}: {line}");
        }
    }
    let declared = PeerView {
        declared: true,
        ..peer("z")
    };
    assert!(table(&[declared]).ends_with("-3  declared\n"));
    assert!(table(&all[3..]).contains("no peer is connected"));
    assert!(table(&vec![peer("y"); 40]).contains("and 10 more"));
}

#[test]
fn screen_is_overwritten_line_by_line() {
    assert_eq!(screen("a\nb\n"), "\x1b[Ha\x1b[K\nb\x1b[K\n\x1b[J");
}

#[test]
fn times_are_short() {
    let times = [59, 60, 3_599, 3_600, 86_460].map(hours);
    assert_eq!(
        times,
        ["59 s", "1 min", "59 min", "1 h 0 min", "24 h 1 min"]
    );
}
