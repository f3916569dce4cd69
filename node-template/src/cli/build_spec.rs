use super::{
    CliError, ExitCode, SpecFormat, SpecType, account::account, args::BuildSpecArgs, place::load,
    print,
};
use chain_spec::{ChainSpec, ChainType, Preset};
use sp_core::sr25519;
use sync_component::registry::defaults;

/// Prints the spec. A preset in TOML to which nothing is changed comes as the file that it is, comments included.
pub(super) fn run(args: &BuildSpecArgs) -> Result<ExitCode, CliError> {
    let text = match (Preset::by_name(&args.chain), args.format) {
        (Some(preset), SpecFormat::Toml) if changes_nothing(args) => preset.text().to_owned(),
        (_, SpecFormat::Toml) => changed(args)?.to_toml_explained(),
        (_, SpecFormat::Json) => changed(args)?.to_json(),
    };
    let end = if text.ends_with('\n') { "" } else { "\n" };
    print(&format!("{text}{end}"))?;
    Ok(ExitCode::Done)
}

fn changes_nothing(args: &BuildSpecArgs) -> bool {
    let is_named = args.name.is_some() || args.id.is_some() || args.kind.is_some();
    !is_named && args.authority.is_empty() && args.balance.is_empty()
}

fn changed(args: &BuildSpecArgs) -> Result<ChainSpec, CliError> {
    let mut spec = load(&args.chain)?;
    if let Some(name) = &args.name {
        name.clone_into(&mut spec.name);
    }
    if let Some(id) = &args.id {
        id.clone_into(&mut spec.id);
    }
    if let Some(kind) = args.kind {
        spec.chain_type = match kind {
            SpecType::Development => ChainType::Development,
            SpecType::Local => ChainType::Local,
            SpecType::Live => ChainType::Live,
        };
    }
    if !args.authority.is_empty() {
        let authorities = args.authority.iter().map(|text| {
            let account = account(text).ok_or_else(|| CliError::SpecOption {
                option: "--authority",
                given: text.clone(),
                expected: "an SS58 address, or 0x and 64 hex digits,",
            })?;
            Ok(account.into())
        });
        spec.authorities = authorities.collect::<Result<_, CliError>>()?;
        // The base's was chosen for its own number of authorities.
        let tier1 = defaults::tier1(spec.authorities.len());
        spec.sync.strategies.tier1 = Some(tier1.to_owned());
    }
    if !args.balance.is_empty() {
        let wrong = |text: &String, expected| CliError::SpecOption {
            option: "--balance",
            given: text.clone(),
            expected,
        };
        spec.genesis.balances.clear();
        for text in &args.balance {
            let (who, amount) = balance(text)
                .ok_or_else(|| wrong(text, "an account and an amount, such as 5Grw…=1000,"))?;
            if spec.genesis.balances.insert(who, amount).is_some() {
                return Err(wrong(text, "one amount for each account"));
            }
        }
    }
    // Every key stands there, also where the base leaves the choice to us.
    let strategies = &mut spec.sync.strategies;
    for (tier, default) in [
        (&mut strategies.tier2, defaults::TIER2),
        (&mut strategies.tier3, defaults::TIER3),
    ] {
        tier.get_or_insert_with(|| default.to_owned());
    }
    // What the options made is checked like a file.
    let checked = ChainSpec::from_toml("the new chain spec", &spec.to_toml());
    checked.map_err(|problems| CliError::NewSpec(problems.into()))
}

fn balance(text: &str) -> Option<(sr25519::Public, u128)> {
    let (who, amount) = text.split_once('=')?;
    Some((account(who)?, amount.parse().ok()?))
}
