use super::{
    CliError, DevKey, NodeKey, RunArgs,
    place::{chain_name, default_base_path},
    strategies::settings,
};
use chain_spec::ChainSpec;
use libp2p::Multiaddr;
use std::{net::SocketAddr, path::PathBuf};
use sync_component::SyncSettings;

/// The log filter where `--log` says nothing.
const DEFAULT_LOG: &str = "info";

/// Name of a node to which nobody gave one.
const DEFAULT_NAME: &str = env!("CARGO_PKG_NAME");

/// What the run options ask for, with every default filled in and every file but the store's own read.
#[derive(Clone, Debug)]
pub struct RunPlan {
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
    pub network: NetworkPlan,
    /// Where the RPC listens.
    pub rpc: SocketAddr,
    /// The log filter.
    pub log: String,
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
pub enum NetworkPlan {
    /// Not at all.
    Isolated,
    /// Over libp2p.
    Connected {
        /// Addresses to listen on; at least one.
        listen: Vec<Multiaddr>,
        /// Peers to connect to, of the command line and of the chain spec.
        bootnodes: Vec<Multiaddr>,
        /// The identity; `None`: the one of the chain's folder, made at the first start.
        key: Option<NodeKey>,
    },
}

impl RunPlan {
    /// What `args` ask for.
    pub fn of(args: &RunArgs) -> Result<Self, CliError> {
        let spec = ChainSpec::load(chain_name(args.chain.as_deref(), args.dev))?;
        Ok(Self {
            settings: settings(&spec, args.sync_config.as_deref())?,
            base: base(args)?,
            name: name(args),
            duty: duty(args),
            authoring: if args.force_authoring {
                AuthoringRule::Forced
            } else {
                AuthoringRule::Voted
            },
            network: network(args, &spec)?,
            rpc: SocketAddr::new(args.rpc_ip(), args.rpc_port),
            log: if args.log.is_empty() {
                DEFAULT_LOG.to_owned()
            } else {
                args.log.join(",")
            },
            spec,
        })
    }
}

fn base(args: &RunArgs) -> Result<BaseFolder, CliError> {
    match &args.base_path {
        Some(path) => Ok(BaseFolder::Kept(path.clone())),
        None if args.tmp || args.dev => Ok(BaseFolder::Temporary),
        None => default_base_path().map(BaseFolder::Kept),
    }
}

fn dev_key(args: &RunArgs) -> Option<DevKey> {
    args.key
        .selected()
        .or_else(|| args.dev.then_some(DevKey::Alice))
}

fn name(args: &RunArgs) -> String {
    match (&args.name, dev_key(args)) {
        (Some(name), _) => name.clone(),
        (None, Some(key)) => key.name().to_owned(),
        (None, None) => DEFAULT_NAME.to_owned(),
    }
}

fn duty(args: &RunArgs) -> Duty {
    match dev_key(args) {
        Some(key) => Duty::Development(key),
        None if args.validator => Duty::Validator,
        None => Duty::Full,
    }
}

fn network(args: &RunArgs, spec: &ChainSpec) -> Result<NetworkPlan, CliError> {
    if args.isolated {
        return Ok(NetworkPlan::Isolated);
    }
    let of_chain = spec.bootnodes.iter().map(|text| {
        text.parse()
            .expect("the chain spec's reader has checked its addresses")
    });
    Ok(NetworkPlan::Connected {
        listen: if args.listen_addr.is_empty() {
            all_interfaces(args.port)
        } else {
            args.listen_addr.clone()
        },
        bootnodes: args.bootnodes.iter().cloned().chain(of_chain).collect(),
        key: NodeKey::of(args.node_key.as_deref(), args.node_key_file.as_deref())?,
    })
}

fn all_interfaces(port: u16) -> Vec<Multiaddr> {
    use libp2p::multiaddr::Protocol;
    let ip4 = Protocol::Ip4(std::net::Ipv4Addr::UNSPECIFIED);
    let ip6 = Protocol::Ip6(std::net::Ipv6Addr::UNSPECIFIED);
    [ip4, ip6]
        .map(|ip| Multiaddr::from(ip).with(Protocol::Tcp(port)))
        .into()
}
