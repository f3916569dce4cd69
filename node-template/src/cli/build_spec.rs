use super::{CliError, ExitCode, SpecFormat, args::BuildSpecArgs, print};
use chain_spec::{ChainSpec, Preset};

/// Prints the spec. A preset in TOML comes as the file that it is, comments included.
pub(super) fn run(args: &BuildSpecArgs) -> Result<ExitCode, CliError> {
    let text = match (Preset::by_name(&args.chain), args.format) {
        (Some(preset), SpecFormat::Toml) => preset.text().to_owned(),
        (_, SpecFormat::Toml) => ChainSpec::load(&args.chain)?.to_toml(),
        (_, SpecFormat::Json) => ChainSpec::load(&args.chain)?.to_json(),
    };
    let end = if text.ends_with('\n') { "" } else { "\n" };
    print(&format!("{text}{end}"))?;
    Ok(ExitCode::Done)
}
