//! The store's folder: made whole or not at all, opened only if it is ours, never overwritten.

use crate::support::{Bridge, Maker, TestRuntime, canonical_chain, import_all, spec, tip};
use chain_spec::ChainSpec;
use runtime_bridge::{
    OpenError,
    store::{FORMAT, Lock, LockError, Marker, StoreError},
};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};
use sync_component::ports::{ReadChain, SystemClock};
use tempfile::TempDir;

fn open_with(store: &Path, spec: &ChainSpec) -> Result<Bridge, OpenError> {
    Bridge::open(store, spec, TestRuntime, Arc::new(SystemClock::new()))
}

fn open(store: &Path) -> Result<Bridge, OpenError> {
    open_with(store, &spec(2, 5))
}

/// A folder, and the path of a store in it that is not there yet.
fn place() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("db/full");
    (folder, store)
}

/// A closed store with a few blocks.
fn with_blocks(store: &Path) -> Vec<sp_core::H256> {
    let maker = Maker::new(2);
    let bridge = open(store).unwrap();
    import_all(&bridge, &maker.run(maker.genesis(), 1..8));
    canonical_chain(&bridge)
}

fn error_of(store: &Path) -> StoreError {
    match open(store) {
        Err(OpenError::Store(error)) => error,
        other => panic!("{other:?}"),
    }
}

/// Names and contents of all files below `folder`.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.append(&mut self::files(&path));
        } else {
            let bytes = fs::read(&path).unwrap();
            files.insert(path, bytes);
        }
    }
    files
}

/// Opening fails as expected, in one line that says what to do, and changes no file.
fn refuses(store: &Path, expected: fn(&StoreError) -> bool, advice: &str) {
    let before = files(store);
    let error = error_of(store);
    assert!(expected(&error), "{error:?}");
    let text = error.to_string();
    assert!(text.contains(advice) && !text.contains('\n'), "{text}");
    assert!(files(store) == before, "{text}: something was changed");
}

#[test]
fn new_store_has_its_marker_and_opens_again_with_its_chain() {
    let (_folder, store) = place();
    let chain = with_blocks(&store);
    let marker = Marker::read(&store).unwrap().unwrap();
    assert_eq!(marker.format, FORMAT);
    assert_eq!(marker.genesis, format!("{:?}", chain[0]));
    let again = open(&store).unwrap();
    assert_eq!(canonical_chain(&again), chain);
    assert_eq!(Marker::read(&store).unwrap(), Some(marker), "the id stays");
}

#[test]
fn two_stores_have_two_ids() {
    let (_one, first) = place();
    let (_two, second) = place();
    let ids = [&first, &second].map(|store| {
        drop(open(store).unwrap());
        Marker::read(store).unwrap().unwrap().id
    });
    assert_ne!(ids[0], ids[1]);
}

#[test]
fn empty_folder_becomes_a_store_and_an_interrupted_making_is_cleared_away() {
    let (folder, store) = place();
    fs::create_dir_all(&store).unwrap();
    let draft = folder.path().join("db/full.new");
    fs::create_dir_all(&draft).unwrap();
    fs::write(draft.join("CURRENT"), b"half of a database").unwrap();
    drop(open(&store).unwrap());
    assert!(!draft.exists());
    assert!(store.join("CURRENT").exists());
}

#[test]
fn folder_of_somebody_else_is_left_alone() {
    let (_folder, store) = place();
    fs::create_dir_all(&store).unwrap();
    fs::write(store.join("diary.txt"), b"dear diary").unwrap();
    refuses(
        &store,
        |error| matches!(error, StoreError::NotAStore { .. }),
        "another --base-path",
    );
}

#[test]
fn store_of_another_genesis_is_refused() {
    let (_folder, store) = place();
    drop(open_with(&store, &spec(3, 5)).unwrap());
    refuses(
        &store,
        |error| matches!(error, StoreError::OtherGenesis { .. }),
        "--chain",
    );
}

#[test]
fn store_of_another_format_is_refused_whatever_else_its_marker_says() {
    let (_folder, store) = place();
    drop(open(&store).unwrap());
    fs::write(store.join("STORE"), "format = 99\nshape = round\n").unwrap();
    let is_newer = |error: &StoreError| {
        matches!(
            error,
            StoreError::OtherFormat {
                found: 99,
                supported: FORMAT,
                ..
            }
        )
    };
    refuses(&store, is_newer, "resync");
}

#[test]
fn marker_that_cannot_be_read_is_refused() {
    for text in [
        &b"rubbish"[..],
        b"",
        b"\xff\xfe",
        format!("format = {FORMAT}\n").as_bytes(),
        b"format = one\n",
    ] {
        let (_folder, store) = place();
        drop(open(&store).unwrap());
        fs::write(store.join("STORE"), text).unwrap();
        refuses(
            &store,
            |error| matches!(error, StoreError::BrokenMarker { .. }),
            "resync",
        );
    }
}

#[test]
fn store_without_its_database_is_refused_and_not_made_anew() {
    let (_folder, store) = place();
    with_blocks(&store);
    fs::remove_file(store.join("CURRENT")).unwrap();
    let error = error_of(&store);
    assert!(matches!(error, StoreError::DoesNotOpen { .. }), "{error:?}");
    assert!(!store.join("CURRENT").exists());
}

#[test]
fn damaged_database_is_refused() {
    let (_folder, store) = place();
    with_blocks(&store);
    let manifest = fs::read_dir(&store)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.to_string_lossy().contains("MANIFEST"))
        .unwrap();
    fs::write(manifest, b"nothing of use").unwrap();
    let error = error_of(&store);
    assert!(matches!(error, StoreError::DoesNotOpen { .. }), "{error:?}");
    assert!(error.to_string().contains("resync"));
}

#[test]
fn store_that_is_open_is_refused_until_it_is_closed() {
    let (_folder, store) = place();
    let holder = open(&store).unwrap();
    let error = error_of(&store);
    assert!(matches!(error, StoreError::InUse { .. }), "{error:?}");
    drop(holder);
    open(&store).unwrap();
}

#[test]
fn file_in_the_store_s_place_is_refused() {
    let (_folder, store) = place();
    fs::create_dir_all(store.parent().unwrap()).unwrap();
    fs::write(&store, b"a file").unwrap();
    let error = error_of(&store);
    assert!(matches!(error, StoreError::Folder { .. }), "{error:?}");
    assert_eq!(fs::read(&store).unwrap(), b"a file");
}

#[test]
fn store_that_was_never_closed_opens_on_one_whole_chain() {
    let (_folder, store) = place();
    let maker = Maker::new(2);
    let run = maker.run(maker.genesis(), 1..30);
    let bridge = open(&store).unwrap();
    import_all(&bridge, &run[..10]);
    for (n, block) in run[10..].iter().enumerate() {
        import_all(&bridge, std::slice::from_ref(block));
        // What the disk holds at this instant, as if the process had died here.
        let (_copy, dead) = place();
        copy(&store, &dead);
        let found = open(&dead).unwrap();
        assert_eq!(found.best(), tip(&run[..=10 + n]));
        assert_eq!(canonical_chain(&found).len(), 12 + n);
        import_all(&found, &run);
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

#[test]
fn lock_is_held_until_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("LOCK");
    let held = Lock::take(&path).unwrap();
    let error = Lock::take(&path).unwrap_err();
    assert!(matches!(error, LockError::Held { .. }));
    assert!(error.to_string().contains("--base-path"));
    drop(held);
    Lock::take(&path).unwrap();
    let nowhere = Lock::take(&folder.path().join("missing/LOCK")).unwrap_err();
    assert!(matches!(nowhere, LockError::Io { .. }));
}
