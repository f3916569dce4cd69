//! Whole networks in virtual time, from one seed: the same seed gives the same run.
//!
//! ```
//! use sync_component::test_kit::{SmallBlock, sim::{Setup, Sim, run}};
//! use std::time::Duration;
//!
//! // O holds 10 of the chain's 24 blocks, three peers hold all of it.
//! run::<SmallBlock>(&Setup::chain(24), &async |sim: &mut Sim<SmallBlock>| {
//!     let peers = sim.full_nodes(3, "peer", 24);
//!     let mut ours = sim.node("O", sim.chain(10));
//!     ours.start();
//!     sim.connect(&ours.id, peers.iter().map(|peer| &peer.id));
//!     sim.until(Duration::from_secs(600), "O holds 24", || ours.best().height() == 24).await;
//! });
//! ```

mod counters;
mod log;
mod node;
mod oracle;
mod peer;
mod run;
mod signer;
#[cfg(test)]
mod tests;
mod words;

pub use log::{EventLog, Keep};
pub use node::{Gate, SimNode};
pub use oracle::{Clearing, Conduct, Oracle};
pub use peer::{Misbehaviour, SimPeer};
pub use run::{Setup, run};
pub use signer::SimSigner;

use super::{
    Forge, Lateness, Link, MemoryNetwork, ReferenceBridge, SLOT, SeededRandomness, TestBlock,
    VirtualClock, link::share,
};
use crate::{
    BlockId, StrategyRegistry, SyncSettings,
    attestation::attest,
    orchestrator::{Fetching, ProductionMode},
    ports::{AttestationCounter, Clock, ImportBlocks, PeerId, UnixMillis},
    wire::{ATTESTED_HASHES, Attestation},
};
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{RngCore, SeedableRng},
};
use signer::StolenKey;
use sp_consensus_aura::{Slot, digests::CompatibleDigestItem, sr25519::AuthoritySignature};
use sp_runtime::traits::{Block as BlockT, Header as HeaderT};
use std::{sync::Arc, time::Duration};

/// The slot of block 1.
pub const FIRST_SLOT: u64 = 1_000;

/// The networks of so many first seeds are calm: of the two or three cases that a scenario chooses from by its seed, each once.
const CALM: u64 = 3;

/// Makes a node's registry at each start.
pub type Registrar<B> = Arc<dyn Fn() -> StrategyRegistry<B> + Send + Sync>;

/// A network under test: nodes, links, and an oracle that watches all of it.
pub struct Sim<B: TestBlock> {
    /// What this run follows from. Seed 0 has a calm network, all others a rough one of their own.
    pub seed: u64,
    /// The links between the nodes.
    pub network: MemoryNetwork,
    /// The settings of nodes made from now on.
    pub settings: SyncSettings,
    /// What nodes made from now on charge for each imported block.
    pub import_time: Duration,
    /// The strategies of nodes made from now on.
    pub registry: Registrar<B>,
    /// Makes blocks.
    pub forge: Forge,
    /// Watches.
    pub oracle: Arc<Oracle<B>>,
    /// Luck for the scenario's own choices.
    pub rng: ChaCha8Rng,
    chain: Vec<B>,
    wall_start: UnixMillis,
    link: Link,
    randomness: Arc<SeededRandomness>,
}

impl<B: TestBlock> std::fmt::Debug for Sim<B> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sim")
            .field("seed", &self.seed)
            .finish_non_exhaustive()
    }
}

impl<B: TestBlock> Sim<B> {
    fn new(setup: &Setup, seed: u64, log: Arc<EventLog>) -> Self {
        let forge = Forge::new(setup.authorities);
        let genesis: B = Forge::genesis();
        let chain = forge.chain(genesis.header(), Slot::from(FIRST_SLOT), setup.length, 0);
        let slots_gone = FIRST_SLOT + setup.length + setup.idle_slots;
        let wall_start = UnixMillis(slots_gone * SLOT.as_millis());
        let settings = SyncSettings::default();
        let oracle = Arc::new(Oracle::new(log, wall_start, &settings));
        oracle.knows(&chain);
        let network = MemoryNetwork::new(seed);
        network.tap(oracle.clone());
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let link = if seed < CALM {
            Link::lan()
        } else {
            rough(&mut rng)
        };
        oracle.note(format_args!("seed {seed}, {link:?}"));
        Self {
            seed,
            network,
            settings,
            import_time: Duration::ZERO,
            registry: Arc::new(StrategyRegistry::with_builtins),
            forge,
            oracle,
            rng,
            chain,
            wall_start,
            link,
            randomness: Arc::new(SeededRandomness::new(seed.wrapping_mul(1_000_000))),
        }
    }

    /// Another chain of as many blocks, with this many authorities. Before the first node is made.
    pub fn authorities(&mut self, count: usize) {
        self.remake(Forge::new(count));
    }

    /// Another chain of as many blocks, whose block at `height` changes the authorities. Before the first node is made.
    pub fn rotate_at(&mut self, height: u64) {
        self.remake(self.forge.clone().rotated_by(height));
    }

    fn remake(&mut self, forge: Forge) {
        self.forge = forge;
        let genesis: B = Forge::genesis();
        let length = self.chain.len() as u64;
        self.chain = self
            .forge
            .chain(genesis.header(), Slot::from(FIRST_SLOT), length, 0);
        self.oracle.knows(&self.chain);
    }

    /// Whether the network is calm: only then do exact times mean anything.
    pub fn is_calm(&self) -> bool {
        self.seed < CALM
    }

    /// How messages travel in this run.
    pub fn link(&self) -> Link {
        self.link
    }

    /// From now on, on all links too, the network is calm.
    pub fn calm_down(&mut self) {
        self.link = Link::lan();
        let calm = self.link;
        self.network.change_links(|link| *link = calm);
    }

    /// How many blocks the run's chain has.
    pub fn length(&self) -> u64 {
        self.chain.len() as u64
    }

    /// The first `height` blocks of the run's chain.
    pub fn chain(&self, height: usize) -> &[B] {
        self.chain
            .get(..height)
            .expect("the setup makes the chain as long as the scenario needs")
    }

    /// The first `fork` blocks of the chain and `length` others above, all sealed by one authority in its own slots, as
    /// a node on its own makes them.
    pub fn dead_fork(&self, fork: usize, length: u64) -> Vec<B> {
        let step = self.forge.authorities().len() as u64;
        self.branch(fork, length, step, 9)
    }

    /// The first `fork` blocks of the chain and `length` others above, one in every `step` slots; `salt` tells
    /// branches apart.
    pub fn branch(&self, fork: usize, length: u64, step: u64, salt: u8) -> Vec<B> {
        let mut blocks = self.chain(fork).to_vec();
        let genesis: B = Forge::genesis();
        let mut parent = blocks.last().unwrap_or(&genesis).header().clone();
        for n in 0..length {
            let slot = Slot::from(FIRST_SLOT + fork as u64 + n * step);
            let block: B = self.forge.block(&parent, slot, &[salt]);
            parent = block.header().clone();
            blocks.push(block);
        }
        self.oracle.knows(&blocks);
        blocks
    }

    /// A full node that holds `blocks`, not started yet.
    pub fn node(&self, name: &str, blocks: &[B]) -> SimNode<B> {
        self.make(name, blocks, None, ProductionMode::Voted)
    }

    /// A node that authors with the key of `authority`, not started yet.
    pub fn validator(&self, name: &str, authority: usize, blocks: &[B]) -> SimNode<B> {
        self.make(name, blocks, Some(authority), ProductionMode::Voted)
    }

    /// As [`Sim::validator`], where it may author without votes.
    pub fn lone_validator(&self, name: &str, blocks: &[B], mode: ProductionMode) -> SimNode<B> {
        self.make(name, blocks, Some(0), mode)
    }

    fn make(
        &self,
        name: &str,
        blocks: &[B],
        authority: Option<usize>,
        production: ProductionMode,
    ) -> SimNode<B> {
        let id = PeerId::from_bytes(name.as_bytes());
        self.oracle.joins(&id, name, Conduct::Honest);
        let clock = self.clock();
        let chain = self.reference(name, clock.clone(), blocks);
        // Holding the blocks of others' keys says nothing of what this node has sealed; starting does: it never seals
        // for a slot that began before.
        let signed = Slot::from(self.oracle.wall().0 / SLOT.as_millis());
        SimNode {
            id,
            name: name.to_owned(),
            chain: Arc::new(chain),
            clock,
            settings: self.settings.clone(),
            registry: Arc::clone(&self.registry),
            authority,
            production,
            gate: Gate::Asked,
            fetching: Fetching::Tier2,
            build_time: Duration::ZERO,
            import_time: self.import_time,
            network: self.network.clone(),
            forge: self.forge.clone(),
            oracle: Arc::clone(&self.oracle),
            randomness: Arc::clone(&self.randomness),
            signer: authority
                .map(|authority| Arc::new(SimSigner::new(self.forge.clone(), authority, signed))),
            running: None,
        }
    }

    /// `count` full nodes that hold the first `height` blocks of the chain, started.
    pub fn full_nodes(&self, count: usize, prefix: &str, height: usize) -> Vec<SimNode<B>> {
        let node = |n| {
            let mut node = self.node(&format!("{prefix} {n}"), self.chain(height));
            node.start();
            node
        };
        (0..count).map(node).collect()
    }

    /// A peer that holds `blocks` and misbehaves, started.
    pub fn peer(&self, name: &str, blocks: &[B], misbehaviour: Misbehaviour<B>) -> SimPeer<B> {
        let id = PeerId::from_bytes(name.as_bytes());
        self.oracle.joins(&id, name, misbehaviour.conduct());
        let chain = Arc::new(self.reference(name, self.clock(), blocks));
        SimPeer::start(self, id, chain, misbehaviour)
    }

    /// `count` peers that only serve, all out of one store with the first `height` blocks of the chain, started.
    pub fn servers(&self, count: usize, prefix: &str, height: usize) -> Vec<SimPeer<B>> {
        self.crowd(count, prefix, self.chain(height), &Misbehaviour::Nothing)
    }

    /// `count` peers in one hand: all serve out of one store that holds `blocks`, and misbehave alike. Started.
    pub fn crowd(
        &self,
        count: usize,
        prefix: &str,
        blocks: &[B],
        misbehaviour: &Misbehaviour<B>,
    ) -> Vec<SimPeer<B>> {
        let chain = Arc::new(self.reference(prefix, self.clock(), blocks));
        let member = |n| {
            let name = format!("{prefix} {n}");
            let id = PeerId::from_bytes(name.as_bytes());
            self.oracle.joins(&id, &name, misbehaviour.conduct());
            SimPeer::start(self, id, Arc::clone(&chain), misbehaviour.clone())
        };
        (0..count).map(member).collect()
    }

    /// An attestation of `chain`'s end by the key of `authority`, made in `slot` with the counter `nth` of that slot: for keys
    /// that are in other hands than a node's.
    pub fn attestation(
        &self,
        authority: usize,
        slot: u64,
        nth: u64,
        chain: &[B],
    ) -> Attestation<B> {
        let genesis: B = Forge::genesis();
        let end = chain.last().unwrap_or(&genesis).header();
        let below = chain
            .iter()
            .rev()
            .map(|block| *block.header().parent_hash());
        let below: Vec<_> = below.take(ATTESTED_HASHES).collect();
        self.attestation_of(authority, slot, nth, BlockId::of(end), &below)
    }

    /// The same of any tip, with any hashes below it.
    pub fn attestation_of(
        &self,
        authority: usize,
        slot: u64,
        nth: u64,
        tip: BlockId<B>,
        below: &[B::Hash],
    ) -> Attestation<B> {
        let genesis: B = Forge::genesis();
        let slot = Slot::from(slot);
        let signer = StolenKey {
            forge: &self.forge,
            authority,
            counter: AttestationCounter(AttestationCounter::lowest_of(slot).0 + nth),
        };
        let key = self.forge.public(authority);
        let made = attest(&signer, key, genesis.hash(), slot, tip, below);
        made.expect("a stolen key signs everything")
    }

    fn clock(&self) -> Arc<VirtualClock> {
        Arc::new(VirtualClock::starting_at(self.oracle.wall()))
    }

    fn reference(&self, name: &str, clock: Arc<VirtualClock>, blocks: &[B]) -> ReferenceBridge<B> {
        let clock: Arc<dyn Clock> = clock;
        let chain = ReferenceBridge::new(&self.forge, SLOT, self.settings.tier2.max_reorg, clock);
        let report = chain.import(blocks.to_vec());
        assert!(report.failure.is_none(), "{name}: {report:?}");
        chain
    }

    /// Links `node` with all of `others`.
    pub fn connect<'a>(&self, node: &PeerId, others: impl IntoIterator<Item = &'a PeerId>) {
        for other in others {
            self.network.connect(node, other, self.link);
        }
    }

    /// Links all of `nodes` with each other.
    pub fn mesh<'a>(&self, nodes: impl IntoIterator<Item = &'a PeerId>) {
        let nodes: Vec<_> = nodes.into_iter().collect();
        for (n, node) in nodes.iter().enumerate() {
            self.connect(node, nodes.iter().skip(n + 1).copied());
        }
    }

    /// Time since the run began.
    pub fn elapsed(&self) -> Duration {
        Duration::from_millis(self.oracle.wall().0 - self.wall_start.0)
    }

    /// Lets `time` pass.
    pub async fn run_for(&self, time: Duration) {
        tokio::time::sleep(time).await;
        self.check();
    }

    /// Lets `count` slots pass.
    pub async fn slots(&self, count: u32) {
        self.run_for(SLOT.as_duration() * count).await;
    }

    /// Waits until `condition` holds; fails if it does not within `within`.
    pub async fn until(&self, within: Duration, what: &str, condition: impl Fn() -> bool) {
        let deadline = tokio::time::Instant::now() + within;
        while !condition() {
            self.check();
            assert!(
                tokio::time::Instant::now() < deadline,
                "not within {within:?}: {what}"
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.oracle.note(format_args!("-- {what}"));
        self.check();
    }

    /// A number below `below`.
    pub fn pick(&mut self, below: u64) -> u64 {
        self.rng.next_u64() % below.max(1)
    }

    /// Fails if the oracle found anything wrong.
    pub fn check(&self) {
        let violations = self.oracle.violations();
        assert!(violations.is_empty(), "{}", violations.join("\n"));
    }
}

/// A network as they are far from each other: up to 150 ms, as much again by chance, up to 3 % lost.
fn rough(rng: &mut ChaCha8Rng) -> Link {
    let latency = Duration::from_millis(5 + u64::from(rng.next_u32() % 145));
    Link {
        latency,
        jitter: latency.mul_f64(share(rng)),
        loss: 0.03 * share(rng),
        bytes_per_second: Some(4_000_000 + rng.next_u32() % 20_000_000),
        late: Lateness::NEVER,
    }
}

/// The slot in a header's digest.
pub(crate) fn slot_of<B: BlockT>(header: &B::Header) -> Option<u64> {
    let items = header.digest().logs().iter();
    let mut slots =
        items.filter_map(CompatibleDigestItem::<AuthoritySignature>::as_aura_pre_digest);
    slots.next().map(u64::from)
}
