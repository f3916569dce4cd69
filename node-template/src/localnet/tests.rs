#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop where it is"
)]

use super::{
    NodeProcess, NodeRow, NodeState, ProcessError, ProcessPlan, plans, table::table, tour::Duty,
};
use crate::{status_view::NodeFile, terminal::Paint};
use chain_spec::Preset;
use std::{ffi::OsString, path::Path, time::Duration};

fn shell(folder: &Path, script: &str) -> ProcessPlan {
    ProcessPlan {
        name: "test".into(),
        program: "/bin/sh".into(),
        args: ["-c", script].map(OsString::from).into(),
        log: folder.join("test.log"),
        chain_folder: folder.to_owned(),
    }
}

#[test]
fn validators_come_first_and_each_knows_the_earlier_ones() {
    let plans = plans(&Preset::Local.spec(), 6);
    let names: Vec<&str> = plans.iter().map(|plan| plan.name.as_str()).collect();
    assert_eq!(
        names,
        ["alice", "bob", "charlie", "dave", "full-1", "full-2"]
    );
    assert_eq!(plans[4].duty, Duty::Follow);
    for (index, plan) in plans.iter().enumerate() {
        assert_eq!(plan.bootnodes.len(), index);
    }
}

#[test]
fn table_without_colour_has_no_escape_sequences_and_shows_states() {
    let rows = [
        NodeRow {
            name: "alice".into(),
            state: NodeState::Stopped,
        },
        NodeRow {
            name: "bob".into(),
            state: NodeState::Died {
                end: "exit status: 1".into(),
            },
        },
    ];
    let plain = table(&rows, Paint::Plain).join("\n");
    assert!(!plain.contains('\x1b'), "{plain}");
    assert!(
        plain.contains("stopped") && plain.contains("died"),
        "{plain}"
    );
    let coloured = table(&rows, Paint::Coloured).join("\n");
    assert!(coloured.contains("\x1b[31mdied"), "{coloured:?}");
}

#[tokio::test]
async fn process_that_ends_early_is_told_with_its_end_and_its_last_words() {
    let folder = tempfile::tempdir().unwrap();
    let mut process =
        NodeProcess::start(shell(folder.path(), "echo first; echo why; exit 3")).unwrap();
    let error = process.serving(Duration::from_secs(20)).await.unwrap_err();
    assert!(
        matches!(&error, ProcessError::EndedEarly { end, said, .. } if end.code() == Some(3) && said == "why"),
        "{error}"
    );
    let log = std::fs::read_to_string(folder.path().join("test.log")).unwrap();
    assert_eq!(log, "first\nwhy\n");
}

#[tokio::test]
async fn node_file_of_an_earlier_process_is_not_taken_for_ours() {
    let folder = tempfile::tempdir().unwrap();
    let file = NodeFile {
        pid: 1,
        rpc_url: "http://127.0.0.1:1".into(),
        prometheus_url: None,
        listen_addresses: Vec::new(),
        token: String::new(),
    };
    let text = serde_json::to_string(&file).unwrap();
    std::fs::write(folder.path().join(NodeFile::NAME), text).unwrap();
    let mut process = NodeProcess::start(shell(folder.path(), "exec sleep 60")).unwrap();
    let error = process
        .serving(Duration::from_millis(200))
        .await
        .unwrap_err();
    assert!(matches!(error, ProcessError::NotServing { .. }), "{error}");
}

#[tokio::test]
async fn stopped_process_has_ended_and_dropped_process_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let mut process = NodeProcess::start(shell(folder.path(), "exec sleep 60")).unwrap();
    let end = process.stop(Duration::from_secs(20)).await.unwrap();
    assert!(!end.success(), "sleep does not handle SIGTERM");

    let process = NodeProcess::start(shell(folder.path(), "exec sleep 60")).unwrap();
    let id = process.id();
    drop(process);
    assert!(!Path::new(&format!("/proc/{id}")).exists());
}
