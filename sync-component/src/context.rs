//! [`SyncContext`]: everything a strategy can see and touch.

use crate::{
    observer::Observer,
    peers::PeerClient,
    ports::{Bridge, Clock, Executor, Randomness},
    settings::SyncSettings,
};
use sp_runtime::traits::Block as BlockT;
use std::sync::Arc;

/// The world of a strategy (SPEC section 8): peers, chain, clock, randomness, an executor for heavy work, settings.
pub struct SyncContext<B: BlockT> {
    /// Typed requests to peers, with time-outs and the ledger behind them.
    pub peers: PeerClient<B>,
    /// The chain.
    pub bridge: Arc<dyn Bridge<B>>,
    /// The only source of time.
    pub clock: Arc<dyn Clock>,
    /// The only source of randomness.
    pub randomness: Arc<dyn Randomness>,
    /// Where blocking work goes.
    pub executor: Arc<dyn Executor>,
    /// Who measures.
    pub observer: Arc<dyn Observer>,
    /// The checked `[sync]` table.
    pub settings: Arc<SyncSettings>,
}

impl<B: BlockT> Clone for SyncContext<B> {
    fn clone(&self) -> Self {
        Self {
            peers: self.peers.clone(),
            bridge: Arc::clone(&self.bridge),
            clock: Arc::clone(&self.clock),
            randomness: Arc::clone(&self.randomness),
            executor: Arc::clone(&self.executor),
            observer: Arc::clone(&self.observer),
            settings: Arc::clone(&self.settings),
        }
    }
}
