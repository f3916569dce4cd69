#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use super::*;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;

fn write(folder: &Path, public: &sr25519::Public, content: &str, mode: u32) {
    let name = hex::encode([AURA.as_slice(), public.as_ref()].concat());
    let mut file = fs::OpenOptions::new()
        .create_new(true)
        .write(true)
        .mode(mode)
        .open(folder.join(name))
        .unwrap();
    file.write_all(content.as_bytes()).unwrap();
}

#[test]
fn missing_folder_holds_no_keys_and_the_development_key_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let keystore = Keystore::open(&folder.path().join("none"), Some(DevKey::Alice)).unwrap();
    assert!(keystore.is_empty_on_disk());
    assert_eq!(
        keystore.aura_keys()[0].public(),
        DevKey::Alice.pair().public()
    );
}

#[test]
fn key_in_substrates_format_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let pair = DevKey::Bob.pair();
    write(folder.path(), &pair.public(), "\"//Bob\"", 0o600);
    fs::write(folder.path().join("6772616e00"), "another type").unwrap();
    let keystore = Keystore::open(folder.path(), None).unwrap();
    assert!(!keystore.is_empty_on_disk());
    assert_eq!(
        keystore
            .aura_keys()
            .iter()
            .map(Pair::public)
            .collect::<Vec<_>>(),
        [pair.public()]
    );
    assert!(!format!("{keystore:?}").contains("//Bob"));
}

#[test]
fn no_error_repeats_the_secret() {
    let alice = DevKey::Alice.pair().public();
    let contents = [
        "\"spoiled secret, phrase\"",
        "\"0xsecret///pass\"",
        "\"secret//\"",
        "\"secret///pass\\nword\"",
        "secret",
        "[\"secret\"]",
    ];
    for content in contents {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &alice, content, 0o600);
        let error = Keystore::open(folder.path(), None).unwrap_err();
        let shown = format!("{error} {error:?}").replace("NotASecret", "");
        for part in ["spoiled", "phrase\"", "0xsecret", "\"secret", "pass"] {
            assert!(!shown.contains(part), "{content}: {shown}");
        }
    }
}

#[test]
fn development_key_that_is_also_stored_is_one_key() {
    let folder = tempfile::tempdir().unwrap();
    let public = DevKey::Alice.pair().public();
    write(folder.path(), &public, "\"//Alice\"", 0o600);
    let keystore = Keystore::open(folder.path(), Some(DevKey::Alice)).unwrap();
    assert!(!keystore.is_empty_on_disk());
    assert_eq!(keystore.aura_keys().len(), 1);
}

#[test]
fn every_unusable_key_file_is_one_clear_line() {
    let alice = DevKey::Alice.pair().public();
    let cases = [
        ("\"//Alice\"", 0o644, "chmod 600"),
        ("//Alice", 0o600, "JSON string"),
        ("\"not a phrase at all\"", 0o600, "secret URI"),
        ("\"//Bob\"", 0o600, "another key"),
    ];
    for (content, mode, expected) in cases {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &alice, content, mode);
        let error = Keystore::open(folder.path(), None).unwrap_err().to_string();
        assert!(error.contains(expected) && !error.contains('\n'), "{error}");
    }
}
