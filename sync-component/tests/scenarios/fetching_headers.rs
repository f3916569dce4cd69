//! Headers that are fetched ahead of the blocks.

use super::*;
use codec::Decode;
use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicU64, Ordering},
};
use sync_component::{
    ports::{Protocol, ReadChain},
    test_kit::{Link, Message, ReferenceBridge, Tap, Way},
    wire::RangeRequest,
};

/// How far above the best block of one node headers were asked for.
struct Ahead {
    chain: Mutex<Option<Arc<ReferenceBridge<SmallBlock>>>>,
    farthest: AtomicU64,
}

impl Tap for Ahead {
    fn arrived(&self, message: &Message<'_>) {
        if (message.protocol, message.way) != (Protocol::Headers, Way::Request) {
            return;
        }
        let chain = self.chain.lock().unwrap_or_else(PoisonError::into_inner);
        let best = chain.as_ref().map_or(0, |chain| chain.best().height());
        let request = RangeRequest::<SmallBlock>::decode(&mut &*message.bytes).unwrap();
        let end = u64::from(request.start) + u64::from(request.count);
        self.farthest
            .fetch_max(end.saturating_sub(best + 1), Ordering::Relaxed);
    }
}

#[test]
fn headers_come_ahead_of_the_blocks_and_no_more_than_the_limit_allows() {
    run(Setup::chain(5_000), async |sim| {
        // Headers come long before the blocks below them are imported.
        sim.import_time = Duration::from_millis(2);
        let limits = &mut sim.settings.limits;
        limits.headers_per_request = 50;
        limits.headers_ahead = 2_400;
        sim.settings.tier2.max_gap = 101;
        let peers = sim.servers(4, "P", 5_000);
        let mut ours = sim.node("O", &[]);
        let ahead = Arc::new(Ahead {
            chain: Mutex::new(Some(ours.chain.clone())),
            farthest: AtomicU64::new(0),
        });
        sim.network.tap(ahead.clone());
        ours.start();
        // So long a way that they are asked for before those below them are verified.
        for peer in &peers {
            let link = Link::with_latency(Duration::from_millis(20));
            sim.network.connect(&ours.id, &peer.id, link);
        }
        sim.until(60 * MINUTE, "O at 5000", || ours.best().height() == 5_000)
            .await;
        // What was verified lies above a block that was stored when it was looked at last, at most one import ago.
        let farthest = ahead.farthest.load(Ordering::Relaxed);
        assert!((1_200..=2_400 + 512).contains(&farthest), "{farthest}");
    });
}

#[test]
fn f13_a_long_way_is_gone_few_times_until_headers_come_as_fast_as_they_can() {
    run(Setup::chain(10_000), async |sim| {
        sim.import_time = Duration::from_micros(1);
        let peers = sim.servers(4, "P", 10_000);
        let mut ours = sim.node("O", &[]);
        ours.start();
        let way = Duration::from_millis(100);
        for peer in &peers {
            let link = Link::with_latency(way / 2);
            sim.network.connect(&ours.id, &peer.id, link);
        }
        let begin = sim.elapsed();
        sim.until(MINUTE, "O at 10000", || ours.best().height() == 10_000)
            .await;
        let ways = sim.elapsed().saturating_sub(begin).as_secs_f64() / way.as_secs_f64();
        sim.oracle
            .note(format_args!("10000 blocks in the time of {ways:.1} ways"));
        // A status, the first headers, who else has them; then all headers there are, while requests for blocks grow.
        assert!(ways < 6.0, "{ways} ways");
    });
}
