use super::tasks::Tasks;
use crate::{
    Block,
    network::{Arrived, Pushing},
    pool::{Gossip, Origin, Pool},
    runtime::Extrinsic,
};
use std::sync::Arc;
use sync_component::{NetworkSyncManager, ports::Clock};
use tokio::sync::mpsc;

/// What waited in a pool, and whence each came.
pub(super) type InPool = Vec<(Extrinsic, Origin)>;

/// What waited when the stores were exchanged waits again, as far as it applies.
pub(super) async fn put_back(pool: Pool, waiting: InPool) -> Arc<Pool> {
    let pool = Arc::new(pool);
    if !waiting.is_empty() {
        let into = Arc::clone(&pool);
        let work = move || {
            let waiting = waiting.into_iter();
            let back = waiting.flat_map(|(one, origin)| into.put_back(one, origin));
            tracing::info!(back = back.count(), "extrinsics wait again");
        };
        // A panic in it is logged by the runtime.
        let _ = tokio::task::spawn_blocking(work).await;
    }
    pool
}

/// Keeps the pool up to date with the chain, and with the peers' if there is a network.
pub(super) fn spawn(
    tasks: &mut Tasks,
    pool: &Arc<Pool>,
    manager: &Arc<NetworkSyncManager<Block>>,
    clock: &Arc<dyn Clock>,
    network: Option<(Pushing, mpsc::Receiver<Arrived>)>,
) {
    tasks.spawn("pool", Arc::clone(pool).maintain());
    if let Some((pushing, arrivals)) = network {
        let gossip = Gossip {
            pool: Arc::clone(pool),
            manager: Arc::clone(manager),
            clock: Arc::clone(clock),
            pushing,
            arrivals,
        };
        tasks.spawn("transactions", gossip.run());
    }
}
