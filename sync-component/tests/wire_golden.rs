//! The bytes of every message and variant stand in `golden/wire.txt`. A change there is a change of the protocol and
//! asks for a new version in the protocol names (SPEC section 2), never for new golden bytes.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed, and the panic says where"
)]

mod samples;

use codec::{DecodeWithMemTracking, Encode};
use samples::{
    Narrow, Sample, Wide, announcement, attestation, block, hash, header, range_request, status,
};
use sp_runtime::traits::NumberFor;
use std::{collections::BTreeMap, fmt::Debug, time::Duration};
use sync_component::{
    SyncSettings,
    ports::Protocol,
    wire::{
        Activity, AnnounceReply, AnnouncedPlace, BlocksReply, HeadersReply, RangeReply,
        RefusedReason, Roles, StateReply, StateRequest, StatusReply, StatusRequest, WireLimits,
        busy_reply, decode,
    },
};

const GOLDEN: &str = include_str!("golden/wire.txt");

const REASONS: [(&str, RefusedReason); 3] = [
    ("undecodable", RefusedReason::Undecodable),
    ("empty_range", RefusedReason::EmptyRange),
    ("too_many", RefusedReason::TooMany),
];

/// Encodings by name, each of which was seen to decode to what it came from.
#[derive(Default)]
struct Lines(BTreeMap<String, String>);

impl Lines {
    fn add<T: Encode + DecodeWithMemTracking + PartialEq + Debug>(
        &mut self,
        name: &str,
        value: &T,
    ) {
        let bytes = value.encode();
        assert_eq!(
            decode::<T>(&bytes, bytes.len()).as_ref(),
            Ok(value),
            "{name}"
        );
        let previous = self.0.insert(name.to_owned(), hex::encode(bytes));
        assert!(previous.is_none(), "{name} is there twice");
    }

    fn add_for<B: Sample>(&mut self) {
        let shape = B::SHAPE;
        self.add_status::<B>(shape);
        self.add(&format!("{shape}/range_request"), &range_request::<B>());
        let headers = format!("{shape}/headers_reply");
        self.add_range::<_, NumberFor<B>>(&headers, vec![header::<B>(301)]);
        let blocks = format!("{shape}/blocks_reply");
        self.add_range::<_, NumberFor<B>>(&blocks, vec![block::<B>(301), block::<B>(302)]);
        let request = format!("{shape}/state_request");
        let block = hash::<B>(0xb1);
        self.add(
            &format!("{request}/first"),
            &StateRequest::<B> { block, after: None },
        );
        let after = Some(b"balances/".to_vec());
        self.add(
            &format!("{request}/after"),
            &StateRequest::<B> { block, after },
        );
        let state = format!("{shape}/state_reply");
        let nodes = vec![vec![0x80_u8, 0x03, 0x00], vec![0x41]];
        self.add_range::<_, NumberFor<B>>(&state, nodes);
        let name = format!("{shape}/announcement");
        let fork = announcement::<B>(AnnouncedPlace::Fork, None);
        self.add(&format!("{name}/fork"), &fork);
        let best = announcement::<B>(AnnouncedPlace::Best, Some(attestation()));
        self.add(&format!("{name}/best_attested"), &best);
        self.add(&format!("{shape}/attestation"), &attestation::<B>());
    }

    fn add_status<B: Sample>(&mut self, shape: &str) {
        let request = format!("{shape}/status_request");
        self.add(&format!("{request}/status"), &StatusRequest::<B>::Status);
        let numbers = StatusRequest::<B>::Hashes(vec![1_u32.into(), 300_u32.into()]);
        self.add(&format!("{request}/hashes"), &numbers);

        let reply = format!("{shape}/status_reply");
        let statuses = [
            ("full_serving", Roles::Full, Activity::Serving, vec![]),
            ("full_syncing", Roles::Full, Activity::Syncing, vec![]),
            (
                "authority_stalled",
                Roles::Authority,
                Activity::Stalled,
                vec![attestation()],
            ),
        ];
        for (name, roles, activity, attestations) in statuses {
            let value = status::<B>(roles, activity, attestations);
            self.add(
                &format!("{reply}/{name}"),
                &StatusReply::Status(Box::new(value)),
            );
        }
        let hashes = StatusReply::<B>::Hashes(vec![Some(hash::<B>(0xb1)), None]);
        self.add(&format!("{reply}/hashes"), &hashes);
        let busy = StatusReply::<B>::Busy {
            retry_after_ms: 250,
        };
        self.add(&format!("{reply}/busy"), &busy);
        for (name, reason) in REASONS {
            self.add(
                &format!("{reply}/refused/{name}"),
                &StatusReply::<B>::Refused(reason),
            );
        }
    }

    fn add_range<T, N>(&mut self, reply: &str, list: Vec<T>)
    where
        T: Encode + DecodeWithMemTracking + PartialEq + Debug,
        N: Encode + DecodeWithMemTracking + PartialEq + Debug + From<u32>,
    {
        self.add(&format!("{reply}/items"), &RangeReply::<T, N>::Items(list));
        let not_found = RangeReply::<T, N>::NotFound {
            lowest: 1.into(),
            best: 300.into(),
        };
        self.add(&format!("{reply}/not_found"), &not_found);
        let busy = RangeReply::<T, N>::Busy {
            retry_after_ms: 250,
        };
        self.add(&format!("{reply}/busy"), &busy);
        for (name, reason) in REASONS {
            let refused = RangeReply::<T, N>::Refused(reason);
            self.add(&format!("{reply}/refused/{name}"), &refused);
        }
    }
}

fn all() -> BTreeMap<String, String> {
    let mut lines = Lines::default();
    lines.add_for::<Narrow>();
    lines.add_for::<Wide>();
    lines.add("announce_reply/taken", &AnnounceReply::Taken);
    lines.add(
        "announce_reply/busy",
        &AnnounceReply::Busy {
            retry_after_ms: 250,
        },
    );
    for (name, reason) in REASONS {
        lines.add(
            &format!("announce_reply/refused/{name}"),
            &AnnounceReply::Refused(reason),
        );
    }
    lines.0
}

#[test]
fn every_message_has_its_golden_bytes() {
    let golden: BTreeMap<String, String> = GOLDEN
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| {
            let (name, bytes) = line.split_once(" = ").unwrap();
            (name.to_owned(), bytes.to_owned())
        })
        .collect();
    let all = all();
    for (name, bytes) in &all {
        assert_eq!(
            golden.get(name),
            Some(bytes),
            "the line should be\n{name} = {bytes}\n"
        );
    }
    let gone: Vec<_> = golden
        .keys()
        .filter(|name| !all.contains_key(*name))
        .collect();
    assert!(gone.is_empty(), "golden bytes without a message: {gone:?}");
}

#[test]
fn busy_replies_of_the_network_layer_are_those_of_the_messages() {
    let retry = Duration::from_millis(250);
    let retry_after_ms = 250;
    let expected = [
        StatusReply::<Narrow>::Busy { retry_after_ms }.encode(),
        HeadersReply::<Wide>::Busy { retry_after_ms }.encode(),
        BlocksReply::<Narrow>::Busy { retry_after_ms }.encode(),
        StateReply::<Wide>::Busy { retry_after_ms }.encode(),
        AnnounceReply::Busy { retry_after_ms }.encode(),
    ];
    assert_eq!(
        Protocol::ALL.map(|protocol| busy_reply(protocol, retry)),
        expected
    );
}

#[test]
fn examples_of_the_protocol_text_are_golden_bytes() {
    let golden = all();
    let mut examples = 0;
    let blocks = include_str!("../PROTOCOL.md").split("```golden ").skip(1);
    for block in blocks {
        let (name, rest) = block.split_once('\n').unwrap();
        let (lines, _) = rest.split_once("```").unwrap();
        let bytes: String = lines
            .lines()
            .filter_map(|line| line.split_whitespace().next())
            .collect();
        assert_eq!(golden.get(name), Some(&bytes), "{name}");
        examples += 1;
    }
    assert_eq!(examples, 15);
}

#[test]
fn caps_of_the_protocol_text_are_those_of_the_code() {
    let text = include_str!("../PROTOCOL.md");
    let limits = WireLimits::new(&SyncSettings::default());
    let caps = [
        ("| status request |", limits.request_cap(Protocol::Status)),
        ("| status reply |", limits.reply_cap(Protocol::Status)),
        ("| range request |", limits.request_cap(Protocol::Blocks)),
        ("| range reply |", limits.reply_cap(Protocol::Headers)),
        ("| state request |", limits.request_cap(Protocol::State)),
        ("| state reply |", limits.reply_cap(Protocol::State)),
        ("| announcement |", limits.request_cap(Protocol::Announce)),
        (
            "| announcement's reply |",
            limits.reply_cap(Protocol::Announce),
        ),
    ];
    for (row, cap) in caps {
        let line = text.lines().find(|line| line.starts_with(row)).unwrap();
        assert!(line.ends_with(&format!(" {cap} |")), "{line}: {cap}");
    }
}
