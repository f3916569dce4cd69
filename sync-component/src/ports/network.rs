use super::PeerId;
use async_trait::async_trait;
use futures::channel::oneshot;
use std::fmt;

/// The protocols of SPEC section 2. Light and heavy requests are apart, so that a block reply never delays a status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// `sync/status/1`: status, and hashes at given numbers.
    Status,
    /// `sync/headers/1`: headers by range.
    Headers,
    /// `sync/blocks/1`: whole blocks by range.
    Blocks,
    /// `sync/state/1`: state by range, the proof only.
    State,
    /// `sync/announce/1`: a header pushed after an import.
    Announce,
}

impl Protocol {
    /// All of them, in the order of the table in SPEC section 2.
    pub const ALL: [Self; 5] = [
        Self::Status,
        Self::Headers,
        Self::Blocks,
        Self::State,
        Self::Announce,
    ];

    /// The part of the protocol name behind `/<genesis hex>/`.
    pub const fn suffix(self) -> &'static str {
        match self {
            Self::Status => "sync/status/1",
            Self::Headers => "sync/headers/1",
            Self::Blocks => "sync/blocks/1",
            Self::State => "sync/state/1",
            Self::Announce => "sync/announce/1",
        }
    }
}

/// Why a request brought no reply bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestFailure {
    /// No connection, or the stream ended before the whole reply was there. A lost connection and a stream that the
    /// peer ended look alike.
    #[error("the peer is not connected")]
    Disconnected,
    /// No reply within the caller's time.
    #[error("no answer in time")]
    Timeout,
    /// The peer does not speak this protocol for our genesis: another chain, or another version.
    #[error("the peer does not speak our protocol: it is on another chain, or too old or too new")]
    Unsupported,
    /// More requests to this peer are under way than its stream limit allows.
    #[error("too many requests to this peer are under way")]
    TooManyInFlight,
    /// The reply broke the envelope: its length is above the cap, or no varint. The peer's bytes prove it.
    #[error("the reply broke the envelope: its length is above the cap, or no length at all")]
    BrokenEnvelope,
}

/// Sends requests to peers. Bodies are the SCALE bytes of [`crate::wire`]; the envelope is the network's.
#[async_trait]
pub trait Network: fmt::Debug + Send + Sync {
    /// Asks `peer` and waits for the reply body. Dropping the future ends the request: what came of a reply is given back, no more of it is
    /// read, and a late one is never matched to another request.
    async fn request(
        &self,
        peer: &PeerId,
        protocol: Protocol,
        body: Vec<u8>,
    ) -> Result<Vec<u8>, RequestFailure>;

    /// Closes all connections to `peer` and, until [`Network::allow`], refuses new ones.
    fn refuse(&self, peer: &PeerId);

    /// Takes back [`Network::refuse`].
    fn allow(&self, peer: &PeerId);
}

/// What the network tells the component.
#[derive(Debug)]
pub enum NetworkEvent {
    /// The first connection to this peer is up.
    Connected(PeerId),
    /// The last connection to this peer is gone.
    Disconnected(PeerId),
    /// A peer asks us. Dropping `reply` ends the stream without an answer, which only a local fault justifies.
    Request {
        /// Who asks.
        peer: PeerId,
        /// On which protocol.
        protocol: Protocol,
        /// The body; at most the protocol's request cap long.
        body: Vec<u8>,
        /// Takes the body of the reply.
        reply: oneshot::Sender<Vec<u8>>,
    },
}
