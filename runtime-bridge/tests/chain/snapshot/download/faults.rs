//! Faults of our own store, under each strategy.

use super::*;
use crate::support::{Fault, Faulty, dump};
use sync_component::error::Blame;

fn strategies() -> [Box<dyn ResyncStrategy<Block>>; 3] {
    [
        Box::new(Snapshot::default()),
        Box::new(MultiSource::default()),
        Box::new(FullChain),
    ]
}

/// A network with two honest sources, and their ids.
async fn honest_two(server: &Arc<Bridge>) -> (Net, [PeerId; 2]) {
    let mut net = Net::new();
    let peers = [net.honest("A", server).await, net.honest("B", server).await];
    (net, peers)
}

/// Whichever write fails, the run goes on from there, and no peer pays.
async fn every_write_may_fail(strategy: &dyn ResyncStrategy<Block>) {
    let (_, server) = world(60);
    let mut failed = 0;
    loop {
        let db = Arc::new(Faulty::new());
        let bridge = Arc::new(over(db.clone()));
        db.set(Fault::OneWrite { after: failed });
        let (net, peers) = honest_two(&server).await;
        let end = net.download_by(strategy, &bridge).await;
        let Err(error) = end else {
            assert_eq!(bridge.tip().unwrap(), server.tip().unwrap());
            break;
        };
        assert_eq!(error.blame(), Blame::Local, "{failed}: {error}");
        assert!(error.is_resumable(), "{failed}: {error}");
        for peer in &peers {
            assert!(!net.client.table().is_banned(peer), "{failed}");
        }
        drop((net, bridge));
        tokio::task::yield_now().await;
        // Another process, on what is on the disk.
        let bridge = Arc::new(over(db.clone()));
        let (net, _) = honest_two(&server).await;
        net.download_by(strategy, &bridge).await.unwrap();
        assert_eq!(bridge.tip().unwrap(), server.tip().unwrap(), "{failed}");
        drop((net, bridge));
        tokio::task::yield_now().await;
        assert_eq!(over(db).tip().unwrap(), server.tip().unwrap(), "{failed}");
        failed += 1;
    }
    assert!(failed >= 2, "{strategy:?} writes {failed} times");
}

#[tokio::test(start_paused = true)]
async fn whichever_write_of_a_snapshot_fails_it_goes_on_from_there() {
    every_write_may_fail(&Snapshot::default()).await;
}

#[tokio::test(start_paused = true)]
async fn whichever_write_of_multi_source_fails_it_goes_on_from_there() {
    every_write_may_fail(&MultiSource::default()).await;
}

#[tokio::test(start_paused = true)]
async fn whichever_write_of_a_full_chain_fails_it_goes_on_from_there() {
    every_write_may_fail(&FullChain).await;
}

/// It reads nothing of a state that is being fetched until that is whole.
#[tokio::test(start_paused = true)]
async fn state_that_cannot_be_read_back_is_our_fault_and_read_again_later() {
    let (_, server) = world(120);
    let db = Arc::new(Faulty::new());
    let bridge = Arc::new(over(db.clone()));
    let broken = db.clone();
    let breaks: Arc<Bend> = Arc::new(move |protocol, _, honest| {
        if protocol == Protocol::Blocks {
            broken.set(Fault::UnreadableNodes);
        }
        Some(honest)
    });
    let mut net = Net::new();
    let peer = net.source("A", server.clone(), breaks).await;
    let error = net.download(&bridge).await.unwrap_err();
    assert_eq!(error.blame(), Blame::Local, "{error}");
    assert!(error.is_resumable());
    assert!(!net.client.table().is_banned(&peer));
    let asked = net.asked(&peer, Protocol::State);
    db.set(Fault::None);
    let mut net = Net::new();
    let peer = net.honest("A", &server).await;
    net.download(&bridge).await.unwrap();
    assert_eq!(bridge.tip().unwrap(), server.tip().unwrap());
    assert!(asked > 1);
    assert_eq!(net.asked(&peer, Protocol::State), 0, "the state was there");
}

/// The store loses a node whenever the block of the state is asked for, so many times.
fn loses_nodes(db: &Arc<Faulty>, times: u32) -> Arc<Bend> {
    let (db, asked) = (db.clone(), AtomicU32::new(0));
    Arc::new(move |protocol, _, honest| {
        if protocol == Protocol::Blocks && asked.fetch_add(1, Ordering::Relaxed) < times {
            db.lose_a_node();
        }
        Some(honest)
    })
}

#[tokio::test(start_paused = true)]
async fn state_that_the_store_damaged_is_fetched_once_more_and_no_third_time() {
    let (_, server) = world(120);
    for times in [1, 2] {
        let db = Arc::new(Faulty::new());
        let bridge = Arc::new(over(db.clone()));
        let mut net = Net::new();
        let bend = loses_nodes(&db, times);
        let peer = net.source("A", server.clone(), bend).await;
        let end = net.download(&bridge).await;
        assert!(!net.client.table().is_banned(&peer));
        if times == 1 {
            end.unwrap();
            assert_eq!(bridge.tip().unwrap(), server.tip().unwrap());
        } else {
            let error = end.unwrap_err();
            assert_eq!(error.blame(), Blame::Local, "{error}");
            assert!(error.to_string().contains("state"), "{error}");
            assert_eq!(bridge.best().number, 0);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn full_disk_ends_the_run_before_anything_is_written() {
    let (_, server) = world(120);
    for strategy in strategies() {
        let db = Arc::new(Faulty::new());
        let bridge = Arc::new(over(db.clone()));
        let before = dump(db.as_ref());
        let (mut net, peers) = honest_two(&server).await;
        net.room = Room::None;
        let error = net
            .download_by(strategy.as_ref(), &bridge)
            .await
            .unwrap_err();
        assert_eq!(error.blame(), Blame::Local, "{error}");
        assert!(error.is_resumable());
        assert_eq!(dump(db.as_ref()), before, "{strategy:?}");
        for peer in &peers {
            assert!(!net.client.table().is_banned(peer));
        }
        net.room = Room::Enough;
        net.download_by(strategy.as_ref(), &bridge).await.unwrap();
        assert_eq!(bridge.tip().unwrap(), server.tip().unwrap());
    }
}
