//! What stays open while the stores are exchanged: the swarm with its connections, and the RPC with its clients (SPEC section 7).

use super::{
    ChainFolder, ServiceError,
    link::{Linked, link},
    relay::{Connected, NothingToRecall, Relay},
    start::Ports,
    tasks::{TaskEnded, Tasks},
};
use crate::{
    network::{Arrived, NetworkPlan, Pushing, ReachedAt},
    rpc::{Access, NodeFacts, Present, Rpc, Serving, Token},
    service::ResyncDesk,
    status_view::NodeFile,
};
use sp_core::H256;
use std::{sync::Arc, time::Duration};
use sync_component::{SyncSettings, net::NetHandle, orchestrator::Fetching, ports::NetworkEvent};
use tokio::sync::mpsc;

/// How long RPC calls under way may take to end when the node stops. Too low: their callers get no answer.
const RPC_PATIENCE: Duration = Duration::from_secs(2);

/// What a node needs to open its doors. The ports were taken before anything was written.
pub(super) struct Opening<'a> {
    pub(super) ports: Ports,
    pub(super) plan: NetworkPlan,
    pub(super) genesis: H256,
    pub(super) settings: &'a SyncSettings,
    pub(super) access: Access,
    pub(super) prometheus_url: Option<String>,
    pub(super) desk: Arc<ResyncDesk>,
}

/// A node's doors. Behind them nobody is at home yet, or not for the moment: peers and callers wait.
pub(super) struct Doors {
    tasks: Tasks,
    network: NetHandle,
    reached: ReachedAt,
    events: Relay<NetworkEvent>,
    transactions: Option<(Pushing, Relay<Arrived>)>,
    rpc: Serving,
    present: Present,
    facts: Arc<NodeFacts>,
}

impl Doors {
    /// Opens them; `facts` says who is behind them, given where the node listens. Nothing runs when a port is refused.
    pub(super) async fn open(
        opening: Opening<'_>,
        folder: &ChainFolder,
        facts: impl FnOnce(&crate::network::Node) -> NodeFacts,
    ) -> Result<Self, ServiceError> {
        let Opening {
            ports: Ports { rpc: server, peers },
            plan,
            genesis,
            settings,
            access,
            prometheus_url,
            desk,
        } = opening;
        // The swarm takes them again at once, with sockets of its own.
        drop(peers);
        let Linked {
            node,
            network,
            events,
            transactions,
        } = link(plan, genesis, settings, Fetching::Tier2).await?;
        let facts = Arc::new(facts(&node));
        let reached = node.reached().clone();
        let (url, token) = (server.local_url(), Token::new());
        let addresses = facts.addresses.list();
        let file = NodeFile {
            pid: std::process::id(),
            rpc_url: url.clone(),
            prometheus_url,
            listen_addresses: addresses.iter().map(ToString::to_string).collect(),
            token: token.secret().to_owned(),
        };
        file.write(folder.path())?;
        let present = Present::default();
        let rpc = Rpc {
            facts: Arc::clone(&facts),
            present: present.clone(),
            desk,
        };
        let rpc = server.start(rpc, token, access)?;
        tracing::info!("〽️ RPC at {url}");
        let mut tasks = Tasks::default();
        tasks.spawn("network", node.run());
        let (events, passing) = Relay::of(events, Connected::default());
        tasks.spawn("events", passing);
        let transactions = transactions.map(|(pushing, arrivals)| {
            let (arrivals, passing) = Relay::of(arrivals, NothingToRecall);
            tasks.spawn("arrivals", passing);
            (pushing, arrivals)
        });
        Ok(Self {
            tasks,
            network,
            reached,
            events,
            transactions,
            rpc,
            present,
            facts,
        })
    }

    pub(super) fn network(&self) -> &NetHandle {
        &self.network
    }

    pub(super) fn reached(&self) -> &ReachedAt {
        &self.reached
    }

    pub(super) fn facts(&self) -> &NodeFacts {
        &self.facts
    }

    /// Where the RPC finds who is at home.
    pub(super) fn present(&self) -> &Present {
        &self.present
    }

    /// What happens in the network from now on, beginning with who is connected.
    pub(super) async fn events(&self) -> mpsc::Receiver<NetworkEvent> {
        self.events.listen().await
    }

    /// The pool's ends of `transactions/1`.
    pub(super) async fn transactions(&self) -> Option<(Pushing, mpsc::Receiver<Arrived>)> {
        let (pushing, arrivals) = self.transactions.as_ref()?;
        Some((pushing.clone(), arrivals.listen().await))
    }

    /// Waits for the first task that ends.
    pub(super) async fn first_end(&mut self) -> TaskEnded {
        self.tasks.first_end().await
    }

    /// The node can no longer be found from the first moment on, and takes no more calls; those under way go on.
    pub(super) fn begin_to_close(&self, folder: &ChainFolder) {
        if let Err(error) = NodeFile::remove(folder.path()) {
            tracing::warn!("{error}");
        }
        self.rpc.begin_to_stop();
    }

    /// Closes them, and waits for it.
    pub(super) async fn close(self, folder: &ChainFolder) {
        self.begin_to_close(folder);
        self.tasks.stop().await;
        self.rpc.stop(RPC_PATIENCE).await;
    }
}
