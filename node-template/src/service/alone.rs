//! Tier 3 without a running node: for a chain whose store does not open any more, or whose node is stopped.

use super::{
    ChainFolder, LastRun, NetworkConfig, ResyncDesk, ServiceError,
    link::{Linked, Meeting, Met, link, meet},
    onlookers::Onlookers,
    peers::{PeerFile, PeerMemory, remembered},
    resync::declared,
    run::within_patience,
    signals::Signals,
    tasks::Tasks,
};
use crate::{
    Block,
    network::{
        self, Admission, DialLimits, KnownNodes, LocalDiscovery, NetworkPlan, SlotCount,
        ToldAddresses,
    },
    runtime::TemplateRuntime,
};
use chain_spec::ChainSpec;
use libp2p::Multiaddr;
use runtime_bridge::{
    RuntimeBridge,
    store::{Lock, column},
};
use std::sync::Arc;
use sync_component::{
    StrategyRegistry,
    chain_sync::{Source, Voucher},
    observer::Unobserved,
    orchestrator::{Fetching, ProductionMode},
    peers::Ledger,
    ports::{Bridge, Clock, PeerId, SystemClock, TokioExecutor},
    wire::Roles,
};

/// Why Tier 3 does not go on without a node.
#[derive(Debug, thiserror::Error)]
pub enum AloneError {
    /// What a node would fail with, too.
    #[error(transparent)]
    Service(#[from] ServiceError),
    /// Nobody to ask.
    #[error(
        "no address of any peer is known; give one with --bootnodes, or add it to bootnodes in the chain spec"
    )]
    NoAddress,
    /// A signal came.
    #[error(
        "{0}: the resync is interrupted; `resync --resume` goes on, and so does the next start of the node"
    )]
    Interrupted(&'static str),
}

/// The files of a chain that no node runs on, held until this is dropped.
#[derive(Debug)]
pub struct Alone {
    spec: ChainSpec,
    folder: ChainFolder,
    registry: StrategyRegistry<Block>,
    desk: Arc<ResyncDesk>,
    _lock: Lock,
}

impl Alone {
    /// Takes the chain's lock. The folder must exist.
    pub(crate) fn open(
        folder: ChainFolder,
        spec: ChainSpec,
        registry: StrategyRegistry<Block>,
    ) -> Result<Self, ServiceError> {
        let lock = Lock::take(&folder.lock())?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let desk = ResyncDesk::new(
            &folder,
            &spec,
            &spec.sync,
            declared(&spec, &NetworkConfig::Isolated),
            registry.clone(),
            clock,
            Onlookers::none(),
        );
        Ok(Self {
            spec,
            folder,
            registry,
            desk: Arc::new(desk),
            _lock: lock,
        })
    }

    /// Where the orders go.
    pub(crate) fn desk(&self) -> &Arc<ResyncDesk> {
        &self.desk
    }

    /// Finishes or takes back what an earlier process began; a download that was under way is wanted again.
    pub(crate) fn recover(&self) -> Result<(), ServiceError> {
        self.desk.recover()?;
        self.desk.sweep();
        Ok(())
    }

    /// Whether all that is left to do is the exchange of the stores.
    pub(crate) fn is_to_swap(&self) -> bool {
        self.desk.is_to_swap()
    }

    /// Exchanges the stores for a restore that was ordered.
    pub(crate) fn swap(&self) -> Result<Option<LastRun>, ServiceError> {
        // The live chain is not opened: it may not open at all.
        self.desk.swap(None)?;
        Ok(self.desk.last())
    }

    /// The addresses to dial: the operator's, those of the chain spec, and those of the peers that were consistent for the
    /// longest.
    pub(crate) fn addresses(&self, given: &[Multiaddr]) -> Result<Vec<Multiaddr>, AloneError> {
        let of_chain = self.spec.bootnodes.iter().chain(&self.spec.reserved_nodes);
        let of_chain = of_chain.filter_map(|address| address.parse().ok());
        let ledger = self.ledger();
        let remembered = ledger.iter().flat_map(remembered);
        let all: Vec<_> = given
            .iter()
            .cloned()
            .chain(of_chain)
            .chain(remembered)
            .collect();
        if all.is_empty() {
            return Err(AloneError::NoAddress);
        }
        Ok(all)
    }

    /// The peers that a resync would fetch from: the named ones, or else all that are trusted.
    pub(crate) fn sources(&self, named: &[PeerId]) -> Vec<Source> {
        let source = |voucher| {
            move |peer: &PeerId| Source {
                peer: peer.clone(),
                voucher,
            }
        };
        if !named.is_empty() {
            return named.iter().map(source(Voucher::Operator)).collect();
        }
        let declared = declared(&self.spec, &NetworkConfig::Isolated);
        let ledger = self.ledger();
        let hours = self.spec.sync.tier3.trust_hours;
        let observed = ledger
            .iter()
            .flat_map(Ledger::iter)
            .filter_map(|(peer, record)| {
                (record.is_trusted(hours) && !declared.contains(peer)).then_some(peer)
            });
        let observed: Vec<_> = observed.map(source(Voucher::Observed)).collect();
        let declared = declared.iter().map(source(Voucher::Declared));
        declared.chain(observed).collect()
    }

    /// What is remembered of peers. A damaged file is put aside when the network starts.
    fn ledger(&self) -> Option<Ledger> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let file = PeerFile::new(&self.folder.network(), &self.spec.sync.limits, clock);
        file.read().ok()
    }

    /// Carries out the resync that was ordered, to its end.
    pub(crate) async fn carry_out(
        &self,
        bootnodes: Vec<Multiaddr>,
    ) -> Result<Option<LastRun>, AloneError> {
        let mut signals = Signals::listen()?;
        let (linked, Met { manager, peers }) = self.link(bootnodes).await?;
        let Linked { node, events, .. } = linked;
        let mut tasks = Tasks::default();
        tasks.spawn("network", node.run());
        let (sync, runs) = (Arc::clone(&manager), Arc::clone(&self.desk));
        tasks.spawn("sync", async move { sync.run(events).await });
        tasks.spawn("resync", async move { runs.work(manager).await });
        let end = tokio::select! {
            ended = tasks.first_end() => Err(ServiceError::from(ended).into()),
            signal = signals.any() => Err(AloneError::Interrupted(signal)),
            () = self.desk.swap_is_due() => Ok(End::Swap),
            last = self.desk.is_idle() => Ok(End::Over(last)),
        };
        // A panic in it is logged by the runtime.
        let _ = tokio::task::spawn_blocking(move || peers.save_or_warn()).await;
        tasks.stop().await;
        let is_closed = within_patience(|| self.desk.is_closed()).await;
        match end? {
            End::Over(last) => Ok(last),
            End::Swap if is_closed => {
                let desk = Arc::clone(&self.desk);
                let swapping = tokio::task::spawn_blocking(move || desk.swap(None)).await;
                swapping.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))?;
                Ok(self.desk.last())
            }
            End::Swap => Err(ServiceError::StillOpen.into()),
        }
    }

    /// A chain that has only begun, in memory. The live one may not open, and the staged one is the run's alone: whoever else held it
    /// open would keep it from being begun anew (ADR 7).
    fn beginning(&self, clock: Arc<dyn Clock>) -> Result<Arc<dyn Bridge<Block>>, ServiceError> {
        let db = Arc::new(kvdb_memorydb::create(column::COUNT));
        let bridge = RuntimeBridge::<Block, _>::over(db, &self.spec, TemplateRuntime, clock)?;
        Ok(Arc::new(bridge))
    }

    async fn link(&self, bootnodes: Vec<Multiaddr>) -> Result<(Linked, Met), AloneError> {
        self.folder.create()?;
        let key =
            network::load_or_create(&self.folder.network_key()).map_err(ServiceError::from)?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let bridge = self.beginning(Arc::clone(&clock))?;
        let plan = NetworkPlan {
            key,
            listen: Vec::new(),
            public: Vec::new(),
            // All that are known, and whoever they tell of: the more voters the better.
            known: KnownNodes {
                bootnodes,
                ..KnownNodes::default()
            },
            admission: Admission::Everyone(SlotCount {
                inbound: 0,
                outbound: self.spec.sync.limits.max_peers,
            }),
            local: LocalDiscovery::Off,
            told: ToldAddresses::of(self.spec.chain_type),
            limits: DialLimits::from(&self.spec.sync.limits),
        };
        let limits = &self.spec.sync.limits;
        let memory =
            PeerMemory::open(&self.folder.network(), limits, &clock).map_err(ServiceError::from)?;
        let settings = &self.spec.sync;
        let linked = link(plan, bridge.genesis_hash(), settings, Fetching::Tier3).await?;
        let met = meet(Meeting {
            network: linked.network.clone(),
            reached: linked.node.reached().clone(),
            settings: settings.clone(),
            registry: self.registry.clone(),
            memory,
            bridge,
            clock,
            executor: Arc::new(TokioExecutor::new(tokio::runtime::Handle::current())),
            observer: Arc::new(Unobserved),
            roles: Roles::Full,
            production: ProductionMode::Voted,
            fetching: Fetching::Tier3,
        })?;
        Ok((linked, met))
    }
}

enum End {
    Swap,
    Over(Option<LastRun>),
}
