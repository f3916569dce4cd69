//! Fetching over lines that are slow, or lose answers.

use super::*;
use codec::Decode;
use sp_runtime::traits::Block as _;
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};
use sync_component::{
    BlockId,
    ports::Protocol,
    test_kit::{Link, Message, Tap, Way},
    wire::BlocksReply,
};

/// Of one large block.
const LARGE: usize = 100_000;

/// The chain of the run with this many large blocks on top.
fn with_large_blocks(sim: &Sim, count: u64) -> Vec<SmallBlock> {
    let length = sim.length();
    let mut blocks = sim.chain(usize::try_from(length).unwrap()).to_vec();
    for n in 0..count {
        let parent = blocks.last().unwrap().header().clone();
        let slot = sim::FIRST_SLOT + length + 1 + n;
        blocks.push(sim.forge.block(&parent, slot.into(), &vec![7; LARGE]));
    }
    sim.oracle.knows(&blocks);
    blocks
}

/// How long `count` large blocks take to come from this many peers, each at the end of a line of so many bytes per second.
async fn time_of(sim: &mut Sim, count: u64, peers: u32, bytes_per_second: u32) -> Duration {
    let blocks = with_large_blocks(sim, count);
    let servers: Vec<_> = (0..peers)
        .map(|n| sim.peer(&format!("P{n}"), &blocks, Misbehaviour::Nothing))
        .collect();
    let length = usize::try_from(sim.length()).unwrap();
    let mut ours = sim.node("O", sim.chain(length));
    ours.start();
    for server in &servers {
        let link = Link {
            bytes_per_second: Some(bytes_per_second),
            ..Link::with_latency(Duration::from_millis(20 + sim.pick(30)))
        };
        sim.network.connect(&ours.id, &server.id, link);
    }
    let begin = sim.elapsed();
    let top = BlockId::<SmallBlock>::of(blocks.last().unwrap().header());
    sim.until(60 * MINUTE, "all arrived", || ours.best() == top)
        .await;
    sim.elapsed().saturating_sub(begin)
}

#[test]
fn large_blocks_come_over_a_slow_line() {
    run(Setup::chain(3).idle(80), async |sim| {
        // Sixteen of them take longer than any answer may.
        let took = time_of(sim, 60, 1, 125_000).await;
        // The line itself takes 48 seconds.
        assert!(took <= 2 * MINUTE, "{took:?}");
    });
}

#[test]
fn large_blocks_come_over_four_slow_lines() {
    run(Setup::chain(3).idle(80), async |sim| {
        let took = time_of(sim, 60, 4, 64_000).await;
        // The lines take half a minute for it, and two more for what was asked for before anything was known of them: nobody calls a
        // request back here.
        assert!(took <= 3 * MINUTE, "{took:?}");
    });
}

/// How many blocks came to anybody.
#[derive(Default)]
struct Came(AtomicU64);

impl Tap for Came {
    fn arrived(&self, message: &Message<'_>) {
        if (message.protocol, message.way) == (Protocol::Blocks, Way::Reply)
            && let Ok(BlocksReply::<SmallBlock>::Items(blocks)) =
                BlocksReply::decode(&mut &*message.bytes)
        {
            self.0.fetch_add(blocks.len() as u64, Ordering::Relaxed);
        }
    }
}

#[test]
fn lost_answers_of_the_only_peer_cost_no_others() {
    run(Setup::chain(2_000), async |sim| {
        let peer = sim.servers(1, "P", 2_000).remove(0);
        let came = Arc::new(Came::default());
        sim.network.tap(came.clone());
        let mut ours = sim.node("O", &[]);
        ours.start();
        let link = Link {
            // One answer here and there; whoever loses all attempts for a block ends its session, and keeps a window of what it has.
            loss: 0.01,
            ..Link::with_latency(Duration::from_millis(20))
        };
        sim.network.connect(&ours.id, &peer.id, link);
        sim.until(60 * MINUTE, "O at 2000", || ours.best().height() == 2_000)
            .await;
        // Nothing that came was given up because something else did not come.
        let came = came.0.load(Ordering::Relaxed);
        assert!(came <= 2_100, "{came} blocks came");
    });
}
