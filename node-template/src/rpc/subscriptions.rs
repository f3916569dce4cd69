use super::present::Present;
use crate::{Block, Header, authoring::Chain};
use jsonrpsee::{PendingSubscriptionSink, core::SubscriptionResult};
use sync_component::{
    BlockId,
    ports::{BridgeError, ReadChain},
};
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

/// Sends the header of `head` now and whenever it is another one, of whatever chain is there. A client that is slower than the
/// chain misses those in between, never the last; it costs one header at a time.
pub(super) async fn heads(
    pending: PendingSubscriptionSink,
    present: Present,
    head: Head,
) -> SubscriptionResult {
    let sink = pending.accept().await?;
    let mut sent = None;
    loop {
        tokio::select! {
            () = sink.closed() => return Ok(()),
            () = present.wait() => {}
        }
        let Some(live) = present.get() else { continue };
        let mut events = live.chain.events();
        drop(live);
        // Not held while nothing happens: whoever holds the chain holds up an exchange of the stores.
        while let Some(live) = present.get() {
            let (now, header) = newest(&live.chain, head, sent)?;
            drop(live);
            if let Some(header) = header {
                let message = serde_json::value::to_raw_value(&header)?;
                sink.send(message).await?;
                sent = Some(now);
            }
            tokio::select! {
                () = sink.closed() => return Ok(()),
                event = events.recv() => match event {
                    Ok(_) | Err(RecvError::Lagged(_)) => {}
                    // The chain is closed; there will be another one, or the node ends.
                    Err(RecvError::Closed) => break,
                },
            }
        }
    }
}

/// Which block `head` is now, and its header if it is not the one that was `sent`.
fn newest(
    chain: &Chain,
    head: Head,
    sent: Option<BlockId<Block>>,
) -> Result<(BlockId<Block>, Option<Header>), BridgeError> {
    let now = head.of(chain);
    let header = if sent == Some(now) {
        None
    } else {
        chain.header(now.hash)?
    };
    Ok((now, header))
}
