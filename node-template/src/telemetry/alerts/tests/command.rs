use super::event;
use crate::telemetry::alerts::{AlertCommand, command::CommandFailure};
use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};
use tokio::sync::broadcast;

fn command(line: &str) -> AlertCommand {
    AlertCommand::new(line.to_owned())
}

async fn until(what: &str, wanted: impl Fn() -> bool) {
    let start = Instant::now();
    while !wanted() {
        assert!(
            start.elapsed() < Duration::from_secs(30),
            "{what} did not come"
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn lines(path: &Path) -> usize {
    fs::read_to_string(path).map_or(0, |text| text.lines().count())
}

#[tokio::test]
async fn command_gets_the_event_as_one_line_of_json() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("alert");
    let work = command(&format!("cat > {}", file.display()));
    work.run_once(&event("a \"quoted\"\nmessage"))
        .await
        .unwrap();
    let text = fs::read_to_string(file).unwrap();
    assert_eq!(text.lines().count(), 1, "{text}");
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        json,
        serde_json::json!({
            "alert": "fork",
            "message": "a \"quoted\"\nmessage",
            "times": 3,
            "unixMs": 1_700_000_000_000_u64,
            "node": "a node",
            "chain": "testnet",
        })
    );
}

#[tokio::test]
async fn command_that_reads_nothing_is_no_failure() {
    command("true")
        .run_once(&event(&"x".repeat(200_000)))
        .await
        .unwrap();
}

#[tokio::test]
async fn failing_command_says_how_and_why() {
    let failed = command("echo no mail server >&2; exit 3")
        .run_once(&event("x"))
        .await;
    let text = failed.unwrap_err().to_string();
    assert!(text.contains("exit status: 3"), "{text}");
    assert!(text.contains("no mail server"), "{text}");
}

#[tokio::test]
async fn endless_complaints_are_cut_and_do_not_block_the_command() {
    let line = "i=0; while [ $i -lt 3000 ]; do echo 0123456789012345678901234567890123456789 >&2; i=$((i+1)); done; exit 1";
    let Err(CommandFailure::Failed { said, .. }) = command(line).run_once(&event("x")).await else {
        panic!("it ends with an error");
    };
    assert!(said.len() < 2_000, "{}", said.len());
}

#[tokio::test]
async fn command_that_hangs_is_killed_with_what_it_started() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pid");
    let line = format!("sleep 600 & echo $! > {}; wait", file.display());
    let work = command(&line).within(Duration::from_millis(500));
    let failed = work.run_once(&event("x")).await.unwrap_err();
    assert!(matches!(failed, CommandFailure::TooSlow(_)), "{failed}");
    let pid: u32 = fs::read_to_string(file).unwrap().trim().parse().unwrap();
    until("the end of its child", || {
        // A process that nobody has waited for yet is dead too.
        fs::read_to_string(format!("/proc/{pid}/stat")).map_or(true, |stat| stat.contains(") Z "))
    })
    .await;
}

#[tokio::test]
async fn one_runs_at_a_time_and_a_failure_does_not_end_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let (file, lock) = (folder.path().join("log"), folder.path().join("lock"));
    // `mkdir` fails if another one runs.
    let line = format!(
        "mkdir {lock} || echo TWO >> {file}; cat >> {file}; rmdir {lock}; exit 1",
        lock = lock.display(),
        file = file.display()
    );
    let (sender, receiver) = broadcast::channel(16);
    let running = tokio::spawn(command(&line).run(receiver));
    for n in 0..5 {
        sender.send(event(&n.to_string())).unwrap();
    }
    until("five lines", || lines(&file) >= 5).await;
    drop(sender);
    running.await.unwrap();
    let text = fs::read_to_string(&file).unwrap();
    assert!(!text.contains("TWO"), "{text}");
    assert_eq!(lines(&file), 5);
}

#[tokio::test]
async fn events_beyond_the_queue_are_dropped_and_the_newest_kept() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("log");
    let (sender, receiver) = broadcast::channel(16);
    for n in 0..100 {
        sender.send(event(&format!("number {n}"))).unwrap();
    }
    drop(sender);
    command(&format!("cat >> {}", file.display()))
        .run(receiver)
        .await;
    assert_eq!(lines(&file), 16);
    assert!(fs::read_to_string(&file).unwrap().contains("number 99"));
}
