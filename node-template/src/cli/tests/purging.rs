use crate::cli::{CliError, PlaceArgs, PurgeChainArgs, purge_chain};
use std::{
    fs::{self, File},
    path::Path,
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
    folder
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
