use crate::{
    keystore::DevKey,
    network::{Admission, LocalDiscovery},
    pool::Limits,
    rpc::Access,
};
use chain_spec::ChainSpec;
use libp2p::Multiaddr;
use std::{fmt, net::SocketAddr, path::PathBuf};
use sync_component::SyncSettings;

/// All that a node needs to know to run, with every default filled in. The command line fills it; a program of one's own
/// may do so, too.
#[derive(Clone, Debug)]
pub struct RunConfig {
    /// The chain.
    pub spec: ChainSpec,
    /// Its `[sync]` settings, with `--sync-config` on top.
    pub settings: SyncSettings,
    /// Where the data go.
    pub base: BaseFolder,
    /// The node's name.
    pub name: String,
    /// Whether it authors.
    pub duty: Duty,
    /// `--force-authoring`.
    pub authoring: AuthoringRule,
    /// How it meets others.
    pub network: NetworkConfig,
    /// How much the transaction pool holds.
    pub pool: Limits,
    /// Where the RPC listens.
    pub rpc: SocketAddr,
    /// Who may call what of it.
    pub access: Access,
    /// Where Prometheus metrics are served; `None`: nowhere.
    pub prometheus: Option<SocketAddr>,
    /// What is run for each alert.
    pub alert_command: Option<String>,
    /// The log filter, and `json` for JSON lines.
    pub log: String,
    /// What the end of standard input means.
    pub standard_input: StandardInput,
}

/// What the end of standard input means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StandardInput {
    /// Nothing; it is not read.
    Ignored,
    /// The node stops, so that a parent that dies takes its nodes along.
    EndStops,
}

/// Where the data go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BaseFolder {
    /// Kept there.
    Kept(PathBuf),
    /// In a new temporary folder that is removed at the end.
    Temporary,
}

/// Whether a node authors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Duty {
    /// It follows the chain.
    Full,
    /// It authors with the keys of its keystore.
    Validator,
    /// It authors with a development key, and with the keys of its keystore.
    Development(DevKey),
}

/// When a node authors without votes (SPEC section 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthoringRule {
    /// Where the chain has a single authority.
    Voted,
    /// Also while no connected peer has a block above genesis.
    Forced,
}

/// How a node meets others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NetworkConfig {
    /// Not at all.
    Isolated,
    /// Over libp2p.
    Connected {
        /// Addresses to listen on; at least one.
        listen: Vec<Multiaddr>,
        /// Addresses that peers are told instead of those; none: those.
        public: Vec<Multiaddr>,
        /// Ways into the network, of the command line and of the chain spec.
        bootnodes: Vec<Multiaddr>,
        /// Nodes that are always dialled, let in whatever the slots say, and trusted; of the command line and of the chain
        /// spec.
        reserved: Vec<Multiaddr>,
        /// Who else is met.
        admission: Admission,
        /// Whether nodes on the same local network find each other.
        local: LocalDiscovery,
        /// The identity; `None`: the one of the chain's folder, made at the first start.
        key: Option<NodeKey>,
    },
}

impl NetworkConfig {
    /// Where it listens; nowhere if it is isolated.
    pub fn listen(&self) -> &[Multiaddr] {
        match self {
            Self::Isolated => &[],
            Self::Connected { listen, .. } => listen,
        }
    }
}

/// The secret key of the network identity (ed25519). Never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct NodeKey([u8; NodeKey::BYTES]);

impl NodeKey {
    /// Length in bytes.
    pub const BYTES: usize = 32;

    /// The key with these secret bytes.
    pub fn new(secret: [u8; Self::BYTES]) -> Self {
        Self(secret)
    }

    /// The secret bytes.
    pub fn secret(&self) -> &[u8; Self::BYTES] {
        &self.0
    }
}

impl fmt::Debug for NodeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NodeKey(…)")
    }
}
