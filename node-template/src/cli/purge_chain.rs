use super::{
    CliError, ExitCode,
    args::PurgeChainArgs,
    confirm::{Answer, ask},
    place::Place,
    print,
    progress::Progress,
};
use runtime_bridge::resync::Started;
use std::{
    fs, io,
    path::{Path, PathBuf},
};
use sync_component::chain_sync::Stage;

/// What is removed of a chain's folder: what can be had again from the network. Keys, `signed`, the network key and
/// backups are not among it (SPEC section 1, *Signing*, and section 7).
const REMOVED: [&str; 3] = ["db", "staging", "staging.new"];

/// The journal of a resync or a restore: without the stores there is nothing to go on with.
const JOURNAL: &str = "journal";

/// Removes the blocks, after a question.
pub(super) fn run(args: &PurgeChainArgs) -> Result<ExitCode, CliError> {
    let place = Place::of(&args.place)?;
    let Some(_lock) = place.lock()? else {
        return nothing(&place);
    };
    let paths = present(&place.folder)?;
    if paths.is_empty() {
        return nothing(&place);
    }
    print(&format!(
        "This removes the blocks of chain {} from this machine:\n",
        place.spec.id
    ))?;
    for path in &paths {
        print(&format!("  {}\n", path.display()))?;
    }
    print("Keys, signing records and the network key stay.\n")?;
    if !args.yes {
        let answer = ask(
            "Remove them?",
            &mut io::stdin().lock(),
            &mut io::stdout().lock(),
        )?;
        if answer == Answer::No {
            return Err(CliError::NotConfirmed);
        }
    }
    keep_the_old_chain(&place)?;
    // A store may have got another place, or gone.
    let paths = present(&place.folder)?;
    // First: with it, the next start would look for stores that are gone.
    let journal = place.folder.join(JOURNAL);
    match fs::remove_file(&journal) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            let path = journal;
            return Err(CliError::Path { path, source });
        }
        _ => {}
    }
    for path in &paths {
        let busy = Progress::busy("removing");
        let removed = fs::remove_dir_all(path);
        drop(busy);
        removed.map_err(|source| CliError::Path {
            path: path.clone(),
            source,
        })?;
        print(&format!("removed {}\n", path.display()))?;
    }
    Ok(ExitCode::Done)
}

/// In the middle of an exchange `staging`, or even the live place, holds the chain that is promised as a backup: the exchange is
/// finished or taken back first, as a start would.
fn keep_the_old_chain(place: &Place) -> Result<(), CliError> {
    let files = place.resync_files();
    let stage = files.journal()?.map(|journal| journal.stage);
    if let Some(Stage::Swapping(_) | Stage::Committed(_)) = stage
        && let Started::Swapped { backup } = files.recover()?
    {
        let kept = backup.map_or_else(
            || "there was no old chain to keep".to_owned(),
            |backup| format!("the old chain is kept as backup {backup}"),
        );
        print(&format!(
            "an interrupted exchange of the stores was finished; {kept}\n"
        ))?;
    }
    Ok(files.sweep()?)
}

fn nothing(place: &Place) -> Result<ExitCode, CliError> {
    print(&format!(
        "nothing to remove: there are no blocks in {}\n",
        place.folder.display()
    ))?;
    Ok(ExitCode::Done)
}

fn present(folder: &Path) -> Result<Vec<PathBuf>, CliError> {
    let mut paths = Vec::new();
    for name in REMOVED {
        let path = folder.join(name);
        match path.try_exists() {
            Ok(true) => paths.push(path),
            Ok(false) => {}
            Err(source) => return Err(CliError::Path { path, source }),
        }
    }
    Ok(paths)
}
