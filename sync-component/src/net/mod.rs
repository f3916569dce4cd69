//! The wire protocol over libp2p: the only module that names libp2p.
//!
//! [`new`] returns three ends: [`SyncBehaviour`] goes into the node's swarm beside its other behaviours and needs no
//! further code there, [`NetHandle`] is the [`Network`](crate::ports::Network) of the component, and the receiver
//! yields its [`NetworkEvent`]s. Message bodies are opaque here; they are decoded off the swarm's task.
//!
//! Each request opens a stream, and a stream names its protocol first. A swarm with
//! `with_substream_upgrade_protocol_override(Version::V1Lazy)` sends the request along with the name; otherwise it waits for a
//! round trip before each request, which doubles what a request over a long way takes.
//!
//! Behaviours that refuse connections (limits, allow lists) belong *before* this one in the swarm's derived struct:
//! libp2p does not take back a connection that an earlier behaviour has already accepted.

mod bandwidth;
mod behaviour;
mod call;
mod codec;
mod handle;
mod inbound;
mod keep_alive;
mod outbound;
mod outbox;
mod protocols;
mod refusals;

pub use bandwidth::Bandwidth;
pub use behaviour::{OfAnotherChain, SyncBehaviour};
pub use codec::SyncCodec;
pub use handle::NetHandle;
pub use protocols::protocol_name;
pub use refusals::RefusedPeer;

use crate::{ports::NetworkEvent, settings::SyncSettings};
use bandwidth::Counters;
use refusals::Refusals;
use std::sync::Arc;
use tokio::sync::mpsc;

/// Tokio's channels panic on a capacity of 0, and one beyond this is a setting gone wrong.
const CHANNEL_MAX: usize = 1 << 20;

/// The network of the chain whose block 0 has the hash `genesis`. Both channels hold `max_peers` ×
/// `requests_per_peer` entries; what does not fit into the event channel is answered `Busy`.
pub fn new(
    genesis: &[u8],
    settings: &SyncSettings,
) -> (SyncBehaviour, NetHandle, mpsc::Receiver<NetworkEvent>) {
    let limits = &settings.limits;
    let capacity = limits
        .max_peers
        .saturating_mul(limits.requests_per_peer)
        .clamp(1, CHANNEL_MAX);
    let (commands, command_queue) = mpsc::channel(capacity);
    let (events, event_queue) = mpsc::channel(capacity);
    let refusals = Arc::new(Refusals::new(limits.refused_peers));
    let counters = Arc::new(Counters::default());
    let handle = NetHandle::new(commands, Arc::clone(&refusals), Arc::clone(&counters));
    let behaviour = SyncBehaviour::new(
        protocols::Protocols::new(genesis, settings, &counters),
        behaviour::Ends {
            commands: command_queue,
            events,
            refusals,
        },
        settings,
    );
    (behaviour, handle, event_queue)
}
