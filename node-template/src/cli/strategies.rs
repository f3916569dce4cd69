use super::{CliError, ExitCode, args::StrategiesArgs, print};
use crate::runtime::Block;
use chain_spec::ChainSpec;
use std::{fmt::Write, path::Path, time::Duration};
use sync_component::{
    StrategyRegistry, SyncSettings,
    registry::{StrategyInfo, defaults},
    settings::document::Document,
    status::Tier,
};

/// Prints the registry and marks what the chain selects.
pub(super) fn run(args: &StrategiesArgs) -> Result<ExitCode, CliError> {
    let spec = ChainSpec::load(&args.chain)?;
    let settings = settings(&spec, args.sync_config.as_deref())?;
    let registry = StrategyRegistry::<Block>::with_builtins();
    print(&list(&registry.list(), &settings))?;
    Ok(ExitCode::Done)
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
    let document = Document::open(path)?;
    let settings = settings.with_override(document, slot);
    Ok(settings.map_err(sync_component::settings::document::DocumentError::from)?)
}

fn list(known: &[StrategyInfo], settings: &SyncSettings) -> String {
    let mut text = String::new();
    for tier in [Tier::HeightCheck, Tier::CatchUp, Tier::Resync] {
        // Writing to a text cannot fail.
        let _ = writeln!(text, "{tier}");
        let names: Vec<&str> = known
            .iter()
            .filter(|info| info.tier == tier)
            .map(|info| info.name.as_str())
            .collect();
        if names.is_empty() {
            text.push_str("    (none in this version)\n");
        }
        let selected = selected(tier, settings);
        for name in &names {
            let mark = if Some(*name) == selected { '*' } else { ' ' };
            let _ = writeln!(text, "  {mark} {name}");
        }
        if let Some(name) = selected.filter(|name| !names.contains(name)) {
            let _ = writeln!(text, "  ! {name} is selected and not known; no node starts with it");
        }
    }
    text
}

fn selected(tier: Tier, settings: &SyncSettings) -> Option<&str> {
    let choice = &settings.strategies;
    match tier {
        Tier::HeightCheck => Some(choice.tier1.as_deref().unwrap_or(defaults::TIER1)),
        Tier::CatchUp => Some(choice.tier2.as_deref().unwrap_or(defaults::TIER2)),
        Tier::Resync => choice.tier3.as_deref(),
    }
}
