use super::{
    ChainFolder, NetworkConfig, NodeKey, RunConfig, ServiceError,
    authority::{self, Authority},
    doors::{Doors, Opening},
    link::{Meeting, Met, meet},
    meeting::network_plan,
    onlookers::{Attended, Watched},
    peers::{PeerKeeper, PeerMemory, remembered},
    pool::{self, InPool},
    production::{self, AuthorityKey, Circumstances, StoreState},
    resync::{ResyncDesk, tip_of},
    run::Stopping,
    tasks::{TaskEnded, Tasks},
};
use crate::{
    Block,
    authoring::{Author, Chain, Slots},
    keystore::Keystore,
    network::{self, ClaimedPorts},
    pool::Pool,
    rpc::{ChainFacts, Live, NodeFacts, PeersExpected, Server},
    runtime::TemplateRuntime,
    telemetry::Exposed,
};
use chain_spec::{ChainSpec, ChainType};
use runtime_bridge::{Closing, signing::KeySigner};
use sp_core::{Pair, sr25519};
use std::{
    iter::once,
    sync::{Arc, Weak},
    time::Duration,
};
use sync_component::{
    BlockId, NetworkSyncManager, StrategyRegistry, SyncStatus,
    attestation::Equivocation,
    orchestrator::{Fetching, ProductionMode},
    ports::{
        Bridge, Clock, Executor, NetworkEvent, ReadChain, SystemClock, TokioExecutor, VerifyHeaders,
    },
    registry::StrategyInfo,
    wire::Roles,
};
use tokio::sync::{broadcast::error::RecvError, mpsc};

/// A node that runs.
pub(super) struct Running {
    doors: Doors,
    tasks: Tasks,
    chain: Weak<Chain>,
    /// Of its store, and of the record of what its keys signed.
    closing: Vec<Closing>,
    pool: Arc<Pool>,
    peers: Arc<PeerKeeper>,
    exposed: Arc<Exposed>,
}

/// Ports that were taken, so that nobody else gets them.
pub(super) struct Ports {
    pub(super) rpc: Server,
    pub(super) peers: ClaimedPorts,
}

/// What a node begins with.
pub(super) enum Entrance {
    /// Ports behind which nothing answers yet.
    Closed(Ports),
    /// Doors that stayed open through an exchange of the stores.
    Open(Box<Doors>, Kept),
}

/// What is no part of a chain and outlives an exchange of the stores.
#[derive(Default)]
pub(super) struct Kept {
    in_pool: InPool,
    evidence: Vec<Equivocation<Block>>,
    /// A key of ours is used elsewhere whatever chain we have.
    foreign_seal: Option<BlockId<Block>>,
}

impl Kept {
    /// What the component has to know of it; the rest is the pool's.
    fn hand_to(self, manager: &NetworkSyncManager<Block>) -> InPool {
        manager.remember(self.evidence);
        if let Some(block) = self.foreign_seal {
            manager.height_sync().own_key_used_elsewhere(block);
        }
        self.in_pool
    }
}

impl Running {
    /// Waits for the first task that ends.
    pub(super) async fn first_end(&mut self) -> TaskEnded {
        tokio::select! {
            end = self.tasks.first_end() => end,
            end = self.doors.first_end() => end,
        }
    }

    /// What the swap needs to know of the chain that is about to be closed.
    pub(super) fn for_swap(&self) -> Stopping {
        let tip = self.chain.upgrade().and_then(|chain| tip_of(&chain));
        Stopping::ForSwap {
            closing: self.closing.clone(),
            tip,
        }
    }

    /// Ends everything behind the doors and waits for it. What it returns is to come back: whoever was told that a transfer is in the
    /// pool was told the truth.
    pub(super) async fn leave(self) -> (Doors, Kept) {
        self.doors.present().take_away();
        self.exposed.runs(None);
        let peers = self.peers;
        let manager = Arc::clone(&peers.manager);
        // A panic in it is logged by the runtime.
        let _ = tokio::task::spawn_blocking(move || peers.save_or_warn()).await;
        self.tasks.stop().await;
        let kept = Kept {
            in_pool: self.pool.close(),
            evidence: manager.evidence(),
            foreign_seal: manager.height_sync().foreign_seal(),
        };
        (self.doors, kept)
    }

    /// Ends everything and waits for it; the node can no longer be found from its first moment on.
    pub(super) async fn stop(self, folder: &ChainFolder) {
        self.doors.begin_to_close(folder);
        let (doors, _) = self.leave().await;
        doors.close(folder).await;
    }
}

/// Runs the component, which knows from the first moment on whose keys are to vote: a fresh validator may wait for long before it
/// signs anything.
fn run_sync(
    manager: &Arc<NetworkSyncManager<Block>>,
    keys: Option<Vec<sr25519::Public>>,
    events: mpsc::Receiver<NetworkEvent>,
) -> impl Future<Output = ()> + use<> {
    manager.will_attest_with(keys.unwrap_or_default());
    let manager = Arc::clone(manager);
    async move { manager.run(events).await }
}

/// Opens everything, ports included, then starts the tasks. Nothing runs yet when a file or a port is refused.
pub(super) async fn start(
    config: RunConfig,
    registry: StrategyRegistry<Block>,
    folder: &ChainFolder,
    desk: Arc<ResyncDesk>,
    entrance: Entrance,
    watched: Watched,
) -> Result<Running, ServiceError> {
    let key = identity(&config, folder)?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let chain = open_chain(&config, folder, &watched, &clock)?;
    let memory = PeerMemory::open(&folder.network(), &config.settings.limits, &clock)?;
    let plan = network_plan(&config, key, remembered(&memory.ledger));
    let remembered = plan.known.remembered.len();
    let (mode, authority) = open_authority(&config, &chain, folder, remembered)?;

    let executor = TokioExecutor::new(tokio::runtime::Handle::current());
    let executor: Arc<dyn Executor> = Arc::new(executor);
    let bridge: Arc<dyn Bridge<Block>> = chain.clone();
    let roles = authority::roles(authority.as_ref());
    let (doors, kept) = match entrance {
        Entrance::Open(doors, kept) => (*doors, kept),
        Entrance::Closed(ports) => {
            let opening = Opening {
                ports,
                plan,
                genesis: chain.genesis_hash(),
                settings: &config.settings,
                access: config.access.clone(),
                prometheus_url: watched.url.clone(),
                desk: Arc::clone(&desk),
            };
            let strategies = registry.list(&config.settings);
            let facts = |node: &network::Node| facts(&config, node, &chain, roles, strategies);
            // On the heap, as the network is.
            (
                Box::pin(Doors::open(opening, folder, facts)).await?,
                Kept::default(),
            )
        }
    };
    let Met { manager, peers } = meet(Meeting {
        network: doors.network().clone(),
        reached: doors.reached().clone(),
        settings: config.settings.clone(),
        registry,
        memory,
        bridge: Arc::clone(&bridge),
        clock: Arc::clone(&clock),
        executor: Arc::clone(&executor),
        observer: watched.metrics.clone(),
        roles,
        production: mode,
        fetching: Fetching::Tier2,
    })?;
    greet(&config, doors.facts(), &chain, authority.as_ref());

    let in_pool = kept.hand_to(&manager);
    let pool = pool::put_back(pool_of(&config, &chain, &clock, &watched), in_pool).await;

    let mut tasks = Tasks::default();
    let keys = authority.as_ref().map(Authority::public);
    tasks.spawn("sync", run_sync(&manager, keys, doors.events().await));
    watched.attend(
        &mut tasks,
        Attended {
            manager: Arc::clone(&manager),
            bridge,
            network: doors.network().clone(),
            pool: Arc::downgrade(&pool),
            roles,
            clock: Arc::clone(&clock),
        },
    );
    tasks.spawn("peers", Arc::clone(&peers).run());
    spawn_tier3(&mut tasks, &desk, &manager, &clock);
    let (held, closing) = until_closed(&chain, authority.as_ref());
    pool::spawn(
        &mut tasks,
        &pool,
        &manager,
        &clock,
        doors.transactions().await,
    );
    if let Some(authority) = authority {
        let job = AuthoringJob {
            authority,
            manager: Arc::clone(&manager),
            chain: Arc::clone(&chain),
            pool: Arc::clone(&pool),
            clock,
            executor,
        };
        tasks.spawn("authoring", job.run());
    }
    doors.present().put(Live {
        manager,
        chain,
        pool: Arc::clone(&pool),
        peers: Arc::clone(&peers),
    });
    Ok(Running {
        doors,
        tasks,
        chain: held,
        closing,
        pool,
        peers,
        exposed: watched.exposed,
    })
}

/// The chain while it is open, and what must be closed before it can be opened once more.
fn until_closed(chain: &Arc<Chain>, authority: Option<&Authority>) -> (Weak<Chain>, Vec<Closing>) {
    let record = authority.map(|authority| authority.opening.closing());
    let closing = once(chain.closing()).chain(record).collect();
    (Arc::downgrade(chain), closing)
}

fn open_authority(
    config: &RunConfig,
    chain: &Chain,
    folder: &ChainFolder,
    remembered: usize,
) -> Result<(ProductionMode, Option<Authority>), ServiceError> {
    let keystore = authority::keystore(folder, config.duty)?;
    let store = if chain.best().height() == 0 {
        StoreState::Empty
    } else {
        StoreState::HoldsBlocks
    };
    let mode = mode(config, store, folder, keystore.as_ref(), remembered)?;
    let authority = authority::open(folder, keystore, mode, store)?;
    authority::warn_of_strange_keys(authority.as_ref(), &config.spec.authorities);
    Ok((mode, authority))
}

fn open_chain(
    config: &RunConfig,
    folder: &ChainFolder,
    watched: &Watched,
    clock: &Arc<dyn Clock>,
) -> Result<Arc<Chain>, ServiceError> {
    let clock = Arc::clone(clock);
    let chain = Chain::open(&folder.store(), &config.spec, TemplateRuntime, clock)?;
    Ok(Arc::new(chain.live().observed_by(watched.metrics.clone())))
}

fn pool_of(
    config: &RunConfig,
    chain: &Arc<Chain>,
    clock: &Arc<dyn Clock>,
    watched: &Watched,
) -> Pool {
    let pool = Pool::new(Arc::clone(chain), Arc::clone(clock), config.pool);
    pool.observed_by(watched.metrics.clone())
}

fn facts(
    config: &RunConfig,
    node: &network::Node,
    chain: &Chain,
    roles: Roles,
    strategies: Vec<StrategyInfo>,
) -> NodeFacts {
    NodeFacts {
        chain: chain_facts(&config.spec),
        roles,
        peer_id: node.peer_id().to_string(),
        addresses: node.addresses().clone(),
        peers_expected: peers_expected(config),
        starting_block: chain.best().number,
        block_bytes: config.settings.limits.block_bytes,
        strategies,
    }
}

fn identity(config: &RunConfig, folder: &ChainFolder) -> Result<NodeKey, ServiceError> {
    Ok(match &config.network {
        NetworkConfig::Connected { key: Some(key), .. } => key.clone(),
        NetworkConfig::Connected { key: None, .. } | NetworkConfig::Isolated => {
            network::load_or_create(&folder.network_key())?
        }
    })
}

fn spawn_tier3(
    tasks: &mut Tasks,
    desk: &Arc<ResyncDesk>,
    manager: &Arc<NetworkSyncManager<Block>>,
    clock: &Arc<dyn Clock>,
) {
    let (runs, sync) = (Arc::clone(desk), Arc::clone(manager));
    tasks.spawn("resync", async move { runs.work(sync).await });
    let upkeep = keep_backups(Arc::clone(desk), Arc::clone(manager), Arc::clone(clock));
    tasks.spawn("backups", upkeep);
}

/// How often it is looked whether the backups may go. Too low: needless looks at a folder.
const BACKUP_UPKEEP: Duration = Duration::from_secs(30);

/// Remembers that the node was in sync since the backups were made, and removes the old ones.
async fn keep_backups(
    desk: Arc<ResyncDesk>,
    manager: Arc<NetworkSyncManager<Block>>,
    clock: Arc<dyn Clock>,
) {
    let swept = Arc::clone(&desk);
    // What an earlier process had not removed any more. A panic in it is logged by the runtime.
    let _ = tokio::task::spawn_blocking(move || swept.sweep()).await;
    until_in_sync(&manager).await;
    loop {
        if matches!(manager.get_sync_status(), Ok(SyncStatus::InSync)) {
            let desk = Arc::clone(&desk);
            // A panic in it is logged by the runtime, and the next round tries again.
            let _ = tokio::task::spawn_blocking(move || desk.settle()).await;
        }
        clock.sleep(BACKUP_UPKEEP).await;
    }
}

/// Returns as soon as the node is in sync.
async fn until_in_sync(manager: &NetworkSyncManager<Block>) {
    let mut events = manager.events();
    while !matches!(manager.get_sync_status(), Ok(SyncStatus::InSync)) {
        // Whoever missed some looks again; the manager outlives us.
        if matches!(events.recv().await, Err(RecvError::Closed)) {
            return;
        }
    }
}

struct AuthoringJob {
    authority: Authority,
    manager: Arc<NetworkSyncManager<Block>>,
    chain: Arc<Chain>,
    pool: Arc<Pool>,
    clock: Arc<dyn Clock>,
    executor: Arc<dyn Executor>,
}

impl AuthoringJob {
    /// Ends only if the record cannot be kept: a node that should author and cannot is stopped, not left idle.
    async fn run(self) {
        let Authority { keys, opening } = self.authority;
        let slots = Slots::new(self.chain.slot_duration());
        let ready = match self.chain.authorities_at(self.chain.best().hash) {
            Ok(authorities) => {
                let count = authorities.len();
                authority::ready(opening, slots, count, self.clock.as_ref()).await
            }
            // Without their number nobody knows how long a lost record must be waited for.
            Err(error) => {
                tracing::error!("{error}");
                return;
            }
        };
        let signed = match ready {
            Ok(signed) => Arc::new(signed),
            Err(error) => {
                tracing::error!("{error}");
                return;
            }
        };
        let attester = KeySigner::new(Arc::clone(&signed), Arc::clone(&keys));
        self.manager.attest_with(Arc::new(attester));
        authority::author(Author {
            manager: self.manager,
            chain: self.chain,
            pool: self.pool,
            signed,
            keys,
            clock: self.clock,
            executor: self.executor,
        })
        .await;
    }
}

fn mode(
    config: &RunConfig,
    store: StoreState,
    folder: &ChainFolder,
    keystore: Option<&Keystore>,
    remembered: usize,
) -> Result<ProductionMode, ServiceError> {
    let keys = keystore.map(Keystore::aura_keys).unwrap_or_default();
    let is_authority = |key: &sr25519::Pair| config.spec.authorities.contains(&key.public().into());
    Ok(production::mode(&Circumstances {
        authorities: config.spec.authorities.len(),
        key: if keys.iter().any(is_authority) {
            AuthorityKey::Held
        } else {
            AuthorityKey::NotHeld
        },
        rule: config.authoring,
        network: &config.network,
        remembered,
        store,
        record: authority::record_state(folder)?,
    }))
}

fn peers_expected(config: &RunConfig) -> PeersExpected {
    let alone = config.network == NetworkConfig::Isolated
        || config.spec.chain_type == ChainType::Development;
    if alone {
        PeersExpected::No
    } else {
        PeersExpected::Yes
    }
}

fn chain_facts(spec: &ChainSpec) -> ChainFacts {
    ChainFacts {
        name: spec.name.clone(),
        kind: match spec.chain_type {
            ChainType::Development => "Development",
            ChainType::Local => "Local",
            ChainType::Live => "Live",
        },
        // TOML's values are a part of JSON's, but for dates, which become texts.
        properties: serde_json::to_value(&spec.properties).unwrap_or_default(),
    }
}

fn greet(config: &RunConfig, facts: &NodeFacts, chain: &Chain, authority: Option<&Authority>) {
    tracing::info!("🏷  Node name: {}", config.name);
    tracing::info!(
        "📋 Chain specification: {} ({})",
        config.spec.name,
        config.spec.id
    );
    tracing::info!(
        "📦 Best block: {}, finalized {}",
        chain.best(),
        chain.finalized()
    );
    let role = match authority {
        None => "FULL",
        Some(_) => "AUTHORITY",
    };
    tracing::info!("👤 Role: {role}");
    tracing::info!("🆔 Local node identity is: {}", facts.peer_id);
    for address in facts.addresses.list() {
        tracing::info!("📞 Listening for peers on {address}");
    }
}
