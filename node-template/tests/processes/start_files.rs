//! Files that a node finds at its start and cannot use: it names them, says what to do, and leaves them as they are.

use crate::harness::{chain_folder, error_line, run};
use std::{fs, os::unix::fs::PermissionsExt, path::Path};

/// What a node on the `dev` chain says that must not start.
fn refused(base: &Path, args: &str) -> String {
    let output = run(&format!(
        "{args} --rpc-port 0 --prometheus-port 0 --listen-addr /ip4/127.0.0.1/tcp/0 -d {}",
        base.display()
    ));
    error_line(&output)
}

/// A file below the chain's folder, with the mode that a secret has.
fn put(base: &Path, name: &str, bytes: &[u8]) -> std::path::PathBuf {
    let path = chain_folder(base, "dev").join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, bytes).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    path
}

#[test]
fn damaged_record_of_seals_stops_the_start() {
    let base = tempfile::tempdir().unwrap();
    // The format of this version, and then nothing that belongs there.
    let bytes = b"\x01\0\0\0 but no record of anything that any key has sealed";
    let path = put(base.path(), "signed", bytes);
    let error = refused(base.path(), "--dev");
    assert!(
        error.contains("/signed ") && error.contains("move it away"),
        "{error}"
    );
    assert_eq!(fs::read(path).unwrap(), bytes);
}

#[test]
fn keys_that_are_damaged_exposed_or_foreign_stop_the_start() {
    // Alice's public key, behind `aura` in hex.
    let alice = "keystore/61757261d43593c715fdd31c61141abd04a99fd6822c8559854ccde39a5684e7a56da27d";
    let table: [(&[u8], u32, &str); 4] = [
        (b"no JSON", 0o600, "keystore"),
        (b"\"no secret\"", 0o600, "keystore"),
        (b"\"//Alice\"", 0o640, "chmod 600"),
        (b"\"//Bob\"", 0o600, "another key"),
    ];
    for (bytes, mode, expected) in table {
        let base = tempfile::tempdir().unwrap();
        let path = put(base.path(), alice, bytes);
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let error = refused(base.path(), "--chain dev --validator");
        assert!(error.contains(expected), "{mode:o} {expected}: {error}");
        assert!(error.contains("61757261d435"), "{error}");
        assert!(!error.contains("//"), "no secret is repeated: {error}");
        assert_eq!(fs::read(&path).unwrap(), bytes);
    }
}

#[test]
fn advice_fits_what_is_wrong_with_a_path() {
    let files = tempfile::tempdir().unwrap();
    let file = files.path().join("file");
    fs::write(&file, "").unwrap();
    let error = refused(&file, "--dev");
    assert!(error.contains("a file stands where a folder"), "{error}");
    assert!(error.contains("--base-path"), "{error}");
    let nowhere = files.path().join("nowhere").display().to_string();
    let missing = run(&format!("key inspect-node-key --file {nowhere}"));
    let error = error_line(&missing);
    assert!(error.contains("check that it is there"), "{error}");
    let short = run(&format!("key inspect-node-key --file {}", file.display()));
    let error = error_line(&short);
    assert!(error.ends_with("give the right file"), "{error}");
    let number = error_line(&run("--dev --port many"));
    assert!(number.contains("a whole number is expected"), "{number}");
}

#[test]
fn lock_that_is_a_folder_is_named() {
    let base = tempfile::tempdir().unwrap();
    let lock = chain_folder(base.path(), "dev").join("LOCK");
    fs::create_dir_all(&lock).unwrap();
    let error = refused(base.path(), "--dev");
    assert!(error.contains("/LOCK"), "{error}");
    assert!(lock.is_dir());
}

#[test]
fn broken_journal_stops_the_start() {
    let base = tempfile::tempdir().unwrap();
    let path = put(base.path(), "journal", b"nonsense");
    let error = refused(base.path(), "--dev");
    assert!(error.contains("/journal"), "{error}");
    assert!(error.contains("move the file away"), "one line: {error}");
    assert_eq!(fs::read(path).unwrap(), b"nonsense");
}

#[test]
fn keys_of_the_wrong_type_in_sync_config_are_named_all_at_once() {
    let base = tempfile::tempdir().unwrap();
    let files = tempfile::tempdir().unwrap();
    let config = files.path().join("sync.toml");
    let text = "[sync]\ntier1_max_gap = \"five\"\ntier2_max_gap = -1\ntier1_strategy = 7\n";
    fs::write(&config, text).unwrap();
    let output = run(&format!(
        "--dev --sync-config {} -d {}",
        config.display(),
        base.path().display()
    ));
    error_line(&output);
    let said = String::from_utf8(output.stderr).unwrap();
    for key in ["tier1_max_gap", "tier2_max_gap", "tier1_strategy"] {
        assert!(said.contains(key), "{key}: {said}");
    }
    assert_eq!(fs::read_dir(base.path()).unwrap().count(), 0);
}
