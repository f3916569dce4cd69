use super::{
    bandwidth::Counters,
    call::{CallCodec, Request},
    codec::SyncCodec,
    keep_alive::KeepAlive,
};
use crate::{ports::Protocol, settings::SyncSettings, wire::WireLimits};
use libp2p::{
    StreamProtocol,
    request_response::{Behaviour, Config, Event, ProtocolSupport},
    swarm::NetworkBehaviour,
};
use std::{sync::Arc, time::Duration};

/// What a stream may last beyond the longest that anybody waits for a reply: for opening it, and for the last of a reply to
/// leave. Too low: replies that arrive in their last second are cut off; too high: a peer that reads our replies drop by drop
/// holds its share of `serving_bytes` for longer.
const STREAM_SLACK: Duration = Duration::from_secs(5);

/// Streams per connection and protocol, in units of `requests_per_peer`: one for our requests, two for the peer's that
/// are admitted, one for those that are being told `Busy`. libp2p drops further ones without a word.
const STREAM_UNITS: usize = 4;

/// One request-response behaviour per protocol, so that no protocol waits for another.
#[derive(NetworkBehaviour)]
pub struct Protocols {
    status: Behaviour<CallCodec>,
    headers: Behaviour<CallCodec>,
    blocks: Behaviour<CallCodec>,
    state: Behaviour<CallCodec>,
    announce: Behaviour<CallCodec>,
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

    pub(super) fn of(&mut self, protocol: Protocol) -> &mut Behaviour<CallCodec> {
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
    pub(super) fn split(self) -> (Protocol, Event<Request, Vec<u8>>) {
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
) -> Behaviour<CallCodec> {
    let wire = WireLimits::new(settings);
    let codec = CallCodec {
        envelope: SyncCodec {
            request_cap: wire.request_cap(protocol),
            reply_cap: wire.reply_cap(protocol),
            counters: Arc::clone(counters),
        },
        caller: None,
    };
    let streams = settings
        .limits
        .requests_per_peer
        .saturating_mul(STREAM_UNITS);
    let config = Config::default()
        .with_request_timeout(stream_timeout(protocol, settings))
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

/// After how long libp2p gives a stream up, in either direction. Those of our own requests end with their caller, before that; a
/// peer that asks us is taken to wait as long as we would. `tier1_timeout_secs` counts for blocks and states, too, so that a peer
/// whose operator gives them more time than we do, over a slow link, is not cut off.
fn stream_timeout(protocol: Protocol, settings: &SyncSettings) -> Duration {
    let answers = settings.tier1.timeout;
    let longest = match protocol {
        Protocol::Blocks | Protocol::State => answers.max(settings.tier2.timeout_per_block),
        Protocol::Status | Protocol::Headers | Protocol::Announce => answers,
    };
    longest.saturating_add(STREAM_SLACK)
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

#[cfg(test)]
mod tests;
