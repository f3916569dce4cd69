use super::{
    BackupsCommand, CliError, ExitCode, RestoreArgs,
    args::StandInArgs,
    pace::Pace,
    place::Place,
    print,
    progress::{Audience, Lines, Moment, Progress, Unit},
    resync::{Operated, block_on, confirm, follow_restore},
    resync_alone::{end, hold},
};
use crate::{rpc::BackupView, service::ChainFolder};
use runtime_bridge::resync::Copied;
use std::{
    fs, io,
    path::Path,
    time::{Duration, Instant},
};

/// Lists, restores and removes old chains.
pub(super) fn run(command: &BackupsCommand) -> Result<ExitCode, CliError> {
    match command {
        BackupsCommand::List(args) => list(args),
        BackupsCommand::Restore(args) => restore(args),
        BackupsCommand::Prune(args) => prune(args),
    }
}

fn list(args: &StandInArgs) -> Result<ExitCode, CliError> {
    let place = Place::of_node(args)?;
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

fn prune(args: &StandInArgs) -> Result<ExitCode, CliError> {
    let place = Place::of_node(args)?;
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
    let place = Place::of_node(&args.node)?;
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
    let place = Place::of_node(&args.node)?;
    // Nobody touches the backups meanwhile. A running node may: then it is seen that the copy is not whole.
    let _lock = match place.lock() {
        Err(CliError::InUse { .. }) => None,
        lock => lock?,
    };
    let files = place.resync_files();
    let backups = files.backups();
    let name = backups.find(&args.id)?;
    let at = |path: &Path| {
        let path = path.to_owned();
        move |source| CliError::Path { path, source }
    };
    if is_in_use(to).map_err(at(to))? {
        return Err(CliError::NotEmpty {
            folder: to.to_owned(),
        });
    }
    let target = ChainFolder::new(to, &place.spec.id).store();
    let mut progress = Progress::new(Audience::People, Lines::Out).patient();
    let (start, mut speed) = (Instant::now(), Pace::new());
    backups.copy(&name, &target, |Copied { done, total }| {
        // What cannot be shown does not stop the work.
        let _ = progress.show(|now| {
            speed.reached(now.duration_since(start), 0, done);
            copying(done, total, &speed)
        });
    })?;
    drop(progress);
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
