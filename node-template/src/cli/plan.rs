use super::{
    CliError, RunArgs, node_key,
    place::{chain_name, default_base_path},
    strategies::settings,
};
use crate::service::{
    AuthoringRule, BaseFolder, DevKey, Duty, NetworkConfig, RunConfig, StandardInput,
};
use chain_spec::ChainSpec;
use libp2p::Multiaddr;
use std::net::SocketAddr;

/// The log filter where `--log` says nothing.
const DEFAULT_LOG: &str = "info";

/// Name of a node to which nobody gave one.
const DEFAULT_NAME: &str = env!("CARGO_PKG_NAME");

/// What the run options ask for. Reads the chain spec, `--sync-config` and `--node-key-file`, and touches nothing else.
pub(super) fn config(args: &RunArgs) -> Result<RunConfig, CliError> {
    let spec = ChainSpec::load(chain_name(args.chain.as_deref(), args.dev))?;
    Ok(RunConfig {
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
        prometheus: args.prometheus(),
        alert_command: args.alert_cmd.clone(),
        log: if args.log.is_empty() {
            DEFAULT_LOG.to_owned()
        } else {
            args.log.join(",")
        },
        standard_input: if args.stop_with_stdin {
            StandardInput::EndStops
        } else {
            StandardInput::Ignored
        },
        spec,
    })
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

fn network(args: &RunArgs, spec: &ChainSpec) -> Result<NetworkConfig, CliError> {
    let key = node_key::of(args.node_key.as_deref(), args.node_key_file.as_deref())?;
    if args.isolated {
        return Ok(NetworkConfig::Isolated);
    }
    let of_chain = spec.bootnodes.iter().chain(&spec.reserved_nodes);
    let of_chain = of_chain.map(|text| {
        text.parse()
            .expect("the chain spec's reader has checked its addresses")
    });
    Ok(NetworkConfig::Connected {
        listen: if args.listen_addr.is_empty() {
            all_interfaces(args.port)
        } else {
            args.listen_addr.clone()
        },
        bootnodes: args.bootnodes.iter().cloned().chain(of_chain).collect(),
        key,
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
