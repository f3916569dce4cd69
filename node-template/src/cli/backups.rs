use super::{
    BackupsCommand, CliError, ExitCode, PlaceArgs, RestoreArgs,
    pace::Pace,
    place::Place,
    print,
    progress::{Audience, Lines, Moment, Progress, Unit},
    resync::{Operated, block_on, confirm, follow_restore},
    resync_alone::{end, hold},
};
use crate::{Block, rpc::BackupView, runtime::TemplateRuntime, service::ChainFolder};
use runtime_bridge::resync::{Places, RealDisk, ResyncFiles, StoreFolders};
use std::{
    fs, io,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};
use sync_component::ports::{Clock, SystemClock};

/// Lists, restores and removes old chains.
pub(super) fn run(command: &BackupsCommand) -> Result<ExitCode, CliError> {
    match command {
        BackupsCommand::List(args) => list(args),
        BackupsCommand::Restore(args) => restore(args),
        BackupsCommand::Prune(args) => prune(args),
    }
}

fn list(args: &PlaceArgs) -> Result<ExitCode, CliError> {
    let place = Place::of(args)?;
    let backups = if let Some(node) = Operated::if_it_runs(&place)? {
        block_on(async { Ok(node.client.backups().await?) })?
    } else {
        let backups = hold(&place)?.desk().backups()?;
        backups.iter().map(Into::into).collect()
    };
    if backups.is_empty() {
        print("there are no backups\n")?;
    }
    for backup in &backups {
        print(&line(backup))?;
    }
    Ok(ExitCode::Done)
}

fn line(backup: &BackupView) -> String {
    let age = backup.age_seconds.map_or_else(
        || "of unknown age".to_owned(),
        |seconds| format!("{} h old", Duration::from_secs(seconds).as_secs() / 3_600),
    );
    let since = if backup.in_sync_since {
        "in sync since"
    } else {
        "not in sync since: kept"
    };
    format!("{}  {age}, {since}\n", backup.id)
}

fn prune(args: &PlaceArgs) -> Result<ExitCode, CliError> {
    let place = Place::of(args)?;
    let removed = if let Some(node) = Operated::if_it_runs(&place)? {
        block_on(async { Ok(node.client.prune_backups().await?) })?
    } else {
        let pruned = hold(&place)?.desk().prune()?;
        pruned.removed.into_iter().map(|name| name.0).collect()
    };
    if removed.is_empty() {
        print("nothing to remove: every backup is young, or the node was not in sync since\n")?;
    }
    for name in removed {
        print(&format!("removed {name}\n"))?;
    }
    Ok(ExitCode::Done)
}

fn restore(args: &RestoreArgs) -> Result<ExitCode, CliError> {
    if let Some(to) = &args.to {
        return copy(args, to);
    }
    let place = Place::of(&args.place)?;
    let node = Operated::if_it_runs(&place)?;
    print("The backup becomes the live chain; the present chain becomes a backup.\n")?;
    if !args.yes {
        confirm("Restore it?")?;
    }
    let Some(node) = node else {
        let alone = hold(&place)?;
        alone.recover()?;
        alone.desk().restore(&args.id)?;
        let last = alone.swap()?;
        return end(&alone, last);
    };
    block_on(async {
        let name = node.client.restore_backup(&args.id).await?;
        print(&format!("restoring {name}\n"))?;
        follow_restore(&place, node).await
    })
}

/// Copies a backup, so that another node can be started on it; nothing of this node is touched.
fn copy(args: &RestoreArgs, to: &Path) -> Result<ExitCode, CliError> {
    let place = Place::of(&args.place)?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let stores = StoreFolders::<Block, _>::new(place.spec.clone(), TemplateRuntime, clock.clone());
    let places = Places::in_folder(&place.folder);
    let files = ResyncFiles::new(places, Arc::new(RealDisk), Arc::new(stores), clock);
    let name = files.backups().find(&args.id)?;
    let from = files.places().backup(&name);
    let at = |path: &Path| {
        let path = path.to_owned();
        move |source| CliError::Path { path, source }
    };
    let target = ChainFolder::new(to, &place.spec.id).store();
    if is_in_use(to).map_err(at(to))? {
        return Err(CliError::NotEmpty {
            folder: to.to_owned(),
        });
    }
    fs::create_dir_all(&target).map_err(at(&target))?;
    copy_files(&from, &target).map_err(at(&target))?;
    print(&format!(
        "copied to {}; run a node on it with --base-path {}\n",
        target.display(),
        to.display()
    ))?;
    Ok(ExitCode::Done)
}

fn is_in_use(folder: &Path) -> io::Result<bool> {
    match fs::read_dir(folder) {
        Ok(mut entries) => Ok(entries.next().is_some()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Copies the files of a store, and shows how far it is.
fn copy_files(from: &Path, to: &Path) -> io::Result<()> {
    let mut files = Vec::new();
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let name = entry.file_name();
        // Its own marker of age, and the lock file of a database that is closed, are not part of the store.
        if entry.file_type()?.is_file() && name != "IN_SYNC_SINCE" && name != "LOCK" {
            files.push((name, entry.metadata()?.len()));
        }
    }
    let total = files.iter().map(|(_, bytes)| bytes).sum();
    let mut progress = Progress::new(Audience::People, Lines::Out).patient();
    let (start, mut pace, mut done) = (Instant::now(), Pace::new(), 0);
    for (name, bytes) in files {
        // What cannot be shown does not stop the work.
        let _ = progress.show(|now| {
            pace.reached(now.duration_since(start), 0, done);
            copying(done, total, &pace)
        });
        fs::copy(from.join(&name), to.join(&name))?;
        done += bytes;
    }
    Ok(())
}

fn copying(done: u64, total: u64, pace: &Pace) -> Moment {
    Moment {
        doing: "copying".to_owned(),
        note: String::new(),
        done,
        total: Some(total),
        unit: Unit::Bytes,
        rate: None,
        left: pace.left(total),
    }
}
