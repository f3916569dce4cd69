//! The node that judges.

use super::{
    chains::{Block, Store, World},
    voters::{Room, Voice, peer},
};
use futures::executor::block_on;
use std::sync::Arc;
use sync_component::{
    StrategyRegistry, SyncContext, SyncSettings,
    headers::VerifiedTip,
    height_sync::{Electorate, HeightSyncManager, Judgement, rows::VoteRule},
    observer::Unobserved,
    peers::{Ledger, PeerClient},
    ports::{Clock as _, PeerId},
    test_kit::{InlineExecutor, SeededRandomness},
    wire::Activity,
};
use tokio::sync::mpsc;

/// The authority whose node judges.
pub(super) const OURS: usize = 0;

/// The view of one node.
pub(super) struct Node {
    manager: HeightSyncManager<Block>,
    /// Peers that the manager wants to be asked.
    asks: mpsc::UnboundedReceiver<PeerId>,
}

impl Node {
    /// A node with `chain` that has just heard all `voices`, in this order, and looked into what they claim.
    pub(super) fn that_heard(
        strategy: &str,
        world: &World,
        chain: &Store,
        voices: &[(usize, Voice)],
    ) -> Self {
        let mut settings = SyncSettings::default();
        settings.strategies.tier1 = Some(strategy.to_owned());
        let registry = StrategyRegistry::<Block>::with_builtins();
        let strategy = registry.height(&settings).expect("a strategy of ours");
        let electorate = strategy.electorate();
        let (banned, _) = mpsc::unbounded_channel();
        let peers = PeerClient::new(
            Arc::new(Room::new(&settings, electorate, voices)),
            world.clock.clone(),
            Arc::new(Unobserved),
            &settings,
            Ledger::new(&settings.limits),
            banned,
        );
        let now = world.clock.now();
        for (authority, _) in voices {
            peers.table().connected(peer(*authority), now);
        }
        let context = SyncContext {
            peers,
            bridge: chain.clone(),
            clock: world.clock.clone(),
            randomness: Arc::new(SeededRandomness::new(0)),
            executor: Arc::new(InlineExecutor),
            observer: Arc::new(Unobserved),
            settings: Arc::new(settings),
        };
        let (sender, asks) = mpsc::unbounded_channel();
        let manager = HeightSyncManager::new(context, strategy, VoteRule::Votes, sender);
        let mut node = Self { manager, asks };
        if electorate == Electorate::Authorities {
            node.attest(world);
        }
        for (authority, _) in voices {
            node.manager.ask_one(peer(*authority));
        }
        node.look_around();
        node
    }

    fn attest(&self, world: &World) {
        self.manager.attest_with(world.signer(OURS));
        let due = self.manager.due_attestations(Activity::Serving);
        for due in due.expect("a store in memory does not fail") {
            let signed = due.sign().expect("a simulated record takes every counter");
            self.manager.attested(signed);
        }
    }

    /// Asks whom the manager wants asked, and probes what it wants probed, until it wants no more.
    fn look_around(&mut self) {
        let fine = "a store in memory does not fail";
        loop {
            while let Ok(peer) = self.asks.try_recv() {
                block_on(self.manager.ask_peer(peer));
            }
            let due = self.manager.take_due_probes().expect(fine);
            if due.is_empty() {
                return;
            }
            for (peer, tip) in due {
                block_on(self.manager.run_probe(peer, tip)).expect(fine);
            }
        }
    }

    /// What it all amounts to.
    pub(super) fn judge(&self) -> Judgement<Block> {
        let judgement = self.manager.judge(self.manager.fresh());
        judgement.expect("a store in memory does not fail")
    }

    /// Nobody delivers the blocks of `tip`.
    pub(super) fn finds_withheld(&self, tip: &VerifiedTip<Block>) {
        let noted = self.manager.withheld(tip);
        noted.expect("a store in memory does not fail");
    }
}
