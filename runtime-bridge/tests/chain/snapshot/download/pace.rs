//! Sources that are slow, on purpose or not, and what is shown of it.

use super::{Bend, Late, Net, one_entry, one_of, staged, world};
use crate::support::{Block, Header, id};
use codec::Encode;
use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};
use sync_component::{
    chain_sync::{Counted, ResyncError},
    ports::{BuildSnapshots, Protocol, ReadChain},
    wire::StateReply,
};
use tokio::time::Instant;

const LATE: Duration = Duration::from_secs(9);

#[tokio::test(start_paused = true)]
async fn source_that_gives_one_entry_at_a_time_and_late_does_not_hold_up_the_run() {
    let (_, server) = world(120);
    let one = one_entry(server.clone());
    let mut net = Net::new();
    let late = Late(Protocol::State, LATE);
    let trickles = net.late_source("trickles", server.clone(), one, late).await;
    net.honest("honest", &server).await;
    let (staged, begun) = (staged(), Instant::now());
    net.download(&staged).await.unwrap();
    assert_eq!(staged.tip().unwrap(), server.tip().unwrap());
    assert!(net.asked(&trickles, Protocol::State) <= 2);
    let took = begun.elapsed();
    assert!(took < LATE * 3, "{took:?}");
    assert!(!net.client.table().is_banned(&trickles));
}

#[tokio::test(start_paused = true)]
async fn source_that_is_always_busy_does_not_hold_up_the_run() {
    let (_, server) = world(120);
    let busy: Arc<Bend> = Arc::new(move |protocol, _, honest| {
        let busy = StateReply::<Block>::Busy {
            retry_after_ms: 60_000,
        };
        Some(match protocol {
            Protocol::State => busy.encode(),
            _ => honest,
        })
    });
    let mut net = Net::new();
    let late = Late(Protocol::State, LATE);
    let peer = net.late_source("busy", server.clone(), busy, late).await;
    net.honest("honest", &server).await;
    let (staged, begun) = (staged(), Instant::now());
    net.download(&staged).await.unwrap();
    assert_eq!(staged.tip().unwrap(), server.tip().unwrap());
    let took = begun.elapsed();
    assert!(took < Duration::from_mins(1), "{took:?}");
    assert!(!net.client.table().is_banned(&peer));
}

/// It claims most, so its headers are asked for first.
#[tokio::test(start_paused = true)]
async fn source_that_shows_a_header_at_a_time_and_late_does_not_hold_up_the_run() {
    let (world, longer) = world(130);
    let server = staged();
    let report =
        sync_component::ports::ImportBlocks::import(server.as_ref(), world.blocks[..120].to_vec());
    assert!(report.failure.is_none(), "{report:?}");
    let one = one_of::<Header>(Protocol::Headers);
    let mut net = Net::new();
    let late = Late(Protocol::Headers, LATE);
    net.late_source("trickles", longer, one, late).await;
    net.honest("honest", &server).await;
    let (staged, begun) = (staged(), Instant::now());
    net.download(&staged).await.unwrap();
    let took = begun.elapsed();
    assert!(staged.best().number >= 120);
    assert_eq!(
        staged.canonical_hash(120).unwrap(),
        Some(id(world.at(120)).hash)
    );
    assert!(took < Duration::from_mins(3), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn headers_and_entries_of_the_state_are_shown_as_they_come() {
    for part in [Protocol::Headers, Protocol::State] {
        let (_, server) = world(120);
        let answers = AtomicU32::new(0);
        let ends: Arc<Bend> = Arc::new(move |protocol, _, honest| {
            let ends = protocol == part && answers.fetch_add(1, Ordering::Relaxed) >= 3;
            (!ends).then_some(honest)
        });
        let mut net = Net::new();
        net.source("ends", server, ends).await;
        let staged = staged();
        let error = net.download(&staged).await.unwrap_err();
        assert!(
            matches!(error, ResyncError::SourcesFailed { .. }),
            "{error}"
        );
        let (shown, standing) = (net.watch.progress(), staged.standing());
        assert_eq!(shown.sources, 1);
        assert_eq!(shown.eta, None);
        let told = (shown.counted, shown.done, shown.total);
        if part == Protocol::Headers {
            // The newest ones were dropped when nothing came any more.
            let kept = u64::from(standing.header.number);
            assert!((kept..120).contains(&shown.done) && kept > 0, "{shown:?}");
            assert_eq!(told, (Counted::Headers, shown.done, Some(120)));
        } else {
            let entries = standing.state.entries();
            assert!(entries > 0);
            assert_eq!(told, (Counted::Entries, entries, None));
        }
    }
}
