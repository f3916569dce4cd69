use super::{
    CliError, RunArgs,
    args::RpcMethods,
    meeting, node_key,
    place::{chain_name, default_base_path, load},
    strategies::settings,
};
use crate::{
    pool::Limits,
    rpc::{Access, MethodsOffered, Origins},
    service::{AuthoringRule, BaseFolder, DevKey, Duty, RunConfig, StandardInput},
};
use std::net::SocketAddr;

/// The log filter where `--log` says nothing.
const DEFAULT_LOG: &str = "info";

/// Name of a node to which nobody gave one.
const DEFAULT_NAME: &str = env!("CARGO_PKG_NAME");

/// What the run options ask for. Reads the chain spec, `--sync-config` and `--node-key-file`, and touches nothing else.
pub(super) fn config(args: &RunArgs) -> Result<RunConfig, CliError> {
    let spec = load(chain_name(args.chain.as_deref(), args.dev))?;
    let settings = settings(&spec, args.sync_config.as_deref())?;
    let key = node_key::of(args.node_key.as_deref(), args.node_key_file.as_deref())?;
    Ok(RunConfig {
        network: meeting::network(args, &spec, &settings.limits, key)?,
        settings,
        base: base(args)?,
        name: name(args),
        duty: duty(args),
        authoring: if args.force_authoring {
            AuthoringRule::Forced
        } else {
            AuthoringRule::Voted
        },
        pool: Limits {
            count: args.pool_limit.get(),
            bytes: args.pool_kbytes.get().saturating_mul(1_024),
            ..Limits::default()
        },
        rpc: SocketAddr::new(args.rpc_ip(), args.rpc_port),
        access: access(args)?,
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

fn access(args: &RunArgs) -> Result<Access, CliError> {
    let methods = match (args.rpc_methods, args.rpc_external) {
        (RpcMethods::Unsafe, true) => return Err(CliError::UnsafeOutside),
        (RpcMethods::Safe, _) => MethodsOffered::Safe,
        // Who calls decides, not where the server listens.
        (RpcMethods::Auto, _) | (RpcMethods::Unsafe, false) => MethodsOffered::All,
    };
    let origins = match &args.rpc_cors {
        Some(origins) => origins.clone(),
        None if args.dev => Origins::All,
        None => Origins::default(),
    };
    Ok(Access { methods, origins })
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
