use super::{Page, page};
use crate::telemetry::metrics::{
    Metrics,
    moment::{Beside, Moment},
};
use codec::Encode;
use sp_consensus_aura::Slot;
use sp_core::sr25519;
use sp_runtime::traits::{Block as _, Header as _};
use std::{sync::Arc, time::Duration};
use sync_component::{
    BlockId, SyncSettings,
    attestation::attest,
    net::Bandwidth,
    orchestrator::ProductionMode,
    ports::{AttestationCounter, Network, Protocol, Signer, SignerError, StatementOf, UnixMillis},
    test_kit::{Forge, Link, MemoryNetwork, SmallBlock, TestNode, TestNodePlan},
    wire::{AnnouncedPlace, Announcement, Attestation, Roles},
};

const FIRST_SLOT: u64 = 1_000;

/// A network of three authorities with one chain.
pub(super) struct World {
    pub(super) network: MemoryNetwork,
    forge: Forge,
    pub(super) chain: Vec<SmallBlock>,
    wall: UnixMillis,
    pub(super) settings: SyncSettings,
}

/// Signs for the first authority, and keeps no record of it.
#[derive(Debug)]
struct Forgetful<'a>(&'a Forge);

impl Signer for Forgetful<'_> {
    fn keys(&self) -> Vec<sr25519::Public> {
        vec![self.0.public(0)]
    }

    fn attest(
        &self,
        _key: &sr25519::Public,
        slot: Slot,
        statement: StatementOf<'_>,
    ) -> Result<(AttestationCounter, sr25519::Signature), SignerError> {
        let counter = AttestationCounter::lowest_of(slot);
        Ok((counter, self.0.sign(0, &statement(counter))))
    }

    fn last_counter(&self, _key: &sr25519::Public) -> Option<AttestationCounter> {
        None
    }

    fn last_slot(&self, _key: &sr25519::Public) -> Option<Slot> {
        None
    }
}

/// A node whose metrics are kept.
pub(super) struct Measured {
    pub(super) node: TestNode<SmallBlock>,
    metrics: Arc<Metrics>,
}

impl World {
    pub(super) fn with_chain(length: u64) -> Self {
        let forge = Forge::new(3);
        let genesis: SmallBlock = Forge::genesis();
        let chain = forge.chain(genesis.header(), Slot::from(FIRST_SLOT), length, 0);
        Self {
            network: MemoryNetwork::default(),
            forge,
            chain,
            // Late enough for a dead fork of 20 blocks.
            wall: UnixMillis((FIRST_SLOT + length + 60) * 6_000),
            settings: SyncSettings::default(),
        }
    }

    /// The first `fork` blocks of the chain and `length` others on top, all of one authority: a dead fork.
    pub(super) fn branch(&self, fork: usize, length: u64) -> Vec<SmallBlock> {
        let mut blocks = self.chain[..fork].to_vec();
        for n in 0..length {
            let slot = Slot::from(FIRST_SLOT + fork as u64 + 3 * n);
            let parent = blocks.last().unwrap().header().clone();
            blocks.push(self.forge.block(&parent, slot, &[9]));
        }
        blocks
    }

    /// Another block for the slot and on the parent of the chain's last one.
    pub(super) fn twin_of_the_last(&self) -> SmallBlock {
        let [.., parent, _] = self.chain.as_slice() else {
            panic!("a chain of two blocks at least");
        };
        let slot = Slot::from(FIRST_SLOT + self.chain.len() as u64 - 1);
        self.forge.block(parent.header(), slot, b"twin")
    }

    /// What the first authority attests now, with the lowest counter of this slot whatever it attested before: a key that is in
    /// two places.
    pub(super) fn attested(&self, tip: &SmallBlock) -> Attestation<SmallBlock> {
        let genesis: SmallBlock = Forge::genesis();
        let slot = Slot::from(self.wall.0 / 6_000);
        let key = self.forge.public(0);
        let below = [*tip.header().parent_hash()];
        let tip = BlockId::of(tip.header());
        attest(
            &Forgetful(&self.forge),
            key,
            genesis.hash(),
            slot,
            tip,
            &below,
        )
        .unwrap()
    }

    /// `from` pushes the header of `block` to `to`.
    pub(super) async fn announce(
        &self,
        from: &TestNode<SmallBlock>,
        to: &Measured,
        block: &SmallBlock,
        attestation: Option<Attestation<SmallBlock>>,
    ) {
        let announcement = Announcement::<SmallBlock> {
            header: block.header().clone(),
            place: AnnouncedPlace::Fork,
            attestation,
        };
        let port = self.network.port(from.id.clone());
        let body = announcement.encode();
        port.request(&to.node.id, Protocol::Announce, body)
            .await
            .unwrap();
    }

    pub(super) fn measured(&self, name: &str, blocks: &[SmallBlock]) -> Measured {
        let metrics = Arc::new(Metrics::new("testnet", name));
        let plan = TestNodePlan {
            name,
            forge: &self.forge,
            wall: self.wall,
            settings: self.settings.clone(),
            blocks,
            production: ProductionMode::Voted,
            observer: metrics.clone(),
        };
        let node = TestNode::start_as(&self.network, plan);
        Measured { node, metrics }
    }

    pub(super) fn peers(&self, count: usize, height: usize) -> Vec<TestNode<SmallBlock>> {
        let peer = |n: usize| {
            TestNode::start(
                &self.network,
                &format!("peer {n}"),
                &self.forge,
                self.wall,
                self.settings.clone(),
                &self.chain[..height],
                ProductionMode::Voted,
            )
        };
        (0..count).map(peer).collect()
    }

    pub(super) fn link(&self, a: &Measured, others: &[TestNode<SmallBlock>]) {
        for b in others {
            self.network.connect(&a.node.id, &b.id, Link::lan());
        }
    }
}

impl Measured {
    /// What Prometheus would read now.
    pub(super) fn page(&self) -> Page {
        let beside = Beside {
            roles: Roles::Full,
            ready: 7,
            traffic: Bandwidth {
                received: 1_000,
                sent: 2_000,
            },
        };
        let mut families = self.metrics.families();
        families.extend(Moment::of(&self.node.manager).families(beside, "testnet"));
        page(&families)
    }

    /// Waits in virtual time until the page is as `wanted` says.
    pub(super) async fn until(&self, what: &str, wanted: impl Fn(&Page) -> bool) -> Page {
        let deadline = tokio::time::Instant::now() + Duration::from_mins(5);
        loop {
            let page = self.page();
            if wanted(&page) {
                return page;
            }
            assert!(
                tokio::time::Instant::now() < deadline,
                "{what} did not come: {page:?}"
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}
