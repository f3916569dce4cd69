//! The same with real stores in real folders.

use crate::support::{Block, Bridge, Maker, TestRuntime, import_all, spec};
use runtime_bridge::{
    ChainTip,
    resync::{
        Lengths, Places, RealDisk, Reserve, ResyncFileError, ResyncFiles, StagedStore, Started,
        StoreFolders,
    },
};
use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use sync_component::{
    chain_sync::{BackupName, ResyncRun, Run, Stage, Staging},
    ports::{Clock, SystemClock},
};
use tempfile::TempDir;

type Folders = StoreFolders<Block, TestRuntime>;

struct World {
    folder: TempDir,
    folders: Arc<Folders>,
    files: ResyncFiles,
    maker: Maker,
}

impl World {
    /// A live chain of nine blocks.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let folders = Arc::new(Folders::new(spec(2, 5), TestRuntime, clock.clone()));
        let places = Places::in_folder(folder.path());
        let files = ResyncFiles::new(places, Arc::new(RealDisk), folders.clone(), clock);
        let maker = Maker::new(2);
        let world = Self {
            folder,
            folders,
            files,
            maker,
        };
        let live = world.open_live();
        import_all(&live, &world.maker.run(world.maker.genesis(), 1..10));
        world
    }

    fn open_live(&self) -> Bridge {
        let clock = Arc::new(SystemClock::new());
        let live = &self.files.places().live;
        Bridge::open(live, &spec(2, 5), TestRuntime, clock).unwrap()
    }

    fn live_tip(&self) -> ChainTip {
        self.open_live().tip().unwrap()
    }

    /// A validated chain of another fifteen blocks in staging.
    fn stage(&self) -> StagedStore<Block, TestRuntime> {
        self.files.plan().unwrap();
        self.files.begin(run("full-chain")).unwrap();
        self.files.try_exchange().unwrap();
        let staged = StagedStore::new(self.files.clone(), Arc::clone(&self.folders));
        staged.enter(Stage::Downloading).unwrap();
        let chain = staged.open().unwrap();
        let blocks = self.maker.run(self.maker.genesis(), 20..35);
        let report = chain.import(blocks);
        assert!(report.failure.is_none(), "{report:?}");
        assert_eq!(chain.best().number, 15);
        staged.enter(Stage::Validated).unwrap();
        staged
    }
}

/// What a run builds that began right after one was aborted, and the chain of that one, which its work still holds.
fn held_by_aborted_work(
    world: &World,
) -> (
    StagedStore<Block, TestRuntime>,
    Arc<dyn sync_component::ports::Bridge<Block>>,
) {
    let staged = world.stage();
    let working = staged.open().unwrap();
    world.files.abort().unwrap();
    world.files.begin(run("full-chain")).unwrap();
    staged.forget();
    (staged, working)
}

fn run(strategy: &str) -> Run {
    Run::Resync(ResyncRun {
        strategy: strategy.to_owned(),
        peers: Vec::new(),
        checkpoint: None,
    })
}

#[test]
fn old_chain_comes_back_from_the_backup_with_the_same_state_root() {
    let world = World::new();
    let old = world.live_tip();
    let staged = world.stage();
    staged.live_ends_at(old);
    let swap = staged.exchange().unwrap();
    let new = world.live_tip();
    assert_eq!((old.number, new.number), (9, 15));
    assert!(swap.backup.0.contains("-9-"), "{}", swap.backup);
    assert_eq!(world.files.recover().unwrap(), Started::Clean);

    let backups = world.files.backups();
    backups.begin_restore(&swap.backup).unwrap();
    assert!(matches!(
        backups.begin_restore(&swap.backup),
        Err(ResyncFileError::UnderWay {
            kind: "restore",
            ..
        })
    ));
    world.files.swap(Some(new)).unwrap();
    assert_eq!(world.live_tip(), old);
    let [backup] = <[_; 1]>::try_from(backups.list().unwrap()).unwrap();
    assert!(backup.name.0.contains("-15-"), "{}", backup.name);
}

#[test]
fn store_that_does_not_open_is_kept_as_a_backup_as_it_is() {
    let world = World::new();
    let live = world.files.places().live.clone();
    let current = live.join("CURRENT");
    fs::write(&current, b"").unwrap();
    let before = names(&live);
    let staged = world.stage();
    let swap = staged.exchange().unwrap();
    assert!(swap.backup.0.ends_with("unread"), "{}", swap.backup);
    assert_eq!(world.live_tip().number, 15);
    assert_eq!(names(&world.files.places().backup(&swap.backup)), before);
}

#[test]
fn staged_store_that_is_damaged_never_becomes_live() {
    let world = World::new();
    let old = world.live_tip();
    let staged = world.stage();
    fs::write(world.files.places().staging.join("CURRENT"), b"").unwrap();
    staged.exchange().unwrap_err();
    assert_eq!(world.live_tip(), old);
    assert!(matches!(
        world.files.recover().unwrap(),
        Started::Resumes(_)
    ));
    world.files.abort().unwrap();
    assert_eq!(world.live_tip(), old);
    assert!(!world.files.places().staging.exists());
}

/// A snapshot, of which only headers are there, as a kill leaves them; then the disk does its part.
#[test]
fn staged_store_that_is_damaged_while_it_is_built_costs_nothing_of_the_live_chain() {
    let world = World::new();
    let old = world.live_tip();
    for name in ["CURRENT", "STORE"] {
        world.files.begin(run("snapshot")).unwrap();
        let staged = StagedStore::new(world.files.clone(), Arc::clone(&world.folders));
        staged.enter(Stage::Downloading).unwrap();
        drop(staged.open().unwrap());
        fs::write(world.files.places().staging.join(name), b"").unwrap();
        // The next start goes on with it, and says what is wrong.
        let resumed = world.files.recover().unwrap();
        assert!(matches!(resumed, Started::Resumes(_)), "{resumed:?}");
        let staged = StagedStore::new(world.files.clone(), Arc::clone(&world.folders));
        let error = staged.open().unwrap_err().to_string();
        for part in ["being built does not open", "`resync --abort`"] {
            assert!(error.contains(part), "{name}: {error}");
        }
        assert_eq!(world.live_tip(), old);
        world.files.abort().unwrap();
        assert!(!world.files.places().staging.exists());
    }
    // And then one that is sound.
    let staged = world.stage();
    staged.live_ends_at(old);
    staged.exchange().unwrap();
    assert_eq!(world.live_tip().number, 15);
}

#[test]
fn planning_writes_nothing() {
    let world = World::new();
    let before = names(world.folder.path());
    let plan = world.files.plan().unwrap();
    assert!(plan.present > 0 && plan.needed > plan.present && plan.free >= plan.needed);
    assert_eq!(names(world.folder.path()), before);
}

/// The backup of an exchange, and where a copy of it goes.
fn backup_to_copy(world: &World) -> (BackupName, PathBuf) {
    let old = world.live_tip();
    let staged = world.stage();
    staged.live_ends_at(old);
    let backup = staged.exchange().unwrap().backup;
    let target = world.folder.path().join("copy/chains/x/db/full");
    (backup, target)
}

#[test]
fn copy_of_a_backup_is_the_old_chain() {
    let world = World::new();
    let (backup, target) = backup_to_copy(&world);
    let backups = world.files.backups();
    let mut last = None;
    backups
        .copy(&backup, &target, |copied| last = Some(copied))
        .unwrap();
    assert!(last.is_some_and(|copied| copied.done < copied.total));
    let clock = Arc::new(SystemClock::new());
    let copy = Bridge::open(&target, &spec(2, 5), TestRuntime, clock).unwrap();
    assert_eq!(copy.tip().unwrap().number, 9);
    assert_eq!(names(target.parent().unwrap()), ["full"]);
}

#[test]
fn copy_of_a_backup_that_goes_meanwhile_leaves_nothing_in_its_place() {
    let world = World::new();
    let (backup, target) = backup_to_copy(&world);
    let from = world.files.places().backup(&backup);
    let elsewhere = from.with_file_name(".elsewhere");
    let refused = world.files.backups().copy(&backup, &target, |_| {
        if from.exists() {
            fs::rename(&from, &elsewhere).unwrap();
        }
    });
    assert!(
        matches!(refused, Err(ResyncFileError::ChangedMeanwhile { .. })),
        "{refused:?}"
    );
    assert_eq!(names(target.parent().unwrap()), [""; 0]);
}

#[test]
fn copy_of_a_backup_that_is_opened_meanwhile_is_none() {
    let world = World::new();
    let (backup, target) = backup_to_copy(&world);
    let refused = world.files.backups().copy(&backup, &target, |copied| {
        if copied.done == 0 {
            let name = world.files.places().backup(&backup).join("new.sst");
            fs::write(name, b"x").unwrap();
        }
    });
    assert!(
        matches!(refused, Err(ResyncFileError::ChangedMeanwhile { .. })),
        "{refused:?}"
    );
    assert!(!target.exists());
}

#[test]
fn run_stops_where_only_the_reserve_is_left_and_a_plan_counts_it() {
    let world = World::new();
    let plan = world.files.plan().unwrap();
    let more = Reserve(plan.free - plan.needed + (1 << 40));
    let files = world.files.clone().reserving(more);
    assert!(matches!(
        files.plan(),
        Err(ResyncFileError::DiskTooSmall { reserve, .. }) if reserve == more.0
    ));
    assert!(matches!(
        files.reserving(Reserve(u64::MAX)).room(),
        Err(ResyncFileError::ReserveReached { .. })
    ));
    world.files.room().unwrap();
}

/// What was given up may still be there when the next order comes.
#[test]
fn plan_counts_what_is_being_removed_as_free() {
    let world = World::new();
    drop(world.stage());
    world.files.give_up().unwrap();
    let waiting = world.folder.path().join(".removing-staging");
    assert!(waiting.exists());
    let built = fs::File::create(waiting.join("built")).unwrap();
    built.set_len(10 << 20).unwrap();
    let planned = world.files.plan().unwrap();
    world.files.sweep().unwrap();
    let needed = world.files.plan().unwrap().needed;
    assert!(
        planned.needed + (10 << 20) <= needed,
        "{} of {needed}",
        planned.needed
    );
}

#[test]
fn longer_chain_is_estimated_by_its_length_and_a_claim_overflows_nothing() {
    let world = World::new();
    let plan = world.files.plan().unwrap();
    let by = |ours, theirs| plan.by_length(Lengths { ours, theirs });
    assert_eq!(by(10, 10), None);
    assert_eq!(by(0, 10), None, "nothing is known of the size of a block");
    assert_eq!(by(10, 30), Some(plan.needed + 2 * plan.present));
    assert_eq!(by(1, u64::MAX), Some(u64::MAX));
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn staged_chain_that_is_given_up_begins_with_genesis_and_the_live_one_stays() {
    let world = World::new();
    let before = world.live_tip();
    let staged = world.stage();
    let held = staged.open().unwrap();
    // A reader that holds it for a moment is waited for.
    let reader = std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_millis(100));
        drop(held);
    });
    staged.renew().unwrap();
    reader.join().unwrap();
    let chain = staged.open().unwrap();
    assert_eq!(chain.best().number, 0);
    let report = chain.import(world.maker.run(world.maker.genesis(), 1..10));
    assert!(report.failure.is_none(), "{report:?}");
    assert_eq!(world.live_tip(), before);
}

/// Nobody would know of it any more, and the stores would be exchanged under it.
#[test]
fn staged_chain_is_not_opened_beside_one_that_work_does_not_let_go_of() {
    let world = World::new();
    let (staged, working) = held_by_aborted_work(&world);
    let refused = staged.open().unwrap_err().to_string();
    assert!(refused.contains("--resume"), "{refused}");
    staged.closed().unwrap_err();
    drop(working);
    staged.closed().unwrap();
    assert_eq!(staged.open().unwrap().best().number, 0);
}

/// Work that an aborted run had given to another thread ends a moment later.
#[test]
fn run_that_begins_right_after_an_abort_waits_until_the_aborted_ones_chain_is_closed() {
    let world = World::new();
    let (staged, working) = held_by_aborted_work(&world);
    let work = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(300));
        drop(working);
    });
    let next = staged.open().unwrap();
    assert_eq!(next.best().number, 0, "it begins with genesis");
    work.join().unwrap();
}
