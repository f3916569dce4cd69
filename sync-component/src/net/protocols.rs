use super::{bandwidth::Counters, codec::SyncCodec, keep_alive::KeepAlive};
use crate::{ports::Protocol, settings::SyncSettings, wire::WireLimits};
use libp2p::{
    StreamProtocol,
    request_response::{Behaviour, Config, Event, ProtocolSupport},
    swarm::NetworkBehaviour,
};
use std::{sync::Arc, time::Duration};

/// After this long libp2p gives a stream up, in either direction. Time-outs that mean something are the caller's; this
/// lies above the longest that the settings accept (300 s), so it only cleans up.
const STREAM_TIMEOUT: Duration = Duration::from_secs(330);

/// Streams per connection and protocol, in units of `requests_per_peer`: one for our requests, two for the peer's that
/// are admitted, one for those that are being told `Busy`. libp2p drops further ones without a word.
const STREAM_UNITS: usize = 4;

/// One request-response behaviour per protocol, so that no protocol waits for another.
#[derive(NetworkBehaviour)]
pub struct Protocols {
    status: Behaviour<SyncCodec>,
    headers: Behaviour<SyncCodec>,
    blocks: Behaviour<SyncCodec>,
    state: Behaviour<SyncCodec>,
    announce: Behaviour<SyncCodec>,
    keep_alive: KeepAlive,
}

impl Protocols {
    pub(super) fn new(genesis: &[u8], settings: &SyncSettings, counters: &Arc<Counters>) -> Self {
        let behaviour = |protocol| behaviour(protocol, genesis, settings, counters);
        Self {
            status: behaviour(Protocol::Status),
            headers: behaviour(Protocol::Headers),
            blocks: behaviour(Protocol::Blocks),
            state: behaviour(Protocol::State),
            announce: behaviour(Protocol::Announce),
            keep_alive: KeepAlive::default(),
        }
    }

    pub(super) fn of(&mut self, protocol: Protocol) -> &mut Behaviour<SyncCodec> {
        match protocol {
            Protocol::Status => &mut self.status,
            Protocol::Headers => &mut self.headers,
            Protocol::Blocks => &mut self.blocks,
            Protocol::State => &mut self.state,
            Protocol::Announce => &mut self.announce,
        }
    }

    pub(super) fn keep_alive(&mut self) -> &mut KeepAlive {
        &mut self.keep_alive
    }
}

impl ProtocolsEvent {
    /// The same event with its protocol as a value.
    pub(super) fn split(self) -> (Protocol, Event<Vec<u8>, Vec<u8>>) {
        match self {
            Self::Status(event) => (Protocol::Status, event),
            Self::Headers(event) => (Protocol::Headers, event),
            Self::Blocks(event) => (Protocol::Blocks, event),
            Self::State(event) => (Protocol::State, event),
            Self::Announce(event) => (Protocol::Announce, event),
            Self::KeepAlive(never) => match never {},
        }
    }
}

fn behaviour(
    protocol: Protocol,
    genesis: &[u8],
    settings: &SyncSettings,
    counters: &Arc<Counters>,
) -> Behaviour<SyncCodec> {
    let wire = WireLimits::new(settings);
    let codec = SyncCodec {
        request_cap: wire.request_cap(protocol),
        reply_cap: wire.reply_cap(protocol),
        counters: Arc::clone(counters),
    };
    let streams = settings
        .limits
        .requests_per_peer
        .saturating_mul(STREAM_UNITS);
    let config = Config::default()
        .with_request_timeout(STREAM_TIMEOUT)
        .with_max_concurrent_streams(streams);
    Behaviour::with_codec(
        codec,
        [(
            protocol_name(genesis, protocol.suffix()),
            ProtocolSupport::Full,
        )],
        config,
    )
}

/// `/<genesis hex>/<suffix>`, where `genesis` is the hash of block 0: a peer of another chain does not even share the
/// protocol's name. A node names its own protocols in the same way.
pub fn protocol_name(genesis: &[u8], suffix: &str) -> StreamProtocol {
    use std::fmt::Write as _;
    let mut name = String::from("/");
    for byte in genesis {
        write!(name, "{byte:02x}").expect("writing to a string does not fail");
    }
    name.push('/');
    name.push_str(suffix);
    StreamProtocol::try_from_owned(name).expect("it begins with a slash")
}
