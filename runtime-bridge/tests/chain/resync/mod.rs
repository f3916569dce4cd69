//! The swap, at every instant at which the power could go (SPEC section 7, invariant I2).

mod model;
mod real;
mod removing;

use model::{Exchanges, Model};
use runtime_bridge::{
    ChainTip, OpenError,
    resync::{Disk, Places, ResyncFileError, ResyncFiles, Retention, Started, Stores},
    store::{FORMAT, StoreError},
};
use sp_core::H256;
use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use sync_component::{
    chain_sync::{BackupName, ResyncRun, Run, Stage},
    ports::UnixMillis,
    test_kit::VirtualClock,
};

const NOW: u64 = 1_790_000_000_000;
const HOUR: u64 = 3_600_000;

/// Stores that are a marker and one file, which has to be whole.
#[derive(Clone, Debug)]
struct TinyStores(Model);

impl Stores for TinyStores {
    fn check(&self, folder: &Path) -> Result<ChainTip, OpenError> {
        let bytes = self.0.read(&folder.join("data")).unwrap();
        let number = bytes.and_then(|bytes| String::from_utf8(bytes).ok()?.parse().ok());
        let number = number.ok_or_else(|| StoreError::NotAStore {
            path: folder.to_owned(),
        })?;
        Ok(ChainTip {
            number,
            hash: H256::repeat_byte(1),
            state_root: H256::zero(),
        })
    }
}

fn places() -> Places {
    Places::in_folder(Path::new("/c"))
}

fn files_at(model: &Model, now: u64) -> ResyncFiles {
    let clock = Arc::new(VirtualClock::starting_at(UnixMillis(now)));
    let stores = Arc::new(TinyStores(model.clone()));
    ResyncFiles::new(places(), Arc::new(model.clone()), stores, clock)
}

fn files(model: &Model) -> ResyncFiles {
    files_at(model, NOW)
}

fn marker(id: &str) -> Vec<u8> {
    format!("id = {id}\nformat = {FORMAT}\ngenesis = 0xab\n").into_bytes()
}

/// A store at `folder` whose tip has this number.
fn put_store(model: &Model, folder: &Path, id: Option<&str>, number: u64) {
    model.create_folder(folder).unwrap();
    if let Some(id) = id {
        model.write(&folder.join("STORE"), &marker(id)).unwrap();
    }
    let data = folder.join("data");
    model.write(&data, number.to_string().as_bytes()).unwrap();
    for folder in folder.ancestors() {
        model.sync_folder(folder).unwrap();
    }
}

fn resync() -> Run {
    Run::Resync(ResyncRun {
        strategy: "full-chain".to_owned(),
        peers: Vec::new(),
        checkpoint: None,
    })
}

/// What lies in the live place before a swap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Live {
    Healthy,
    WithoutMarker,
    DoesNotOpen,
    Missing,
}

const OLD: u64 = 10;
const NEW: u64 = 20;

/// A chain that ends at [`OLD`], and a validated one in staging that ends at [`NEW`], not synced yet.
fn ready_to_swap(exchanges: Exchanges, live: Live) -> Model {
    let model = Model::new(exchanges);
    model.create_folder(Path::new("/c")).unwrap();
    model.sync_folder(Path::new("/")).unwrap();
    match live {
        Live::Healthy => put_store(&model, &places().live, Some("old"), OLD),
        Live::WithoutMarker => put_store(&model, &places().live, None, OLD),
        Live::DoesNotOpen => {
            put_store(&model, &places().live, Some("old"), OLD);
            model
                .write(&places().live.join("data"), b"rubbish")
                .unwrap();
        }
        Live::Missing => {}
    }
    let files = files(&model);
    files.begin(resync()).unwrap();
    files.enter(Stage::Downloading).unwrap();
    put_store(&model, &places().staging, Some("new"), NEW);
    model.unsynced(&places().staging.join("data"), NEW.to_string().as_bytes());
    files.enter(Stage::Validated).unwrap();
    model
}

fn live_number(model: &Model) -> Option<u64> {
    let live = TinyStores(model.clone()).check(&places().live);
    live.ok().map(|tip| tip.number)
}

fn only_backup(model: &Model) -> Option<PathBuf> {
    let names = model.list(&places().backups).unwrap();
    match names.as_slice() {
        [] => None,
        [name] => Some(places().backup(&BackupName(name.clone()))),
        more => panic!("one swap, several backups: {more:?}"),
    }
}

/// After a start: wholly old or wholly new, and nothing lost.
fn is_whole(model: &Model, live: Live, started: &Started) {
    let backup = only_backup(model);
    let context = || format!("{live:?}, {started:?}, {:#?}", model.names());
    match started {
        Started::Swapped { .. } | Started::Clean => {
            assert_eq!(live_number(model), Some(NEW), "{}", context());
            assert_eq!(backup.is_some(), live != Live::Missing, "{}", context());
            if let Started::Swapped { backup: named } = started {
                let named = named.as_ref().map(|name| places().backup(name));
                assert_eq!(named, backup, "{}", context());
            }
            assert!(!model.exists(&places().staging).unwrap(), "{}", context());
            assert!(!model.exists(&places().journal).unwrap(), "{}", context());
            if let Some(backup) = backup {
                let held = model.read(&backup.join("data")).unwrap().unwrap();
                let expected = match live {
                    Live::DoesNotOpen => b"rubbish".to_vec(),
                    _ => OLD.to_string().into_bytes(),
                };
                assert_eq!(held, expected, "{}", context());
            }
        }
        _ => {
            let expected = match live {
                Live::Healthy | Live::WithoutMarker => Some(OLD),
                Live::DoesNotOpen | Live::Missing => None,
            };
            assert_eq!(live_number(model), expected, "{}", context());
            assert_eq!(backup, None, "{}", context());
        }
    }
}

#[test]
fn power_may_go_at_any_step_of_a_swap_and_of_the_starts_after_it() {
    let lives = [
        Live::Healthy,
        Live::WithoutMarker,
        Live::DoesNotOpen,
        Live::Missing,
    ];
    let mut swapped = 0;
    for exchanges in [Exchanges::InOneStep, Exchanges::Unsupported] {
        for live in lives {
            let model = ready_to_swap(exchanges, live);
            let before = model.steps();
            files(&model).swap(None).unwrap();
            is_whole(&model, live, &Started::Clean);
            for cut in before..=model.steps() {
                for disk in model.after_power_loss(cut) {
                    let from = disk.steps();
                    let started = files(&disk).recover().unwrap();
                    is_whole(&disk, live, &started);
                    swapped += usize::from(matches!(started, Started::Swapped { .. }));
                    // And once more, in the middle of the recovery.
                    for cut in from..=disk.steps() {
                        for disk in disk.after_power_loss(cut) {
                            let started = files(&disk).recover().unwrap();
                            is_whole(&disk, live, &started);
                        }
                    }
                }
            }
        }
    }
    assert!(swapped > 20, "only {swapped} starts had a swap to finish");
}

#[test]
fn swap_begins_only_when_what_it_makes_live_is_on_disk() {
    let model = ready_to_swap(Exchanges::InOneStep, Live::Healthy);
    let unsynced = model.steps();
    files(&model).swap(None).unwrap();
    // Where nothing of staging was synced, no disk may hold a journal that says `swapping`.
    for disk in model.after_power_loss(unsynced) {
        let journal = files(&disk).journal().unwrap().unwrap();
        assert_eq!(journal.stage.name(), "validated");
    }
}

#[test]
fn old_swap_that_was_not_exchanged_waits_for_the_operator() {
    let model = ready_to_swap(Exchanges::InOneStep, Live::Healthy);
    let before = model.steps();
    files(&model).swap(None).unwrap();
    let mut waited = 0;
    for cut in before..=model.steps() {
        for disk in model.after_power_loss(cut) {
            let late = files_at(&disk, NOW + HOUR + 1);
            match late.recover().unwrap() {
                Started::AwaitsOperator(_) => {
                    waited += 1;
                    assert_eq!(live_number(&disk), Some(OLD));
                    assert!(matches!(
                        late.begin(resync()),
                        Err(ResyncFileError::UnderWay { .. })
                    ));
                    // The voters are asked again before it goes on.
                    let journal = late.resume().unwrap();
                    assert_eq!(journal.stage, Stage::Validated);
                    late.swap(None).unwrap();
                    is_whole(&disk, Live::Healthy, &Started::Clean);
                }
                started => is_whole(&disk, Live::Healthy, &started),
            }
        }
    }
    assert!(waited > 0);
}

#[test]
fn power_may_go_at_any_step_of_a_restore() {
    for exchanges in [Exchanges::InOneStep, Exchanges::Unsupported] {
        let model = ready_to_swap(exchanges, Live::Healthy);
        files(&model).swap(None).unwrap();
        let name = files(&model).backups().find("2026").unwrap();
        let later = files_at(&model, NOW + 5);
        later.backups().settle().unwrap();
        let before = model.steps();
        later.backups().begin_restore(&name).unwrap();
        later.swap(None).unwrap();
        for cut in before..=model.steps() {
            for disk in model.after_power_loss(cut) {
                let started = files_at(&disk, NOW + 6).recover().unwrap();
                let backup = only_backup(&disk).expect("one of the two is always a backup");
                let held = disk.read(&backup.join("data")).unwrap().unwrap();
                let (live, other) = match live_number(&disk) {
                    Some(OLD) => (OLD, NEW),
                    Some(NEW) => (NEW, OLD),
                    none => panic!("{none:?} is live after {started:?}"),
                };
                assert_eq!(held, other.to_string().into_bytes(), "{live} is live");
                assert!(!disk.exists(&places().journal).unwrap());
            }
        }
        assert_eq!(live_number(&model), Some(OLD));
    }
}

/// A start, and what it does afterwards beside its work: nothing may be left that lost its place.
fn started(model: &Model, now: u64) -> Started {
    let files = files_at(model, now);
    let started = files.recover().unwrap();
    files.sweep().unwrap();
    let names = model.names();
    let left = names.iter().find(|name| {
        let name = name.to_string_lossy();
        name.contains(".removing-")
    });
    assert_eq!(left, None, "after {started:?}");
    started
}

#[test]
fn restore_that_is_refused_leaves_no_run_behind() {
    let model = ready_to_swap(Exchanges::InOneStep, Live::Healthy);
    let files = files(&model);
    files.swap(None).unwrap();
    files.backups().settle().unwrap();
    let name = files.backups().find("2026").unwrap();
    model.keep(&places().backup(&name).join("IN_SYNC_SINCE"));
    files.backups().begin_restore(&name).unwrap_err();
    assert!(files.journal().unwrap().is_none());
    files.begin(resync()).unwrap();
}

/// The disks of a swap on which the exchange has happened and nobody has looked at the new store yet.
fn exchanged_and_not_looked_at(exchanges: Exchanges) -> Model {
    let model = ready_to_swap(exchanges, Live::Healthy);
    let before = model.steps();
    files(&model).swap(None).unwrap();
    (before..=model.steps())
        .flat_map(|cut| model.after_power_loss(cut))
        .find(|disk| {
            let journal = files(disk).journal().unwrap();
            live_number(disk) == Some(NEW)
                && journal.is_some_and(|journal| matches!(journal.stage, Stage::Swapping(_)))
        })
        .unwrap()
}

#[test]
fn new_store_that_does_not_open_is_exchanged_back_by_itself() {
    for exchanges in [Exchanges::InOneStep, Exchanges::Unsupported] {
        let disk = exchanged_and_not_looked_at(exchanges);
        let data = places().live.join("data");
        disk.write(&data, b"rubbish").unwrap();
        disk.sync_folder(&places().live).unwrap();
        let before = disk.steps();
        let started = files(&disk).recover().unwrap();
        assert!(matches!(started, Started::RolledBack { .. }), "{started:?}");
        for cut in before..=disk.steps() {
            for disk in disk.after_power_loss(cut) {
                files(&disk).recover().unwrap();
                assert_eq!(live_number(&disk), Some(OLD), "{exchanges:?}");
                assert_eq!(only_backup(&disk), None);
                // What was built is still there, for whoever wants to know why.
                assert!(disk.exists(&places().staging).unwrap());
                files(&disk).abort().unwrap();
                assert_eq!(files(&disk).recover().unwrap(), Started::Clean);
                assert_eq!(live_number(&disk), Some(OLD));
            }
        }
    }
}

#[test]
fn old_store_is_put_back_where_the_new_one_lost_its_marker() {
    for exchanges in [Exchanges::InOneStep, Exchanges::Unsupported] {
        let disk = exchanged_and_not_looked_at(exchanges);
        disk.write(&places().live.join("STORE"), b"").unwrap();
        disk.sync_folder(&places().live).unwrap();
        let before = disk.steps();
        assert_eq!(files(&disk).recover().unwrap(), Started::StagedLost);
        for cut in before..=disk.steps() {
            for disk in disk.after_power_loss(cut) {
                files(&disk).recover().unwrap();
                assert_eq!(live_number(&disk), Some(OLD), "{exchanges:?}");
                assert!(files(&disk).journal().unwrap().is_none());
            }
        }
    }
}

#[test]
fn refused_exchange_leaves_the_old_chain_and_what_was_built() {
    let model = ready_to_swap(Exchanges::Refused, Live::Healthy);
    files(&model).swap(None).unwrap_err();
    assert_eq!(live_number(&model), Some(OLD));
    let journal = files(&model).journal().unwrap().unwrap();
    assert_eq!(journal.stage, Stage::Validated);
    assert!(matches!(
        files(&model).recover().unwrap(),
        Started::Resumes(_)
    ));
}

#[test]
fn stores_that_nobody_can_tell_apart_are_left_alone() {
    let disk = exchanged_and_not_looked_at(Exchanges::InOneStep);
    for folder in [places().live, places().staging] {
        disk.write(&folder.join("STORE"), b"").unwrap();
    }
    let before = disk.names();
    assert!(matches!(
        files(&disk).recover(),
        Err(ResyncFileError::Unclear { .. })
    ));
    files(&disk).abort().unwrap_err();
    assert_eq!(disk.names(), before);
}

#[test]
fn backup_that_does_not_open_or_is_being_restored_is_left_alone() {
    let model = ready_to_swap(Exchanges::InOneStep, Live::Healthy);
    files(&model).swap(None).unwrap();
    let old = files_at(&model, NOW + 100 * HOUR);
    let name = old.backups().find("2026").unwrap();
    let data = places().backup(&name).join("data");
    model.write(&data, b"rubbish").unwrap();
    assert!(matches!(
        old.backups().begin_restore(&name),
        Err(ResyncFileError::NewStore { .. })
    ));
    assert!(old.journal().unwrap().is_none());
    model.write(&data, b"10").unwrap();
    old.backups().settle().unwrap();
    old.backups().begin_restore(&name).unwrap();
    old.backups().settle().unwrap();
    let pruned = old.backups().prune(Retention(Duration::ZERO)).unwrap();
    assert_eq!(pruned.removed, []);
    // A restore has nothing to go on with where it cannot be carried out.
    model.write(&data, b"rubbish").unwrap();
    old.swap(None).unwrap_err();
    assert!(old.journal().unwrap().is_none());
    assert_eq!(live_number(&model), Some(NEW));
}

#[test]
fn no_live_store_is_made_while_a_run_is_under_way() {
    let model = ready_to_swap(Exchanges::InOneStep, Live::Missing);
    assert!(matches!(
        files(&model).live_store_may_be_made(),
        Err(ResyncFileError::NoLiveStore { .. })
    ));
    files(&model).abort().unwrap();
    files(&model).live_store_may_be_made().unwrap();
}

#[test]
fn backup_is_kept_until_it_is_old_and_the_node_was_in_sync() {
    let model = ready_to_swap(Exchanges::InOneStep, Live::Healthy);
    files(&model).swap(None).unwrap();
    let day = Retention(Duration::from_hours(24));
    let at = |hours: u64| files_at(&model, NOW + hours * HOUR);
    assert_eq!(at(100).backups().prune(day).unwrap().removed, []);
    at(1).backups().settle().unwrap();
    assert_eq!(at(23).backups().prune(day).unwrap().removed, []);
    assert_eq!(at(25).backups().prune(day).unwrap().removed.len(), 1);
    assert_eq!(at(25).backups().list().unwrap(), []);
}
