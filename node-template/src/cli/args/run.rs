//! Options of a running node.

use super::super::address;
use crate::{rpc::Origins, service::DevKey};
use clap::{ArgAction, ArgGroup, Args, ValueEnum};
use libp2p::Multiaddr;
use std::{
    net::{IpAddr, SocketAddr},
    num::NonZeroUsize,
    path::PathBuf,
};

/// Options of a running node.
#[derive(Clone, Debug, Args)]
#[command(group(
    ArgGroup::new("authoring")
        .args(["dev", "validator", "alice", "bob", "charlie", "dave", "eve", "ferdie"])
        .multiple(true)
))]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a switch of the command line"
)]
pub struct RunArgs {
    /// Run alone on the `dev` chain: `--chain dev --alice`, and `--tmp` unless `--base-path` is given
    #[arg(long, conflicts_with_all = ["chain", "bob", "charlie", "dave", "eve", "ferdie"])]
    pub dev: bool,
    /// The chain: `dev`, `local`, or the path of a chain spec (TOML, or JSON by extension) [default: local]
    #[arg(long, value_name = "CHAIN")]
    pub chain: Option<String>,
    /// Folder of all chains' data [default: node-template in the user's data folder]
    #[arg(long, short = 'd', value_name = "PATH")]
    pub base_path: Option<PathBuf>,
    /// Keep the data in a new temporary folder and remove it at the end
    #[arg(long, conflicts_with = "base_path")]
    pub tmp: bool,
    /// This node's name, for people [default: the development key's name, else `node-template`]
    #[arg(long, value_name = "NAME", value_parser = address::name)]
    pub name: Option<String>,
    /// Author blocks with the keys of the keystore
    #[arg(long)]
    pub validator: bool,
    /// Author with the well-known development key that the option names
    #[command(flatten)]
    pub key: DevKeyArgs,
    /// Author without the votes of peers, while no connected peer has a block above genesis
    #[arg(long, requires = "authoring")]
    pub force_authoring: bool,
    /// Connect to nobody and listen to nobody
    #[arg(long, conflicts_with_all = ["bootnodes", "port", "listen_addr", "public_addr", "reserved_nodes", "reserved_only", "in_peers", "out_peers", "node_key", "node_key_file"])]
    pub isolated: bool,
    /// Peers to connect to, such as /ip4/192.0.2.1/tcp/30333/p2p/12D3Koo…; may be given several times
    #[arg(long, value_name = "MULTIADDR", num_args = 1.., action = ArgAction::Append, value_parser = address::bootnode)]
    pub bootnodes: Vec<Multiaddr>,
    /// Nodes that are always dialled, take no slot, and are trusted as the chain spec's reserved nodes are; may be given several
    /// times
    #[arg(long, value_name = "MULTIADDR", num_args = 1.., action = ArgAction::Append, value_parser = address::bootnode)]
    pub reserved_nodes: Vec<Multiaddr>,
    /// Meet reserved nodes only: nobody else is dialled or let in
    #[arg(long, conflicts_with_all = ["bootnodes", "in_peers", "out_peers"])]
    pub reserved_only: bool,
    /// Most peers that dial this node, reserved nodes aside [default: 32]
    #[arg(long, value_name = "N")]
    pub in_peers: Option<usize>,
    /// Most peers that this node dials, reserved nodes aside [default: 8]
    #[arg(long, value_name = "N")]
    pub out_peers: Option<usize>,
    /// Neither look for nodes on the local network nor be found there, by mDNS; so it is anyway on chains of type
    /// development, with --reserved-only, and when listening on loopback only
    #[arg(long)]
    pub no_mdns: bool,
    /// The network identity's secret key, 64 hex digits. Other users of this machine can read it; prefer a file
    #[arg(long, value_name = "HEX", conflicts_with = "node_key_file")]
    pub node_key: Option<String>,
    /// File with the network identity's secret key: 32 bytes, or 64 hex digits
    #[arg(long, value_name = "FILE")]
    pub node_key_file: Option<PathBuf>,
    /// TCP port for peers; 0 takes a free one
    #[arg(long, value_name = "PORT", default_value_t = 30333)]
    pub port: u16,
    /// Addresses to listen on for peers, instead of all interfaces at `--port`; may be given several times
    #[arg(long, value_name = "MULTIADDR", num_args = 1.., action = ArgAction::Append, value_parser = address::listen, conflicts_with = "port")]
    pub listen_addr: Vec<Multiaddr>,
    /// Addresses at which other nodes reach this one, where they are not those that it listens on: behind a router that
    /// hands a port through, or behind a proxy. Peers are told these instead; may be given several times
    #[arg(long, value_name = "MULTIADDR", num_args = 1.., action = ArgAction::Append, value_parser = address::public)]
    pub public_addr: Vec<Multiaddr>,
    /// TCP port of the RPC (HTTP and WebSocket); 0 takes a free one
    #[arg(long, value_name = "PORT", default_value_t = 9944)]
    pub rpc_port: u16,
    /// Serve the RPC on all interfaces, IPv4 and IPv6, not on this machine only
    #[arg(long)]
    pub rpc_external: bool,
    /// Which methods the RPC offers: `unsafe` ones change what the node does, and need the token of node.json in any case
    #[arg(long, value_enum, value_name = "METHODS", default_value_t = RpcMethods::Auto)]
    pub rpc_methods: RpcMethods,
    /// Web pages that may call the RPC, by their origin: `all`, or a list such as `https://example.org,http://localhost:*`
    /// [default: pages of this machine, and `https://polkadot.js.org`; with --dev all]
    #[arg(long, value_name = "ORIGINS")]
    pub rpc_cors: Option<Origins>,
    /// Most extrinsics in the transaction pool
    #[arg(long, value_name = "COUNT", default_value = "8192")]
    pub pool_limit: NonZeroUsize,
    /// Most kilobytes of extrinsics in the transaction pool
    #[arg(long, value_name = "COUNT", default_value = "20480")]
    pub pool_kbytes: NonZeroUsize,
    /// TCP port of the Prometheus metrics (`GET /metrics`); 0 takes a free one
    #[arg(long, value_name = "PORT", default_value_t = 9615)]
    pub prometheus_port: u16,
    /// Serve the Prometheus metrics on all interfaces, not on this machine only
    #[arg(long)]
    pub prometheus_external: bool,
    /// Serve no Prometheus metrics
    #[arg(long, conflicts_with_all = ["prometheus_port", "prometheus_external"])]
    pub no_prometheus: bool,
    /// Command line for `sh -c` that is run once per alert, at most once a minute for the same one, with the alert as a
    /// line of JSON on its standard input
    #[arg(long, value_name = "CMD", value_parser = address::command)]
    pub alert_cmd: Option<String>,
    /// Log filter, such as `info` or `sync=debug,libp2p=warn`; the word `json` among them makes each line a JSON object;
    /// may be given several times
    #[arg(long, short = 'l', value_name = "FILTER", action = ArgAction::Append)]
    pub log: Vec<String>,
    /// TOML file whose keys below `[sync]` take the place of the chain spec's
    #[arg(long, value_name = "FILE")]
    pub sync_config: Option<PathBuf>,
    /// Stop when standard input ends, so that a parent that dies takes its nodes along
    #[arg(long)]
    pub stop_with_stdin: bool,
}

impl RunArgs {
    /// Where the metrics are served.
    pub fn prometheus(&self) -> Option<SocketAddr> {
        let ip = if self.prometheus_external {
            std::net::Ipv4Addr::UNSPECIFIED
        } else {
            std::net::Ipv4Addr::LOCALHOST
        };
        (!self.no_prometheus).then(|| SocketAddr::new(ip.into(), self.prometheus_port))
    }

    /// Where the RPC listens.
    pub fn rpc_ip(&self) -> IpAddr {
        if self.rpc_external {
            std::net::Ipv4Addr::UNSPECIFIED.into()
        } else {
            std::net::Ipv4Addr::LOCALHOST.into()
        }
    }
}

/// Which methods the RPC offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RpcMethods {
    /// All, or the safe ones with `--rpc-external`
    Auto,
    /// Those that change nothing
    Safe,
    /// All; not with `--rpc-external`
    Unsafe,
}

/// The development keys; one at most.
#[derive(Clone, Debug, Default, Args)]
#[group(multiple = false)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a switch of the command line; at most one is set"
)]
pub struct DevKeyArgs {
    /// Author with the development key of Alice
    #[arg(long)]
    pub alice: bool,
    /// Author with the development key of Bob
    #[arg(long)]
    pub bob: bool,
    /// Author with the development key of Charlie
    #[arg(long)]
    pub charlie: bool,
    /// Author with the development key of Dave
    #[arg(long)]
    pub dave: bool,
    /// Author with the development key of Eve
    #[arg(long)]
    pub eve: bool,
    /// Author with the development key of Ferdie
    #[arg(long)]
    pub ferdie: bool,
}

impl DevKeyArgs {
    /// The key that is selected.
    pub fn selected(&self) -> Option<DevKey> {
        let switches = [
            self.alice,
            self.bob,
            self.charlie,
            self.dave,
            self.eve,
            self.ferdie,
        ];
        DevKey::ALL
            .into_iter()
            .zip(switches)
            .find_map(|(key, on)| on.then_some(key))
    }
}
