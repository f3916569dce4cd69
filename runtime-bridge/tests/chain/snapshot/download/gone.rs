//! Sources that vanish, and states that nobody has.

use super::*;
use sync_component::wire::RangeRequest;

#[tokio::test(start_paused = true)]
async fn source_that_vanishes_in_the_middle_is_followed_by_the_next_from_where_it_was() {
    let (_, server) = world(120);
    let total = pieces(&server).await;
    assert!(total > 4, "{total}");
    let answers = Arc::new(AtomicU32::new(0));
    let vanishes: Arc<Bend> = Arc::new(move |protocol, _, honest| {
        let is_state = protocol == Protocol::State;
        let gone = is_state && answers.fetch_add(1, Ordering::Relaxed) >= 3;
        (!gone).then_some(honest)
    });
    let mut net = Net::new();
    let first = net.source("first", server.clone(), vanishes).await;
    let second = net.honest("second", &server).await;
    let staged = staged();
    net.download(&staged).await.unwrap();
    assert_eq!(staged.tip().unwrap(), server.tip().unwrap());
    assert!(net.asked(&first, Protocol::State) > 3);
    assert_eq!(net.asked(&second, Protocol::State), total - 3);
}

/// How many pieces the state comes in.
async fn pieces(server: &Arc<Bridge>) -> u32 {
    let mut net = Net::new();
    let peer = net.honest("alone", server).await;
    net.download(&staged()).await.unwrap();
    net.asked(&peer, Protocol::State)
}

#[tokio::test(start_paused = true)]
async fn newer_state_is_taken_when_no_source_has_the_old_one_any_more() {
    let (world, _) = world(160);
    let server = Arc::new(over(Arc::new(memory())));
    let report = server.import(world.blocks[..100].to_vec());
    assert!(report.failure.is_none(), "{report:?}");
    // After two pieces of the old state the chain has gone on, and the state is not kept any more.
    let (answers, rest) = (AtomicU32::new(0), world.blocks[100..].to_vec());
    let chain = server.clone();
    let old = id(world.at(95)).hash;
    let forgets: Arc<Bend> = Arc::new(move |protocol, body, honest| {
        if protocol != Protocol::State {
            return Some(honest);
        }
        let request = StateRequest::<Block>::decode(&mut &*body).unwrap();
        if answers.fetch_add(1, Ordering::Relaxed) == 2 {
            let report = chain.import(rest.clone());
            assert!(report.failure.is_none(), "{report:?}");
        }
        if request.block == old && chain.best().number > 100 {
            let not_found = StateReply::<Block>::NotFound {
                lowest: 0,
                best: chain.best().number,
            };
            return Some(not_found.encode());
        }
        Some(honest)
    });
    let mut net = Net::new();
    net.source("forgets", server.clone(), forgets).await;
    let staged = staged();
    net.download(&staged).await.unwrap();
    assert_eq!(staged.lowest_served(), 155);
    assert_eq!(staged.tip().unwrap(), server.tip().unwrap());
}

#[tokio::test(start_paused = true)]
async fn where_nobody_ever_gives_the_state_the_run_is_interrupted() {
    let (_, server) = world(60);
    let never: Arc<Bend> = Arc::new(move |protocol, _, honest| {
        Some(match protocol {
            Protocol::State => StateReply::<Block>::NotFound { lowest: 0, best: 1 }.encode(),
            _ => honest,
        })
    });
    let mut net = Net::new();
    let peer = net.source("never", server.clone(), never).await;
    let error = net.download(&staged()).await.unwrap_err();
    let ResyncError::SourcesFailed { faults, .. } = &error else {
        panic!("{error}");
    };
    assert!(
        matches!(faults[0].1, SourceFault::NoState { .. }),
        "{error}"
    );
    assert!(!net.client.table().is_banned(&peer));
    assert!(net.asked(&peer, Protocol::State) <= 2);
}

/// What an earlier session has finished at an old block, and whose sources are pruned by now.
#[tokio::test(start_paused = true)]
async fn finished_snapshot_gives_way_to_a_newer_one_when_all_sources_begin_above_it() {
    let (world, server) = world(160);
    let old = Arc::new(over(Arc::new(memory())));
    let report = old.import(world.blocks[..60].to_vec());
    assert!(report.failure.is_none(), "{report:?}");
    let folder = tempfile::tempdir().unwrap();
    let db = rocksdb(&folder);
    let staged = Arc::new(over(db.clone()));
    let mut net = Net::new();
    net.honest("old", &old).await;
    net.download(&staged).await.unwrap();
    assert_eq!(staged.lowest_served(), 55);
    assert_eq!(staged.best(), id(world.at(60)));

    let mut net = Net::new();
    // The lowest header that anybody is asked for.
    let asked_from = Arc::new(AtomicU32::new(u32::MAX));
    let lowest = asked_from.clone();
    let notes: Arc<Bend> = Arc::new(move |protocol, body, honest| {
        if protocol == Protocol::Headers {
            let request = RangeRequest::<Block>::decode(&mut &*body).unwrap();
            lowest.fetch_min(request.start, Ordering::Relaxed);
        }
        Some(honest)
    });
    let first = young(&world, 100, 160);
    net.source("first", first, notes.clone()).await;
    net.source("second", young(&world, 110, 160), notes).await;
    let reached = net.download(&staged).await.unwrap();
    assert_eq!(reached, id(world.at(160)));
    assert_eq!(staged.lowest_served(), 155);
    let asked_from = asked_from.load(Ordering::Relaxed);
    assert!(
        asked_from > 50,
        "the final headers were there: {asked_from}"
    );
    drop((staged, net));
    tokio::task::yield_now().await;
    let staged = over(db);
    assert_eq!(staged.tip().unwrap(), server.tip().unwrap());
    assert_eq!(staged.finalized(), server.finalized());
    for block in &world.blocks {
        let (hash, number) = (block.header.hash(), block.header.number);
        assert_eq!(staged.canonical_hash(number).unwrap(), Some(hash));
        let stored = staged.block(hash).unwrap();
        assert_eq!(stored.is_some(), number >= 155, "{number}");
    }
}

/// Whoever is away for a moment may have what follows.
#[tokio::test(start_paused = true)]
async fn finished_snapshot_stays_where_a_source_that_has_what_follows_only_fails() {
    let (world, server) = world(160);
    let staged = Arc::new(world.finished(Arc::new(memory()), 55));
    let mut net = Net::new();
    net.honest("young", &young(&world, 100, 160)).await;
    let mute: Arc<Bend> =
        Arc::new(|protocol, _, honest| (protocol != Protocol::Blocks).then_some(honest));
    net.source("mute", server, mute).await;
    let error = net.download(&staged).await.unwrap_err();
    assert!(error.is_resumable(), "{error}");
    assert_eq!(staged.lowest_served(), 55);
    assert_eq!(staged.best(), id(world.at(55)));
}
