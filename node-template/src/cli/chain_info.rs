use super::{CliError, ExitCode, PlaceArgs, place::Place, print};
use chain_spec::ChainType;

/// Prints the chain's identity.
pub(super) fn run(args: &PlaceArgs) -> Result<ExitCode, CliError> {
    let place = Place::of(args)?;
    print(&identity(&place))?;
    Ok(ExitCode::Done)
}

fn identity(place: &Place) -> String {
    let spec = &place.spec;
    let kind = match spec.chain_type {
        ChainType::Development => "Development",
        ChainType::Local => "Local",
        ChainType::Live => "Live",
    };
    format!(
        "chain        {} ({kind})\nid           {}\nauthorities  {}\nslot         {} ms\nfolder       {}\n",
        spec.name,
        spec.id,
        spec.authorities.len(),
        spec.slot_duration.as_millis(),
        place.folder.display()
    )
}
