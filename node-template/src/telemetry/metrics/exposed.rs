use super::{
    Metrics,
    moment::{Beside, Moment, backups},
};
use crate::{Block, pool::Pool, service::ResyncDesk};
use prometheus::TextEncoder;
use std::sync::{Arc, PoisonError, RwLock, Weak};
use sync_component::{NetworkSyncManager, net::NetHandle, wire::Roles};

/// The node that runs now.
#[derive(Clone, Debug)]
pub struct LiveNode {
    /// Whose status is shown. Weak: whoever reads metrics must not hold a store that is to be exchanged.
    pub manager: Weak<NetworkSyncManager<Block>>,
    /// Whose traffic is shown.
    pub network: NetHandle,
    /// What waits for a block. Weak for the same reason.
    pub pool: Weak<Pool>,
    /// What it tells its peers to be.
    pub roles: Roles,
}

/// What one answer is made from. It stays while the node stops for an exchange of its stores and starts again; meanwhile
/// there are the counts, and no heights.
#[derive(Debug)]
pub struct Exposed {
    metrics: Arc<Metrics>,
    desk: Arc<ResyncDesk>,
    node: RwLock<Option<LiveNode>>,
}

impl Exposed {
    /// No node runs yet.
    pub fn new(metrics: Arc<Metrics>, desk: Arc<ResyncDesk>) -> Self {
        Self {
            metrics,
            desk,
            node: RwLock::new(None),
        }
    }

    /// A node runs, or none does any more.
    pub fn runs(&self, node: Option<LiveNode>) {
        *self.node.write().unwrap_or_else(PoisonError::into_inner) = node;
    }

    /// The text for Prometheus. Looks into a folder, so it blocks for a moment. The chain is held only until this returns.
    pub(super) fn text(&self) -> Result<String, prometheus::Error> {
        let chain = self.metrics.chain();
        let mut families = self.metrics.families();
        if let Ok(kept) = self.desk.backups() {
            families.extend(backups(kept.len(), chain));
        }
        let node = self
            .node
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let held = node.and_then(|node| {
            let (manager, pool) = (node.manager.upgrade()?, node.pool.upgrade()?);
            Some((node, manager, pool))
        });
        if let Some((node, manager, pool)) = held {
            let beside = Beside {
                ready: pool.ready_count(),
                roles: node.roles,
                traffic: node.network.bandwidth(),
            };
            families.extend(Moment::of(&manager).families(beside, chain));
        }
        TextEncoder::new().encode_to_string(&families)
    }
}
