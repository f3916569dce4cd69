use super::{
    ChainFolder, NetworkConfig, NodeKey, RunConfig, ServiceError,
    authority::{self, Authority},
    link::{Linking, link},
    meeting::{keep_ports, network_plan},
    onlookers::{Attended, Watched},
    peers::{PeerKeeper, PeerMemory, remembered},
    pool::{self, Kept},
    production::{self, AuthorityKey, Circumstances, StoreState},
    resync::{ResyncDesk, tip_of},
    run::Stopping,
    tasks::Tasks,
};
use crate::{
    Block,
    authoring::{Author, Chain, Slots},
    keystore::Keystore,
    network,
    pool::Pool,
    rpc::{ChainFacts, NodeFacts, PeersExpected, Rpc, Server, Serving, Token},
    runtime::TemplateRuntime,
    status_view::NodeFile,
    telemetry::Exposed,
};
use chain_spec::{ChainSpec, ChainType};
use runtime_bridge::{Closing, signing::KeySigner};
use sp_core::{Pair, sr25519};
use std::{
    net::SocketAddr,
    sync::{Arc, Weak},
    time::Duration,
};
use sync_component::{
    NetworkSyncManager, StrategyRegistry, SyncStatus,
    orchestrator::{Fetching, ProductionMode},
    ports::{Bridge, Clock, Executor, ReadChain, SystemClock, TokioExecutor, VerifyHeaders},
    registry::StrategyInfo,
    wire::Roles,
};

/// How long RPC calls under way may take to end when the node stops. Too low: their callers get no answer.
const RPC_PATIENCE: Duration = Duration::from_secs(2);

/// A node that runs.
pub(super) struct Running {
    pub(super) tasks: Tasks,
    rpc: Serving,
    chain: Weak<Chain>,
    closing: Closing,
    pool: Arc<Pool>,
    facts: Arc<NodeFacts>,
    rpc_address: SocketAddr,
    peers: Arc<PeerKeeper>,
    exposed: Arc<Exposed>,
}

impl Running {
    /// Puts the addresses that the node got into `config`.
    pub(super) fn keep_addresses(&self, config: &mut RunConfig) {
        config.rpc = self.rpc_address;
        if let NetworkConfig::Connected { listen, .. } = &mut config.network {
            keep_ports(listen, &self.facts.addresses.list());
        }
    }

    /// What the swap needs to know of the chain that is about to be closed.
    pub(super) fn for_swap(&self) -> Stopping {
        let tip = self.chain.upgrade().and_then(|chain| tip_of(&chain));
        Stopping::ForSwap {
            chain: self.closing.clone(),
            tip,
        }
    }

    /// Ends everything and waits for it; the node can no longer be found from its first moment on. Returns what is left in
    /// the pool.
    pub(super) async fn stop(self, folder: &ChainFolder) -> Kept {
        if let Err(error) = NodeFile::remove(folder.path()) {
            tracing::warn!("{error}");
        }
        self.exposed.runs(None);
        let peers = self.peers;
        // A panic in it is logged by the runtime.
        let _ = tokio::task::spawn_blocking(move || peers.save_or_warn()).await;
        self.rpc.begin_to_stop();
        self.tasks.stop().await;
        self.rpc.stop(RPC_PATIENCE).await;
        // Whoever was told until the RPC's last moment that a transfer is in the pool was told the truth.
        self.pool.close()
    }
}

/// Opens everything, ports included, then starts the tasks. Nothing runs yet when a file or a port is refused. `waiting`
/// was in the pool before the stores were exchanged.
pub(super) async fn start(
    config: RunConfig,
    registry: StrategyRegistry<Block>,
    folder: &ChainFolder,
    desk: Arc<ResyncDesk>,
    waiting: Kept,
    watched: Watched,
) -> Result<Running, ServiceError> {
    let key = identity(&config, folder)?;
    let rpc_server = Server::bind(config.rpc)?;
    let rpc_address = rpc_server.address();
    let token = Token::new();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let chain = Chain::open(
        &folder.store(),
        &config.spec,
        TemplateRuntime,
        Arc::clone(&clock),
    )?;
    let chain = Arc::new(chain.live().observed_by(watched.metrics.clone()));
    let keystore = authority::keystore(folder, config.duty)?;
    let limits = &config.settings.limits;
    let memory = PeerMemory::open(&folder.network(), limits, &clock)?;
    let plan = network_plan(&config, key, remembered(&memory.ledger));
    let remembered = plan.known.remembered.len();
    let mode = mode(&config, &chain, folder, keystore.as_ref(), remembered)?;
    let authority = authority::open(folder, keystore, mode)?;
    authority::warn_of_strange_keys(authority.as_ref(), &config.spec.authorities);

    let executor = TokioExecutor::new(tokio::runtime::Handle::current());
    let executor: Arc<dyn Executor> = Arc::new(executor);
    let bridge: Arc<dyn Bridge<Block>> = chain.clone();
    let roles = authority::roles(authority.as_ref());
    let strategies = registry.list(&config.settings);
    let linking = Linking {
        plan,
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
    };
    let linked = link(linking).await?;
    let facts = facts(&config, &linked.node, &chain, roles, strategies);
    let manager = linked.manager;
    let url = rpc_server.local_url();
    node_file(&url, &watched, &facts, &token).write(folder.path())?;
    greet(&config, &facts, &chain, authority.as_ref());

    let mut tasks = Tasks::default();
    tasks.spawn("network", linked.node.run());
    let (sync, events) = (Arc::clone(&manager), linked.events);
    tasks.spawn("sync", async move { sync.run(events).await });
    let attended = Attended {
        manager: Arc::clone(&manager),
        bridge,
        network: linked.network,
        roles,
        clock: Arc::clone(&clock),
    };
    watched.attend(&mut tasks, attended);
    tasks.spawn("peers", Arc::clone(&linked.peers).run());
    spawn_tier3(&mut tasks, &desk, &manager, &clock);
    let (held, closing) = (Arc::downgrade(&chain), chain.closing());
    let pool = Pool::new(Arc::clone(&chain), Arc::clone(&clock), config.pool);
    let pool = pool::put_back(pool, waiting).await;
    pool::spawn(&mut tasks, &pool, &manager, &clock, linked.transactions);
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
    let rpc = Rpc {
        facts: Arc::clone(&facts),
        manager,
        chain,
        pool: Arc::clone(&pool),
        desk,
        peers: Arc::clone(&linked.peers),
    };
    let rpc = rpc_server
        .start(rpc, token, config.access.clone())
        .inspect_err(|_| {
            // The start fails with the RPC's error; that the file stays behind too is found out by the next reader.
            let _ = NodeFile::remove(folder.path());
        })?;
    tracing::info!("〽️ RPC at {url}");
    Ok(Running {
        tasks,
        rpc,
        chain: held,
        closing,
        pool,
        facts,
        rpc_address,
        peers: linked.peers,
        exposed: watched.exposed,
    })
}

fn facts(
    config: &RunConfig,
    node: &network::Node,
    chain: &Chain,
    roles: Roles,
    strategies: Vec<StrategyInfo>,
) -> Arc<NodeFacts> {
    Arc::new(NodeFacts {
        chain: chain_facts(&config.spec),
        roles,
        peer_id: node.peer_id().to_string(),
        addresses: node.addresses().clone(),
        peers_expected: peers_expected(config),
        starting_block: chain.best().number,
        block_bytes: config.settings.limits.block_bytes,
        strategies,
    })
}

fn node_file(url: &str, watched: &Watched, facts: &NodeFacts, token: &Token) -> NodeFile {
    let addresses = facts.addresses.list();
    NodeFile {
        pid: std::process::id(),
        rpc_url: url.to_owned(),
        prometheus_url: watched.url.clone(),
        listen_addresses: addresses.iter().map(ToString::to_string).collect(),
        token: token.secret().to_owned(),
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
    loop {
        clock.sleep(BACKUP_UPKEEP).await;
        if matches!(manager.get_sync_status(), Ok(SyncStatus::InSync)) {
            let desk = Arc::clone(&desk);
            // A panic in it is logged by the runtime, and the next round tries again.
            let _ = tokio::task::spawn_blocking(move || desk.settle()).await;
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
    chain: &Chain,
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
        store: if chain.best().height() == 0 {
            StoreState::Empty
        } else {
            StoreState::HoldsBlocks
        },
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
