use super::super::{NodeKeyError, load_or_create};
use std::{fs, os::unix::fs::PermissionsExt};

#[test]
fn network_key_is_made_once_for_its_owner_only() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret_ed25519");
    let first = load_or_create(&path).unwrap();
    assert_eq!(fs::read(&path).unwrap(), first.secret());
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(load_or_create(&path).unwrap() == first);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn network_key_in_hex_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    for text in ["07".repeat(32), format!("0x{}\n", "07".repeat(32))] {
        fs::write(&path, text).unwrap();
        assert_eq!(load_or_create(&path).unwrap().secret(), &[7; 32]);
    }
}

#[test]
fn broken_network_key_is_named_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret_ed25519");
    for broken in ["", "broken", &"0g".repeat(32)] {
        fs::write(&path, broken).unwrap();
        let error = load_or_create(&path).unwrap_err();
        assert!(matches!(error, NodeKeyError::Malformed { .. }), "{error}");
        assert!(error.to_string().contains("secret_ed25519"), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), broken);
    }
}
