use super::{
    Clearance, Fetching, Parts, PeerReport, ProductionMode, StartError, SyncEvent,
    board::{Board, peer_reports, status_of},
    gate::StandingClearance,
    inbound::Inbound,
};
use crate::{
    attestation::Equivocation,
    block_sync::BlockSyncManager,
    chain_sync::{ChainSyncManager, ResyncWatch},
    context::SyncContext,
    error::NetworkError,
    height_sync::{HeightSyncManager, rows::VoteRule},
    observer::{ClearedBy, GateDecision},
    peers::{Ledger, PeerClient},
    ports::{MonoTime, NetworkEvent, PeerId, Signer},
    registry::ResyncStrategy,
    status::{Duty, StatusReport, SyncStatus},
    wire::Activity,
};
use sp_core::sr25519;
use sp_runtime::traits::Block as BlockT;
#[cfg(feature = "test-kit")]
use std::sync::PoisonError;
use std::{
    collections::BTreeSet,
    fmt,
    sync::{Arc, Mutex},
};
use tokio::sync::{broadcast, mpsc};

/// The component's face to the node. Shared by reference; [`NetworkSyncManager::run`] does the work behind it.
pub struct NetworkSyncManager<B: BlockT> {
    pub(super) context: SyncContext<B>,
    pub(super) height: HeightSyncManager<B>,
    pub(super) blocks: BlockSyncManager<B>,
    pub(super) inbound: Arc<Inbound>,
    pub(super) board: Board<B>,
    pub(super) production: ProductionMode,
    pub(super) fetching: Fetching,
    pub(super) started: MonoTime,
    pub(super) standing_clearance: Mutex<Option<StandingClearance<B>>>,
    pub(super) queues: Mutex<Option<Queues>>,
    #[cfg(feature = "test-kit")]
    pub(super) loop_sizes: Mutex<LoopSizes>,
}

/// How much the loop holds that peers can grow.
#[cfg(feature = "test-kit")]
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct LoopSizes {
    /// Peers with announcements under way.
    pub(super) told: usize,
    /// Attestations that wait for one peer, the most.
    pub(super) waiting: usize,
    /// First missing blocks of verified tips.
    pub(super) missing: usize,
}

/// Ends of channels that [`NetworkSyncManager::run`] takes.
pub(super) struct Queues {
    pub(super) asks: mpsc::UnboundedReceiver<PeerId>,
    pub(super) banned: mpsc::UnboundedReceiver<PeerId>,
}

impl<B: BlockT> fmt::Debug for NetworkSyncManager<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NetworkSyncManager")
            .field("height", &self.height)
            .field("blocks", &self.blocks)
            .finish_non_exhaustive()
    }
}

impl<B: BlockT> NetworkSyncManager<B> {
    /// Makes the manager and the strategies that the settings name.
    pub fn new(parts: Parts<B>) -> Result<Self, StartError> {
        let Parts {
            bridge,
            network,
            clock,
            randomness,
            executor,
            observer,
            settings,
            registry,
            roles,
            production,
            ledger,
            fetching,
        } = parts;
        registry.check(&settings)?;
        let height_strategy = registry.height(&settings)?;
        let fetch_strategy = registry.fetch(&settings)?;
        // Unbounded, but never longer than `max_peers`: a peer is queued once until it has answered, and banned once.
        let (ask, asks) = mpsc::unbounded_channel();
        let (ban, banned) = mpsc::unbounded_channel();
        let peers = PeerClient::new(
            network,
            Arc::clone(&clock),
            Arc::clone(&observer),
            &settings,
            ledger,
            ban,
        );
        let inbound = Arc::new(Inbound::new(&settings, roles, Arc::clone(&executor)));
        let started = clock.now();
        let settings = Arc::new(settings);
        let context = SyncContext {
            peers,
            bridge,
            clock,
            randomness,
            executor,
            observer,
            settings,
        };
        let rule = match production {
            ProductionMode::Voted => VoteRule::Votes,
            ProductionMode::SingleAuthority(_) | ProductionMode::ForcedIsolated => {
                VoteRule::NoVotes
            }
            ProductionMode::Forced(_) => VoteRule::NoVotesAtGenesis,
        };
        Ok(Self {
            height: HeightSyncManager::new(context.clone(), height_strategy, rule, ask),
            blocks: BlockSyncManager::new(context.clone(), fetch_strategy),
            inbound,
            board: Board::new(started),
            production,
            fetching,
            started,
            standing_clearance: Mutex::new(None),
            queues: Mutex::new(Some(Queues { asks, banned })),
            #[cfg(feature = "test-kit")]
            loop_sizes: Mutex::default(),
            context,
        })
    }

    /// Does the background work: keeps the view fresh, serves peers, catches up. Returns when `events` ends; to be
    /// called once. Nothing else of this type works without it, except the status.
    pub async fn run(&self, events: mpsc::Receiver<NetworkEvent>) {
        super::run::run(self, events).await;
    }

    /// The gate (SPEC section 5): may a block be authored in this slot, and on what? Takes microseconds while the view
    /// is younger than `tier1_fresh_slots`, and at most `tier1_slot_share` of the slot otherwise. `Err` is a fault of
    /// this node.
    pub async fn sync_before_production(&self) -> Result<Clearance<B>, NetworkError> {
        let answer = super::gate::gate(self).await;
        self.context.observer.gate(self.decision(&answer));
        answer
    }

    fn decision(&self, answer: &Result<Clearance<B>, NetworkError>) -> GateDecision {
        match answer {
            Ok(Clearance::Cleared { .. }) => {
                GateDecision::Cleared(if self.production == ProductionMode::ForcedIsolated {
                    ClearedBy::Isolated
                } else {
                    ClearedBy::InSync
                })
            }
            Ok(Clearance::Held(hold)) => GateDecision::Held(hold.kind()),
            Err(_) => GateDecision::Failed,
        }
    }

    /// One round of Tier 1 after the start; the background goes on with Tier 2 by itself if there is a gap. With no
    /// peers it returns at once.
    pub async fn sync_on_join(&self) -> Result<SyncStatus<B>, NetworkError> {
        let budget = self.context.settings.tier1.timeout;
        let judgement = self.height.round(self.height.fresh(), budget).await?;
        status_of(judgement.verdict)
    }

    /// The newest verdict, without I/O; `Err` with the last reason while unverified.
    pub fn get_sync_status(&self) -> Result<SyncStatus<B>, NetworkError> {
        status_of(self.board.verdict())
    }

    /// The whole status object, without network I/O.
    pub fn report(&self) -> StatusReport<B> {
        self.board.report(&self.context)
    }

    /// Connected peers of our chain that have said where they stand, in the order of their ids.
    pub fn peers(&self) -> Vec<PeerReport<B>> {
        peer_reports(&self.context)
    }

    /// What is remembered of all peers, to be kept in a file (SPEC section 3).
    pub fn ledger(&self) -> Ledger {
        self.context.peers.table().ledger().clone()
    }

    /// The network reached `peer` at `address`.
    pub fn reached(&self, peer: &PeerId, address: String) {
        self.context
            .peers
            .table()
            .ledger_mut()
            .reached(peer, address);
    }

    /// The operator bans `peer`: its connections are closed, and refused until [`NetworkSyncManager::unban_peer`].
    pub fn ban_peer(&self, peer: &PeerId) {
        self.context.peers.ban(peer);
    }

    /// The operator takes a ban back, whoever made it. Says whether there was one.
    pub fn unban_peer(&self, peer: &PeerId) -> bool {
        self.context.peers.unban(peer)
    }

    /// These authority keys are to attest what this node holds, maybe after a wait: to be called before [`NetworkSyncManager::run`], so
    /// that nothing is taken meanwhile that an authority must not.
    pub fn will_attest_with(&self, keys: Vec<sr25519::Public>) {
        self.height.will_attest_with(keys);
    }

    /// From now on the authority keys behind `signer` attest what this node holds (SPEC section 2), until the manager is
    /// dropped. Without a signer a node votes for nothing and is heard by nobody as an authority.
    pub fn attest_with(&self, signer: Arc<dyn Signer>) {
        self.height.attest_with(signer);
    }

    /// The node had to sign something and could not, for a reason of its own: an event, and a note on the status until
    /// [`NetworkSyncManager::signed`] says that it can again.
    pub fn not_signed(&self, duty: Duty, why: String) {
        self.board.not_signed(duty, why);
    }

    /// The node signed what was due.
    pub fn signed(&self, duty: Duty) {
        self.board.signed(duty);
    }

    /// The newest equivocation of each authority that was seen: what is to outlive this manager.
    pub fn evidence(&self) -> Vec<Equivocation<B>> {
        self.height.evidence()
    }

    /// Keeps what an earlier manager had kept. Nobody is told of it again.
    pub fn remember(&self, evidence: Vec<Equivocation<B>>) {
        self.height.remember(evidence);
    }

    /// What happens from now on. A receiver that lags misses the oldest.
    pub fn events(&self) -> broadcast::Receiver<SyncEvent<B>> {
        self.board.subscribe()
    }

    /// What this node tells its peers that it is doing.
    pub fn activity(&self) -> Activity {
        match self.fetching {
            Fetching::Tier2 => self.board.activity(&self.context),
            Fetching::Tier3 => Activity::Syncing,
        }
    }

    /// What peers can grow: name, size now, and the most that the settings allow (invariant I6). Of the buffers of Tier 2 the largest size
    /// since the last call.
    #[cfg(feature = "test-kit")]
    pub fn footprint(&self) -> Vec<(&'static str, usize, usize)> {
        let limits = &self.context.settings.limits;
        let (connected, remembered) = {
            let table = self.context.peers.table();
            (table.len(), table.ledger().iter().count())
        };
        let most_remembered = limits.remembered_peers.max(limits.max_peers);
        let authorities = self.height.authorities();
        let most_tips = limits.tracked_tips.max(authorities.saturating_mul(2));
        let sizes = *self
            .loop_sizes
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        // As many that are connected, and as many whose last announcement has not ended.
        let most_told = limits.max_peers.saturating_mul(2);
        let (announcers, most_announcers) = self.inbound.announcers();
        let mut all = self.height.footprint();
        all.extend([
            ("connected peers", connected, limits.max_peers),
            ("remembered peers", remembered, most_remembered),
            ("peers counted in a slot", announcers, most_announcers),
            ("peers being told", sizes.told, most_told),
            (
                "attestations that wait for a peer",
                sizes.waiting,
                limits.max_authorities,
            ),
            ("missing blocks", sizes.missing, most_tips),
        ]);
        let buffers = self.context.peers.buffers();
        all.extend(buffers.footprint(&self.context.settings));
        all
    }

    /// Tier 1, by the design's names.
    pub fn height_sync(&self) -> &HeightSyncManager<B> {
        &self.height
    }

    /// Tier 3, by the design's names, with this strategy. `declared` are the peers that the chain spec or the command line
    /// trusts.
    pub fn chain_sync(
        &self,
        strategy: Arc<dyn ResyncStrategy<B>>,
        declared: BTreeSet<PeerId>,
        watch: ResyncWatch,
    ) -> ChainSyncManager<B> {
        let voters = self.height.voters();
        ChainSyncManager::new(self.context.clone(), strategy, declared, voters, watch)
    }

    /// Tier 2, by the design's names.
    pub fn block_sync(&self) -> &BlockSyncManager<B> {
        &self.blocks
    }
}

/// Substrate's question to its sync: may consensus work go on?
impl<B: BlockT> sp_consensus::SyncOracle for NetworkSyncManager<B> {
    /// Whether a verified target lies more than `tier1_max_gap` blocks above us, whether blocks arrive or not.
    fn is_major_syncing(&self) -> bool {
        self.board.is_far_behind(&self.context)
    }

    /// Whether no peer of our chain is connected.
    fn is_offline(&self) -> bool {
        self.context.peers.table().is_empty()
    }
}
