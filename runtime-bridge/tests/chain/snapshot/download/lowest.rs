//! Sources that begin with a snapshot themselves.

use super::*;
use sync_component::{
    block_sync::{FetchError, FetchJob, Pipelined, Sequential},
    headers::{Beyond, VerifiedTip},
    registry::FetchStrategy,
    wire::RangeRequest,
};

#[tokio::test(start_paused = true)]
async fn node_without_bodies_is_not_asked_for_what_it_says_not_to_have() {
    let (world, server) = world(120);
    // Its own chain begins above the block whose state is taken.
    let young = young(&world, 115, 120);
    let old = Arc::new(over(Arc::new(memory())));
    let report = old.import(world.blocks[..118].to_vec());
    assert!(report.failure.is_none(), "{report:?}");
    let staged = staged();
    let mut net = Net::new();
    net.honest("old", &old).await;
    staged
        .add_headers(&world.headers()[..110], super::super::NOW)
        .unwrap();
    let of = staged.choose_state(105).unwrap();
    assert_eq!(of, id(world.at(105)));
    let young_peer = net.honest("young", &young).await;
    net.download(&staged).await.unwrap();
    assert_eq!(staged.lowest_served(), 105);
    assert_eq!(net.asked(&young_peer, Protocol::State), 0);
    // Above, it delivers like any other.
    assert_eq!(staged.tip().unwrap(), server.tip().unwrap());
    assert!(net.asked(&young_peer, Protocol::Blocks) > 0);
}

#[tokio::test(start_paused = true)]
async fn whole_chain_is_not_asked_of_nodes_that_begin_with_a_snapshot() {
    let (world, server) = world(120);
    let strategies: [Box<dyn ResyncStrategy<Block>>; 2] =
        [Box::new(FullChain), Box::new(MultiSource::default())];
    for strategy in strategies {
        let mut net = Net::new();
        let mut peers = Vec::new();
        for name in ["A", "B"] {
            peers.push(net.honest(name, &young(&world, 80, 120)).await);
        }
        let error = net.download_by(strategy.as_ref(), &staged()).await;
        let error = error.unwrap_err();
        let text = error.to_string();
        assert!(text.contains("serves no blocks below 80"), "{text}");
        assert!(text.contains("block 1 is wanted"), "{text}");
        assert!(!text.contains("another"), "{text}");
        for peer in &peers {
            assert_eq!(net.asked(peer, Protocol::Blocks), 0, "{text}");
            assert!(!net.client.table().is_banned(peer));
        }
        // One that has everything is enough.
        net.honest("old", &server).await;
        let staged = staged();
        net.download_by(strategy.as_ref(), &staged).await.unwrap();
        assert_eq!(staged.tip().unwrap(), server.tip().unwrap());
    }
}

#[tokio::test(start_paused = true)]
async fn source_that_begins_too_high_goes_on_where_another_one_came_so_far_and_vanished() {
    let (world, server) = world(120);
    let young = young(&world, 80, 120);
    let vanishes: Arc<Bend> = Arc::new(|protocol, body, honest| {
        let is_above = |request: RangeRequest<Block>| request.start > 100;
        let is_gone = protocol == Protocol::Blocks
            && RangeRequest::<Block>::decode(&mut &*body).is_ok_and(is_above);
        (!is_gone).then_some(honest)
    });
    let mut net = Net::new();
    // It stands first in the order, so that it is asked first, and given up for now.
    let young = net.honest("young", &young).await;
    net.source("old", server.clone(), vanishes).await;
    let staged = staged();
    net.download_by(&FullChain, &staged).await.unwrap();
    assert_eq!(staged.tip().unwrap(), server.tip().unwrap());
    assert!(net.asked(&young, Protocol::Blocks) > 0);
}

#[tokio::test(start_paused = true)]
async fn source_that_began_too_high_goes_on_where_one_that_came_later_vanished() {
    let (world, server) = world(120);
    let young = young(&world, 80, 120);
    // It shows and brings what lies below, and nothing else.
    let vanishes: Arc<Bend> = Arc::new(|protocol, body, honest| {
        let is_above = |request: RangeRequest<Block>| request.start > 90;
        let is_gone = matches!(protocol, Protocol::Headers | Protocol::Blocks)
            && RangeRequest::<Block>::decode(&mut &*body).is_ok_and(is_above);
        (!is_gone).then_some(honest)
    });
    let mut net = Net::new();
    let young = net.honest("young", &young).await;
    let old = net.source("old", server.clone(), vanishes).await;
    // It is away when the other one is asked, which nobody can help then.
    let now = sync_component::ports::MonoTime(Duration::ZERO);
    net.client.table().disconnected(&old, now);
    let comes = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let now = sync_component::ports::MonoTime(Duration::from_secs(1));
        net.client.table().connected(old.clone(), now);
    };
    let staged = staged();
    let strategy = MultiSource::default();
    let (downloaded, ()) = tokio::join!(net.download_by(&strategy, &staged), comes);
    downloaded.unwrap();
    assert_eq!(staged.tip().unwrap(), server.tip().unwrap());
    assert!(net.asked(&young, Protocol::Headers) > 0);
}

#[tokio::test(start_paused = true)]
async fn catching_up_says_so_where_whoever_is_connected_begins_above() {
    let (world, server) = world(120);
    let young = young(&world, 80, 120);
    let strategies: [Box<dyn FetchStrategy<Block>>; 2] =
        [Box::new(Sequential), Box::new(Pipelined::default())];
    for strategy in strategies {
        let mut net = Net::new();
        let young = net.honest("young", &young).await;
        let chain = staged();
        let genesis = chain.best();
        let run = VerifiedTip::new(genesis, genesis, world.headers(), Beyond::Nothing).unwrap();
        let job = || FetchJob::new(&run, u64::MAX);
        let error = strategy.fetch(&net.context(&chain), job()).await;
        let error = error.unwrap_err();
        assert!(
            matches!(&error, FetchError::BeginAbove { id, lowest: 80 } if id.number == 1),
            "{error}"
        );
        assert_eq!(net.asked(&young, Protocol::Blocks), 0);
        net.honest("old", &server).await;
        let fetched = strategy.fetch(&net.context(&chain), job()).await;
        assert_eq!(fetched.unwrap(), server.best());
        assert_eq!(chain.tip().unwrap(), server.tip().unwrap());
    }
}

#[tokio::test(start_paused = true)]
async fn snapshot_can_be_fetched_from_a_node_that_has_one_itself() {
    let (world, server) = world(120);
    let young = young(&world, 80, 120);
    let mut net = Net::new();
    net.honest("young", &young).await;
    let staged = staged();
    net.download(&staged).await.unwrap();
    assert_eq!(staged.tip().unwrap(), server.tip().unwrap());
    assert_eq!(staged.lowest_served(), 115);
}
