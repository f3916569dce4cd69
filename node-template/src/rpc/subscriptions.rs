use crate::{Block, authoring::Chain};
use jsonrpsee::{PendingSubscriptionSink, core::SubscriptionResult};
use std::sync::Arc;
use sync_component::{BlockId, ports::ReadChain};
use tokio::sync::broadcast::error::RecvError;

/// Which block a subscription follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Head {
    /// The best.
    Best,
    /// The highest final one.
    Finalized,
}

impl Head {
    fn of(self, chain: &Chain) -> BlockId<Block> {
        match self {
            Self::Best => chain.best(),
            Self::Finalized => chain.finalized(),
        }
    }
}

/// Sends the header of `head` now and whenever it is another one. A client that is slower than the chain misses those in
/// between, never the last; it costs one header at a time.
pub(super) async fn heads(
    pending: PendingSubscriptionSink,
    chain: Arc<Chain>,
    head: Head,
) -> SubscriptionResult {
    let sink = pending.accept().await?;
    let mut events = chain.events();
    let mut sent = None;
    loop {
        let now = head.of(&chain);
        if sent != Some(now)
            && let Some(header) = chain.header(now.hash)?
        {
            let message = serde_json::value::to_raw_value(&header)?;
            sink.send(message).await?;
            sent = Some(now);
        }
        tokio::select! {
            () = sink.closed() => return Ok(()),
            event = events.recv() => match event {
                Ok(_) | Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return Ok(()),
            },
        }
    }
}
