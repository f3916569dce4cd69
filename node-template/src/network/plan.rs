use crate::service::NodeKey;
use chain_spec::ChainType;
use libp2p::Multiaddr;
use std::time::Duration;
use sync_component::settings::Limits;

/// How a node meets others.
#[derive(Clone, Debug)]
pub struct NetworkPlan {
    /// The identity.
    pub key: NodeKey,
    /// Addresses to listen on; none for a node that is isolated, or only asks.
    pub listen: Vec<Multiaddr>,
    /// Addresses that peers are told instead of those that we listen on; none: those that we listen on.
    pub public: Vec<Multiaddr>,
    /// Whom to dial from the start on.
    pub known: KnownNodes,
    /// Who else is met.
    pub admission: Admission,
    /// Whether nodes on the same local network find each other.
    pub local: LocalDiscovery,
    /// Which addresses of others are believed.
    pub told: ToldAddresses,
    /// Pauses between dials, and how much is kept of peers that are not connected.
    pub limits: DialLimits,
}

/// Nodes that are known before anybody is met; each address ends in `/p2p/<peer id>`, others name nobody.
#[derive(Clone, Debug, Default)]
pub struct KnownNodes {
    /// Always dialled, and let in whatever the slots say.
    pub reserved: Vec<Multiaddr>,
    /// Dialled until each was met once, and then while slots are free or nobody is connected.
    pub bootnodes: Vec<Multiaddr>,
    /// Of an earlier run, the most consistent first; dialled while slots are free.
    pub remembered: Vec<Multiaddr>,
}

/// Whom a node meets beside its reserved nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// Everybody, as far as there are slots.
    Everyone(SlotCount),
    /// Nobody: neither let in nor dialled.
    ReservedOnly,
}

/// How many peers a node meets, reserved nodes aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotCount {
    /// Most peers that dialled us. Too low: newcomers find no place; too high: strangers cost memory and bandwidth.
    pub inbound: usize,
    /// Most peers that we dial for ourselves. Too low: those who dial us could be all that we see.
    pub outbound: usize,
}

impl SlotCount {
    /// Substrate's numbers.
    pub const DEFAULT: Self = Self {
        inbound: 32,
        outbound: 8,
    };
}

/// Whether nodes on the same local network find each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LocalDiscovery {
    /// By multicast DNS: we tell where we listen, and hear of others.
    Mdns,
    /// Not at all.
    Off,
}

/// Which addresses that peers tell, of themselves or of others, are believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToldAddresses {
    /// All: the chain is for development, its nodes are on one machine or one private network.
    All,
    /// Those that lead at least as far as the connection over which they were told, so that nobody out in the world makes
    /// us knock at the doors of our own network.
    AsFarAsTheTeller,
}

impl ToldAddresses {
    /// What suits a chain of this type.
    pub fn of(chain: ChainType) -> Self {
        match chain {
            ChainType::Development | ChainType::Local => Self::All,
            ChainType::Live => Self::AsFarAsTheTeller,
        }
    }
}

/// Bounds on dialling (SPEC section 9).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DialLimits {
    /// The first pause after a dial that failed; doubles.
    pub backoff_first: Duration,
    /// The longest pause.
    pub backoff_max: Duration,
    /// Each pause varies by up to this part of itself.
    pub backoff_jitter: f64,
    /// Most peers that others told of, or whose chain is another one, that are kept in mind.
    pub found_peers: usize,
    /// Most addresses that are kept of one of them.
    pub addresses_per_peer: usize,
}

impl From<&Limits> for DialLimits {
    fn from(limits: &Limits) -> Self {
        Self {
            backoff_first: limits.backoff_first,
            backoff_max: limits.backoff_max,
            backoff_jitter: limits.backoff_jitter,
            found_peers: limits.found_peers,
            addresses_per_peer: limits.addresses_per_peer,
        }
    }
}
