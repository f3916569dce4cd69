use super::{
    ChainFolder, Duty, NetworkConfig, RunConfig, ServiceError,
    authority::{self, Authority},
    production::{self, Circumstances, StoreState},
    tasks::Tasks,
};
use crate::{
    Block,
    authoring::{Author, Chain, Slots},
    network::{self, NetworkPlan},
    rpc::{NodeFacts, PeersExpected, Rpc, Server},
    runtime::TemplateRuntime,
    status_view::NodeFile,
    telemetry::Informant,
};
use chain_spec::ChainType;
use jsonrpsee::server::ServerHandle;
use std::sync::Arc;
use sync_component::{
    NetworkSyncManager, StrategyRegistry, net,
    orchestrator::{Parts, ProductionMode},
    ports::{
        Bridge, Clock, Executor, ReadChain, SystemClock, SystemRandomness, TokioExecutor,
        VerifyHeaders,
    },
};

/// A node that runs.
pub(super) struct Running {
    pub(super) tasks: Tasks,
    rpc: ServerHandle,
}

impl Running {
    /// Ends everything and waits for it; the node can no longer be found from its first moment on.
    pub(super) async fn stop(self, folder: &ChainFolder) {
        if let Err(error) = NodeFile::remove(folder.path()) {
            tracing::warn!("{error}");
        }
        // An error only says that it has stopped already.
        let _ = self.rpc.stop();
        self.tasks.stop().await;
        self.rpc.stopped().await;
    }
}

/// Opens everything, ports included, then starts the tasks. Nothing runs yet when a file or a port is refused.
pub(super) async fn start(
    config: RunConfig,
    registry: StrategyRegistry<Block>,
    folder: &ChainFolder,
) -> Result<Running, ServiceError> {
    let key = match &config.network {
        NetworkConfig::Connected { key: Some(key), .. } => key.clone(),
        NetworkConfig::Connected { key: None, .. } | NetworkConfig::Isolated => {
            network::load_or_create(&folder.network_key())?
        }
    };
    let rpc_server = Server::bind(config.rpc)?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let chain = Arc::new(Chain::open(
        &folder.store(),
        &config.spec,
        TemplateRuntime,
        Arc::clone(&clock),
    )?);
    let mode = mode(&config, &chain, folder)?;
    let authority = authority::open(folder, config.duty, mode)?;

    let genesis = chain.genesis_hash();
    let (behaviour, net_handle, events) = net::new(genesis.as_bytes(), &config.settings);
    let node = network::Node::start(network_plan(&config, key), behaviour).await?;

    let executor: Arc<dyn Executor> =
        Arc::new(TokioExecutor::new(tokio::runtime::Handle::current()));
    let bridge: Arc<dyn Bridge<Block>> = chain.clone();
    let facts = Arc::new(NodeFacts {
        peer_id: node.peer_id().to_string(),
        addresses: node.addresses().clone(),
        peers_expected: peers_expected(&config),
        starting_block: chain.best().number,
        strategies: registry.list(&config.settings),
    });
    let manager = Arc::new(NetworkSyncManager::new(Parts {
        bridge: Arc::clone(&bridge),
        network: Arc::new(net_handle.clone()),
        clock: Arc::clone(&clock),
        randomness: Arc::new(SystemRandomness),
        executor: Arc::clone(&executor),
        settings: config.settings.clone(),
        registry,
        roles: authority::roles(authority.as_ref()),
        production: mode,
    })?);
    greet(&config, &facts, &chain);

    let mut tasks = Tasks::default();
    tasks.spawn("network", node.run());
    let sync = Arc::clone(&manager);
    tasks.spawn("sync", async move { sync.run(events).await });
    let informant = Informant {
        manager: Arc::clone(&manager),
        bridge: Arc::clone(&bridge),
        network: net_handle,
        clock: Arc::clone(&clock),
    };
    tasks.spawn("informant", informant.run());
    if let Some(authority) = authority {
        let job = AuthoringJob {
            authority,
            manager: Arc::clone(&manager),
            chain,
            clock,
            executor,
        };
        tasks.spawn("authoring", job.run());
    }
    let url = rpc_server.local_url();
    let addresses = facts.addresses.clone();
    let rpc = Rpc {
        facts,
        manager,
        bridge,
    };
    let rpc = rpc_server.start(rpc)?;
    let file = NodeFile {
        pid: std::process::id(),
        rpc_url: url.clone(),
        listen_addresses: addresses.list().iter().map(ToString::to_string).collect(),
    };
    file.write(folder.path())?;
    tracing::info!("〽️ RPC at {url}");
    Ok(Running { tasks, rpc })
}

struct AuthoringJob {
    authority: Authority,
    manager: Arc<NetworkSyncManager<Block>>,
    chain: Arc<Chain>,
    clock: Arc<dyn Clock>,
    executor: Arc<dyn Executor>,
}

impl AuthoringJob {
    /// Ends only if the record cannot be kept: a node that should author and cannot is stopped, not left idle.
    async fn run(self) {
        let Authority { keys, opening } = self.authority;
        let slots = Slots::new(self.chain.slot_duration());
        let authorities = self
            .chain
            .authorities_at(self.chain.best().hash)
            .map_or(1, |authorities| authorities.len());
        let ready = authority::ready(opening, slots, authorities, self.clock.as_ref()).await;
        let signed = match ready {
            Ok(signed) => Arc::new(signed),
            Err(error) => {
                tracing::error!("{error}");
                return;
            }
        };
        authority::author(Author {
            manager: self.manager,
            chain: self.chain,
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
) -> Result<ProductionMode, ServiceError> {
    Ok(production::mode(&Circumstances {
        authorities: config.spec.authorities.len(),
        rule: config.authoring,
        network: &config.network,
        reserved_nodes: config.spec.reserved_nodes.len(),
        store: if chain.best().height() == 0 {
            StoreState::Empty
        } else {
            StoreState::HoldsBlocks
        },
        record: authority::record_state(folder)?,
    }))
}

fn network_plan(config: &RunConfig, key: super::NodeKey) -> NetworkPlan {
    let (listen, bootnodes) = match &config.network {
        NetworkConfig::Isolated => (Vec::new(), Vec::new()),
        NetworkConfig::Connected {
            listen, bootnodes, ..
        } => (listen.clone(), bootnodes.clone()),
    };
    NetworkPlan {
        key,
        listen,
        bootnodes,
        max_incoming: config.settings.limits.max_peers,
    }
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

fn greet(config: &RunConfig, facts: &NodeFacts, chain: &Chain) {
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
    let role = match config.duty {
        Duty::Full => "FULL",
        Duty::Validator | Duty::Development(_) => "AUTHORITY",
    };
    tracing::info!("👤 Role: {role}");
    tracing::info!("🆔 Local node identity is: {}", facts.peer_id);
    for address in facts.addresses.list() {
        tracing::info!("📞 Listening for peers on {address}");
    }
}
