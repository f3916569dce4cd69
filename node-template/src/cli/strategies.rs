use super::{CliError, ExitCode, args::StrategiesArgs, print};
use chain_spec::ChainSpec;
use std::{fmt::Write, path::Path, time::Duration};
use sync_component::{
    StrategyRegistry, SyncSettings,
    registry::{Selection, StrategyInfo},
    settings::{
        StrategyNames,
        document::{Document, DocumentError},
    },
    status::Tier,
};

/// Prints the registry and marks what the chain selects. A selected name that is not in it is an error, after the list.
pub(super) fn run(args: &StrategiesArgs) -> Result<ExitCode, CliError> {
    let spec = ChainSpec::load(&args.chain)?;
    let settings = settings(&spec, args.sync_config.as_deref())?;
    let registry = StrategyRegistry::<crate::Block>::with_builtins();
    print(&list(&registry.list(&settings)))?;
    registry.check(&settings)?;
    Ok(ExitCode::Done)
}

/// The names of the strategies that this program has.
pub(super) fn known() -> StrategyNames {
    StrategyRegistry::<crate::Block>::with_builtins().known()
}

/// The chain's settings with the node's own file on top.
pub(super) fn settings(
    spec: &ChainSpec,
    sync_config: Option<&Path>,
) -> Result<SyncSettings, CliError> {
    let settings = spec.sync.clone();
    let Some(path) = sync_config else {
        return Ok(settings);
    };
    let slot = Duration::from_millis(spec.slot_duration.as_millis());
    // Nobody may ever write into a pipe.
    if path.exists() && !path.is_file() && !path.is_dir() {
        let path = path.to_owned();
        return Err(CliError::NotAFile { path });
    }
    let document = Document::open(path)?.knowing(known());
    Ok(settings
        .with_override(document, slot)
        .map_err(DocumentError::from)?)
}

fn list(known: &[StrategyInfo]) -> String {
    let mut text = String::new();
    for tier in [Tier::HeightCheck, Tier::CatchUp, Tier::Resync] {
        // Writing to a text cannot fail.
        let _ = writeln!(text, "{tier}");
        let mut of_tier = known.iter().filter(|info| info.tier == tier).peekable();
        if of_tier.peek().is_none() {
            text.push_str("    none in this version\n");
        }
        for info in of_tier {
            let mark = match info.selection {
                Selection::Selected => '*',
                Selection::Available => ' ',
            };
            let _ = writeln!(text, "  {mark} {}", info.name);
        }
    }
    text
}
