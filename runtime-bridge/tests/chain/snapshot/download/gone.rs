//! Sources that vanish, and states that nobody has.

use super::*;

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
