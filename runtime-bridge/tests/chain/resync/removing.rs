//! Stores that are removed, and what a cut in the middle of that leaves.

use super::*;

#[test]
fn draft_of_a_store_that_nobody_builds_any_more_is_removed() {
    let model = ready_to_swap(Exchanges::InOneStep, Live::Healthy);
    let draft = places().folder.join("staging.new");
    put_store(&model, &draft, None, NEW);
    started(&model, NOW);
    assert!(model.exists(&draft).unwrap(), "the run goes on");
    model.remove(&places().journal).unwrap();
    started(&model, NOW);
    assert!(!model.exists(&draft).unwrap());
    assert!(!model.exists(&places().staging).unwrap());
    assert_eq!(live_number(&model), Some(OLD));
}

#[test]
fn power_may_go_at_any_step_of_a_pruning() {
    let model = ready_to_swap(Exchanges::InOneStep, Live::Healthy);
    files(&model).swap(None).unwrap();
    let later = NOW + 25 * HOUR;
    files_at(&model, NOW + HOUR).backups().settle().unwrap();
    let before = model.steps();
    let day = Retention(Duration::from_hours(24));
    let pruned = files_at(&model, later).backups().prune(day).unwrap();
    assert_eq!(pruned.removed.len(), 1);
    for cut in before..=model.steps() {
        for disk in model.after_power_loss(cut) {
            assert_eq!(started(&disk, later), Started::Clean);
            assert_eq!(live_number(&disk), Some(NEW));
            if let Some(backup) = only_backup(&disk) {
                assert!(disk.exists(&backup.join("data")).unwrap(), "it is whole");
            }
        }
    }
}

#[test]
fn run_is_given_up_also_where_an_earlier_one_is_still_being_removed() {
    let model = ready_to_swap(Exchanges::InOneStep, Live::Healthy);
    let waiting = places().folder.join(".removing-staging");
    put_store(&model, &waiting, None, 1);
    files(&model).give_up().unwrap();
    assert!(!model.exists(&places().staging).unwrap());
    assert!(model.exists(&waiting.join("data")).unwrap());
    files(&model).sweep().unwrap();
    let names = model.names();
    assert!(
        !names
            .iter()
            .any(|name| name.to_string_lossy().contains("staging")),
        "{names:?}"
    );
}

#[test]
fn run_begins_also_where_what_an_earlier_one_left_cannot_be_removed() {
    let model = ready_to_swap(Exchanges::InOneStep, Live::Healthy);
    files(&model).abort().unwrap();
    let waiting = places().folder.join(".removing-staging");
    put_store(&model, &waiting, None, 1);
    put_store(&model, &places().staging, None, NEW);
    model.keep(&waiting);
    files(&model).sweep().unwrap_err();
    files(&model).begin(resync()).unwrap();
    assert!(!model.exists(&places().staging).unwrap());
    assert_eq!(
        files(&model).journal().unwrap().unwrap().stage,
        Stage::Preparing
    );
}

#[test]
fn aborted_run_leaves_the_old_chain_and_nothing_else() {
    let model = ready_to_swap(Exchanges::InOneStep, Live::Healthy);
    let before = model.steps();
    files(&model).abort().unwrap();
    for cut in before..=model.steps() {
        for disk in model.after_power_loss(cut) {
            started(&disk, NOW);
            assert_eq!(live_number(&disk), Some(OLD));
            if files(&disk).journal().unwrap().is_none() {
                let names = disk.names();
                assert!(!names.contains(&places().staging), "{names:?}");
            }
        }
    }
    assert!(matches!(
        files(&model).abort(),
        Err(ResyncFileError::NothingUnderWay)
    ));
}

#[test]
fn store_that_is_removed_leaves_its_place_at_once() {
    let model = ready_to_swap(Exchanges::InOneStep, Live::Healthy);
    let before = model.steps();
    files(&model).abort().unwrap();
    let whole = model.names();
    assert!(
        whole
            .iter()
            .all(|name| !name.to_string_lossy().contains(".removing-"))
    );
    for cut in before..=model.steps() {
        for disk in model.after_power_loss(cut) {
            let staged = disk.names();
            let staged: Vec<_> = staged
                .iter()
                .filter(|name| name.starts_with(places().staging))
                .collect();
            assert!(staged.is_empty() || staged.len() == 3, "{staged:?}");
        }
    }
}
