use crate::cli::{CliError, PlaceArgs, PurgeChainArgs, purge_chain};
use std::{
    fs::{self, File},
    path::Path,
};
use sync_component::{
    chain_sync::{BackupName, Journal, ResyncRun, Run, Stage, StoreId, Swap},
    ports::UnixMillis,
};

fn purge(base: &Path) -> Result<crate::cli::ExitCode, CliError> {
    purge_chain::run(&PurgeChainArgs {
        place: PlaceArgs {
            chain: None,
            dev: true,
            base_path: Some(base.to_owned()),
        },
        yes: true,
    })
}

fn chain_with_data(base: &Path) -> std::path::PathBuf {
    let folder = base.join("chains").join("dev");
    for file in [
        "db/full/CURRENT",
        "staging/CURRENT",
        "journal",
        "backups/20260101T000000000Z-5-ab/CURRENT",
        "keystore/61757261aa",
        "signed",
        "network/secret_ed25519",
        "LOCK",
    ] {
        let path = folder.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, b"x").unwrap();
    }
    fs::write(folder.join("journal"), begun().to_text()).unwrap();
    folder
}

fn begun() -> Journal {
    let run = Run::Resync(ResyncRun {
        strategy: "multi-source".to_owned(),
        peers: Vec::new(),
        checkpoint: None,
    });
    Journal::begin(run, UnixMillis(1))
}

/// The stores are exchanged, and the old chain has not come to its place yet.
#[test]
fn purge_in_the_middle_of_an_exchange_keeps_the_old_chain_as_a_backup() {
    let base = tempfile::tempdir().unwrap();
    let folder = chain_with_data(base.path());
    let backup = "20260201T000000000Z-9-cd";
    let swap = Swap {
        live: None,
        staged: StoreId("0xab".to_owned()),
        backup: BackupName(backup.to_owned()),
    };
    let journal = [
        Stage::Downloading,
        Stage::Validated,
        Stage::Swapping(swap.clone()),
        Stage::Committed(swap),
    ]
    .into_iter()
    .fold(begun(), |journal, stage| {
        journal.next(stage, UnixMillis(2)).unwrap()
    });
    fs::write(folder.join("journal"), journal.to_text()).unwrap();
    fs::write(folder.join("staging/CURRENT"), b"old").unwrap();
    purge(base.path()).unwrap();
    assert!(!folder.join("db").exists() && !folder.join("staging").exists());
    let kept = folder.join("backups").join(backup).join("CURRENT");
    assert_eq!(fs::read(kept).unwrap(), b"old");
}

/// It does not tell where the old chain is.
#[test]
fn purge_is_refused_where_the_journal_does_not_read() {
    let base = tempfile::tempdir().unwrap();
    let folder = chain_with_data(base.path());
    fs::write(folder.join("journal"), b"x").unwrap();
    let refused = purge(base.path()).unwrap_err().to_string();
    assert!(refused.contains("move the file away only if"), "{refused}");
    assert!(folder.join("db/full/CURRENT").exists() && folder.join("staging/CURRENT").exists());
}

#[test]
fn purge_removes_the_blocks_and_keeps_every_key_and_record() {
    let base = tempfile::tempdir().unwrap();
    let folder = chain_with_data(base.path());
    purge(base.path()).unwrap();
    assert!(!folder.join("db").exists());
    assert!(!folder.join("staging").exists());
    assert!(
        !folder.join("journal").exists(),
        "there is nothing to go on with"
    );
    for kept in [
        "keystore/61757261aa",
        "signed",
        "network/secret_ed25519",
        "backups/20260101T000000000Z-5-ab/CURRENT",
    ] {
        assert!(folder.join(kept).exists(), "{kept}");
    }
}

#[test]
fn purge_is_refused_while_a_node_holds_the_lock() {
    let base = tempfile::tempdir().unwrap();
    let folder = chain_with_data(base.path());
    let lock = File::options()
        .write(true)
        .open(folder.join("LOCK"))
        .unwrap();
    lock.lock().unwrap();
    assert!(matches!(purge(base.path()), Err(CliError::InUse { .. })));
    assert!(folder.join("db/full/CURRENT").exists());
}

#[test]
fn purge_of_nothing_succeeds_and_creates_nothing() {
    let base = tempfile::tempdir().unwrap();
    purge(base.path()).unwrap();
    assert_eq!(fs::read_dir(base.path()).unwrap().count(), 0);
}
