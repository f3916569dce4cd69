//! Commands that do a node's work go by the settings that the node is given.

use super::parse;
use crate::cli::{BackupsCommand, Command, place::Place, resync};
use std::path::Path;

fn settings(folder: &Path, days: u32) -> String {
    let path = folder.join("sync.toml");
    let text = format!("[sync]\ntier3_backup_retention_days = {days}\n");
    std::fs::write(&path, text).unwrap();
    path.display().to_string()
}

#[test]
fn backups_are_kept_for_as_long_as_the_node_that_is_stopped_would_keep_them() {
    let folder = tempfile::tempdir().unwrap();
    let file = settings(folder.path(), 30);
    let line = format!("backups prune --dev --sync-config {file}");
    let Some(Command::Backups(BackupsCommand::Prune(args))) = parse(&line).command else {
        panic!("another command");
    };
    let place = Place::of_node(&args).unwrap();
    assert!((place.spec.sync.tier3.backup_retention_days - 30.0).abs() < f64::EPSILON);
}

#[test]
fn resync_without_a_node_has_its_settings_and_its_reserved_nodes() {
    let folder = tempfile::tempdir().unwrap();
    let file = settings(folder.path(), 7);
    let peer = "/ip4/127.0.0.1/tcp/1/p2p/12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp";
    let line = format!("resync --dev --dry-run --sync-config {file} --reserved-nodes {peer}");
    let Some(Command::Resync(args)) = parse(&line).command else {
        panic!("another command");
    };
    let place = resync::place_of(&args).unwrap();
    assert!((place.spec.sync.tier3.backup_retention_days - 7.0).abs() < f64::EPSILON);
    assert_eq!(place.spec.reserved_nodes, [peer]);
}
