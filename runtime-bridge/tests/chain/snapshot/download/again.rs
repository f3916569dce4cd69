//! Sources that fail for a moment beside slow ones, and sources whose chain ends below that of others.

use super::*;
use crate::support::Header;
use std::sync::atomic::AtomicBool;
use sync_component::wire::RangeRequest;
use tokio::time::Instant;

const LATE: Duration = Duration::from_secs(9);

fn strategies() -> [Box<dyn ResyncStrategy<Block>>; 3] {
    [
        Box::new(FullChain),
        Box::new(MultiSource::default()),
        Box::new(Snapshot::default()),
    ]
}

/// A node of this world's chain that ends at `top`.
fn up_to(world: &World, top: usize) -> Arc<Bridge> {
    let chain = Arc::new(over(Arc::new(memory())));
    let report = chain.import(world.blocks[..top].to_vec());
    assert!(report.failure.is_none(), "{report:?}");
    chain
}

/// Loses its first answer of this protocol.
fn loses_one(of: Protocol) -> Arc<Bend> {
    let lost = AtomicBool::new(false);
    Arc::new(move |protocol, _, honest| {
        let is_lost = protocol == of && !lost.swap(true, Ordering::Relaxed);
        (!is_lost).then_some(honest)
    })
}

/// Is busy when it is first asked for a state.
fn busy_once() -> Arc<Bend> {
    let was = AtomicBool::new(false);
    let busy = StateReply::<Block>::Busy { retry_after_ms: 50 }.encode();
    Arc::new(move |protocol, _, honest| {
        let is_busy = protocol == Protocol::State && !was.swap(true, Ordering::Relaxed);
        Some(if is_busy { busy.clone() } else { honest })
    })
}

/// The state has 60 entries, so that one at a time they take nine minutes.
#[tokio::test(start_paused = true)]
async fn fast_source_that_fails_once_is_asked_again_beside_one_that_trickles() {
    for (fails, most) in [(busy_once(), 3), (loses_one(Protocol::State), 25)] {
        let (_, server) = world(120);
        let mut net = Net::new();
        let late = Late(Protocol::State, LATE);
        let one = one_entry(server.clone());
        let trickles = net.late_source("trickles", server.clone(), one, late).await;
        net.source("fast", server.clone(), fails).await;
        let (staged, begun) = (staged(), Instant::now());
        net.download(&staged).await.unwrap();
        assert_eq!(staged.tip().unwrap(), server.tip().unwrap());
        let asked = net.asked(&trickles, Protocol::State);
        assert!(asked <= most, "{asked} of {most} in {:?}", begun.elapsed());
    }
}

/// It stands first in the order, and in each answer is one block.
#[tokio::test(start_paused = true)]
async fn source_that_gives_one_block_at_a_time_and_late_does_not_hold_up_the_run() {
    let (_, server) = world(120);
    let one = one_of::<Block>(Protocol::Blocks);
    let mut net = Net::new();
    let late = Late(Protocol::Blocks, LATE);
    net.late_source("trickles", server.clone(), one, late).await;
    net.honest("honest", &server).await;
    let (staged, begun) = (staged(), Instant::now());
    net.download_by(&FullChain, &staged).await.unwrap();
    assert_eq!(staged.tip().unwrap(), server.tip().unwrap());
    let took = begun.elapsed();
    assert!(took < Duration::from_mins(1), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn source_whose_chain_is_short_ends_no_download_while_another_one_has_more() {
    for strategy in strategies() {
        for lost in [Protocol::Headers, Protocol::Blocks] {
            let (world, server) = world(160);
            let mut net = Net::new();
            net.honest("short", &up_to(&world, 60)).await;
            net.source("long", server.clone(), loses_one(lost)).await;
            let staged = staged();
            let end = net.download_by(strategy.as_ref(), &staged).await;
            end.unwrap();
            assert_eq!(
                staged.tip().unwrap(),
                server.tip().unwrap(),
                "{strategy:?} {lost:?}"
            );
            // A state of the long chain, and not of the short one.
            let begins = if strategy.trusts().is_some() { 155 } else { 0 };
            assert_eq!(staged.lowest_served(), begins, "{strategy:?} {lost:?}");
        }
    }
}

/// What one claims that has nothing is not waited for without end: the voters decide whether more is missing.
#[tokio::test(start_paused = true)]
async fn claim_that_nothing_follows_keeps_no_download_from_its_end() {
    for strategy in strategies() {
        let (world, server) = world(120);
        let longer = up_to(&World::new(160), 160);
        let mut net = Net::new();
        let shows_nothing: Arc<Bend> =
            Arc::new(|protocol, _, honest| (protocol == Protocol::Status).then_some(honest));
        net.source("claims", longer, shows_nothing).await;
        net.honest("honest", &server).await;
        let (staged, begun) = (staged(), Instant::now());
        let end = net.download_by(strategy.as_ref(), &staged).await;
        assert_eq!(end.unwrap(), id(world.at(120)), "{strategy:?}");
        let took = begun.elapsed();
        assert!(took < Duration::from_mins(6), "{strategy:?} {took:?}");
    }
}

/// It claims far more, and shows the newest block of the network each time, a little later than it comes.
#[tokio::test(start_paused = true)]
async fn claim_with_a_block_now_and_then_keeps_no_download_from_its_end() {
    for strategy in strategies() {
        let world = World::new(300);
        let longer = up_to(&world, 300);
        let (chain, rest) = (up_to(&world, 100), world.blocks[100..].to_vec());
        let (growing, has) = (chain.clone(), chain.clone());
        let grows = tokio::spawn(async move {
            for block in rest {
                tokio::time::sleep(Duration::from_secs(3)).await;
                assert!(growing.import(vec![block]).failure.is_none());
            }
        });
        let shows_what_is_there: Arc<Bend> = Arc::new(move |protocol, body, honest| {
            let is_there = RangeRequest::<Block>::decode(&mut &*body)
                .is_ok_and(|request| request.start <= has.best().number);
            (protocol == Protocol::Status || is_there).then_some(honest)
        });
        let mut net = Net::new();
        net.source("claims", longer, shows_what_is_there).await;
        net.honest("honest", &chain).await;
        let staged = staged();
        let begun = Instant::now();
        let end = net.download_by(strategy.as_ref(), &staged).await;
        assert!(end.unwrap().number >= 95, "{strategy:?}");
        let took = begun.elapsed();
        assert!(took < Duration::from_mins(6), "{strategy:?} {took:?}");
        grows.abort();
    }
}

/// Both are silent at first. The first one is given up then, and works by the time the other one vanishes.
#[tokio::test(start_paused = true)]
async fn source_that_was_given_up_is_asked_again_where_the_others_are_lost_later() {
    let (_, server) = world(120);
    let is_lost = Arc::new(AtomicBool::new(false));
    let recovers = is_lost.clone();
    let mut net = Net::new();
    let fails: Arc<Bend> = Arc::new(move |protocol, _, honest| {
        let works = protocol == Protocol::Status || recovers.load(Ordering::Relaxed);
        works.then_some(honest)
    });
    net.source("fails", server.clone(), fails).await;
    let begun = Instant::now();
    let vanishes: Arc<Bend> = Arc::new(move |protocol, body, honest| {
        let request = RangeRequest::<Block>::decode(&mut &*body);
        if protocol == Protocol::Blocks && request.is_ok_and(|request| request.start > 100) {
            is_lost.store(true, Ordering::Relaxed);
        }
        let is_silent = protocol != Protocol::Status && begun.elapsed() < Duration::from_secs(100);
        (!is_silent && !is_lost.load(Ordering::Relaxed)).then_some(honest)
    });
    net.source("vanishes", server.clone(), vanishes).await;
    let staged = staged();
    net.download_by(&FullChain, &staged).await.unwrap();
    assert_eq!(staged.tip().unwrap(), server.tip().unwrap());
}

/// The only one that could have what follows has stopped below it.
#[tokio::test(start_paused = true)]
async fn finished_snapshot_gives_way_to_a_newer_one_beside_a_source_that_lags() {
    let (world, server) = world(160);
    let (staged, young) = (young(&world, 55, 60), young(&world, 100, 160));
    let mut net = Net::new();
    net.honest("lags", &up_to(&world, 30)).await;
    net.honest("young", &young).await;
    net.download(&staged).await.unwrap();
    assert_eq!(staged.tip().unwrap(), server.tip().unwrap());
    assert_eq!(staged.lowest_served(), 155);
}

/// A claim that no header follows gives no finished snapshot up.
#[tokio::test(start_paused = true)]
async fn finished_snapshot_stays_where_more_is_only_claimed() {
    let world = World::new(160);
    let (staged, young) = (young(&world, 55, 60), young(&world, 100, 160));
    let one = one_of::<Header>(Protocol::Headers);
    let shows_one: Arc<Bend> = Arc::new(move |protocol, body, honest| {
        let is_above = |request: RangeRequest<Block>| request.start > 61;
        let is_hidden = protocol == Protocol::Headers
            && RangeRequest::<Block>::decode(&mut &*body).is_ok_and(is_above);
        if is_hidden {
            return None;
        }
        one(protocol, body, honest)
    });
    let mut net = Net::new();
    net.honest("full", &up_to(&world, 60)).await;
    net.source("claims", young, shows_one).await;
    net.download(&staged).await.unwrap();
    assert_eq!(staged.lowest_served(), 55);
}

/// Nobody answers when it is asked how long the chain is.
#[tokio::test(start_paused = true)]
async fn chain_is_not_taken_for_short_where_nobody_said_so() {
    let (_, server) = world(120);
    let mut net = Net::new();
    let silent = Arc::new(AtomicBool::new(false));
    let is_silent = silent.clone();
    let mute: Arc<Bend> =
        Arc::new(move |_, _, honest| (!is_silent.load(Ordering::Relaxed)).then_some(honest));
    let peer = net.source("A", server.clone(), mute).await;
    // Connected anew, so that it has said nothing yet.
    let now = sync_component::ports::MonoTime(Duration::ZERO);
    net.client.table().disconnected(&peer, now);
    net.client.table().connected(peer.clone(), now);
    silent.store(true, Ordering::Relaxed);
    let comes_back = async {
        tokio::time::sleep(Duration::from_secs(100)).await;
        silent.store(false, Ordering::Relaxed);
    };
    let staged = staged();
    let (end, ()) = tokio::join!(net.download(&staged), comes_back);
    end.unwrap();
    assert_eq!(staged.tip().unwrap(), server.tip().unwrap());
    assert_eq!(staged.lowest_served(), 115);
}

/// One that claims most shows its headers one at a time, and late; the one beside it loses an answer.
#[tokio::test(start_paused = true)]
async fn source_that_shows_a_header_at_a_time_does_not_come_before_one_that_failed_once() {
    let strategies: [Box<dyn ResyncStrategy<Block>>; 2] = [
        Box::new(MultiSource::default()),
        Box::new(Snapshot::default()),
    ];
    for strategy in strategies {
        let (world, longer) = world(160);
        let server = up_to(&world, 150);
        let one = one_of::<Header>(Protocol::Headers);
        let mut net = Net::new();
        let late = Late(Protocol::Headers, Duration::from_millis(900));
        net.late_source("trickles", longer, one, late).await;
        net.source("fast", server, loses_one(Protocol::Headers))
            .await;
        let (staged, begun) = (staged(), Instant::now());
        net.download_by(strategy.as_ref(), &staged).await.unwrap();
        assert!(staged.best().number >= 150);
        let took = begun.elapsed();
        assert!(took < Duration::from_mins(4), "{strategy:?} {took:?}");
    }
}
