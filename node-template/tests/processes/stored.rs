//! `revert` and `check-block`, with real files.

use crate::{
    harness::{PATIENCE, chain_folder, client, error_line, run, serving, stdout, until_status},
    seals::seals_in,
};
use std::{collections::BTreeSet, fs, path::Path};

/// Runs the node until it has this many blocks; says what its log tells of.
async fn up_to(base: &Path, height: u64) -> Vec<(u64, String)> {
    let mut node = serving(base, "dev", "--dev").await;
    until_status(&client(&node), "blocks", |view| view.best.number >= height).await;
    let busy = run(&format!("revert 1 -y --dev -d {}", base.display()));
    assert!(error_line(&busy).contains("in use"), "{busy:?}");
    assert!(node.stop(PATIENCE).await.unwrap().success());
    let log = fs::read_to_string(base.join("node.log")).unwrap();
    fs::remove_file(base.join("node.log")).unwrap();
    seals_in(&log)
}

#[tokio::test(flavor = "multi_thread")]
async fn reverted_chain_goes_on_and_no_slot_is_sealed_twice() {
    let folder = tempfile::tempdir().unwrap();
    let base = folder.path();
    let at = format!("--dev -d {}", base.display());
    let first = up_to(base, 4).await;
    let signed = fs::read(chain_folder(base, "dev").join("signed")).unwrap();

    for block in ["1", "4"] {
        let checked = run(&format!("check-block {block} {at}"));
        assert!(stdout(&checked).contains("holds"), "{checked:?}");
    }
    for missing in ["0", "99999", "nonsense", &format!("0x{}", "11".repeat(32))] {
        let refused = error_line(&run(&format!("check-block {missing} {at}")));
        assert!(refused.contains(missing), "{refused}");
    }

    let asked = run(&format!("revert 2 {at}"));
    assert!(
        error_line(&asked).contains("nothing was changed"),
        "{asked:?}"
    );
    let reverted = stdout(&run(&format!("revert 2 -y {at}")));
    assert!(reverted.contains("best is #"), "{reverted}");
    let gone = error_line(&run(&format!("check-block 99 {at}")));
    assert!(gone.contains("99"), "{gone}");
    assert_eq!(
        fs::read(chain_folder(base, "dev").join("signed")).unwrap(),
        signed
    );
    // As far as it goes, and then no further.
    let all = stdout(&run(&format!("revert -y {at}")));
    assert!(all.contains("best is #"), "{all}");
    let none = stdout(&run(&format!("revert -y {at}")));
    assert!(none.contains("nothing to revert"), "{none}");

    let second = up_to(base, 3).await;
    let slots: BTreeSet<u64> = first.iter().chain(&second).map(|(slot, _)| *slot).collect();
    assert_eq!(
        slots.len(),
        first.len() + second.len(),
        "{first:?} {second:?}"
    );

    fs::write(chain_folder(base, "dev").join("journal"), "nonsense").unwrap();
    let refused = error_line(&run(&format!("revert 1 -y {at}")));
    assert!(refused.contains("journal"), "{refused}");
}
