//! `--dev`: one node that authors at once, stops when asked, and goes on where it was.

use crate::harness::{PATIENCE, chain_folder, client, serving, until_status};
use node_template::status_view::{NodeClient, NodeFile};
use rustix::process::Signal;

async fn authors_stops_and_goes_on(signal: Signal) {
    let base = tempfile::tempdir().unwrap();
    let mut node = serving(base.path(), "dev", "--dev").await;
    let asked = client(&node);
    let view = until_status(&asked, "block 2", |view| view.best.number >= 2).await;
    let first = asked.block_hash(1).await.unwrap().unwrap();

    node.signal(signal).unwrap();
    let end = node.ended(PATIENCE).await.unwrap();
    assert!(end.success(), "{end}: {:?}", node.log_tail(20));
    let folder = chain_folder(base.path(), "dev");
    assert!(NodeFile::read(&folder).unwrap().is_none());

    let node = serving(base.path(), "dev", "--dev").await;
    let asked = client(&node);
    let height = view.best.number;
    until_status(&asked, "another block", |view| view.best.number > height).await;
    assert_eq!(asked.block_hash(1).await.unwrap(), Some(first));
}

#[tokio::test]
async fn dev_node_authors_at_once_and_goes_on_after_sigterm() {
    authors_stops_and_goes_on(Signal::TERM).await;
}

#[tokio::test]
async fn dev_node_authors_at_once_and_goes_on_after_sigint() {
    authors_stops_and_goes_on(Signal::INT).await;
}

#[tokio::test]
async fn dev_node_with_tmp_removes_its_folder() {
    let scratch = tempfile::tempdir().unwrap();
    let mut command =
        crate::harness::command("--dev --tmp --rpc-port 0 --prometheus-port 0 --stop-with-stdin");
    let mut child = command
        .args(["--listen-addr", "/ip4/127.0.0.1/tcp/0"])
        .env("TMPDIR", scratch.path())
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let entries = || std::fs::read_dir(scratch.path()).unwrap().count();
    crate::harness::until("a folder of its own", || entries() > 0);
    // The end of its standard input stops it.
    drop(child.stdin.take());
    crate::harness::until("its end", || child.try_wait().unwrap().is_some());
    assert!(child.wait().unwrap().success());
    assert_eq!(entries(), 0);
}

#[tokio::test]
async fn node_goes_on_when_nobody_reads_its_log_any_more() {
    use std::io::{BufRead, BufReader};
    let base = tempfile::tempdir().unwrap();
    let args = "--dev --log debug --rpc-port 0 --prometheus-port 0 --stop-with-stdin";
    let mut command = crate::harness::command(args);
    let mut child = command
        .args(["--listen-addr", "/ip4/127.0.0.1/tcp/0", "--base-path"])
        .arg(base.path())
        .stdin(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut log = BufReader::new(child.stderr.take().unwrap());
    log.read_line(&mut line).unwrap();
    drop(log);
    let folder = chain_folder(base.path(), "dev");
    crate::harness::until("a node that serves", || {
        assert!(child.try_wait().unwrap().is_none(), "it ended");
        matches!(NodeFile::read(&folder), Ok(Some(_)))
    });
    let file = NodeFile::read(&folder).unwrap().unwrap();
    let asked = NodeClient::of_operator(&file).unwrap();
    until_status(&asked, "block 3", |view| view.best.number >= 3).await;
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
}

#[tokio::test]
async fn client_with_half_a_request_does_not_keep_the_node_from_stopping() {
    use std::io::Write;
    let base = tempfile::tempdir().unwrap();
    let mut node = serving(base.path(), "dev", "--dev").await;
    let url = client(&node).url().to_owned();
    let address = url.trim_start_matches("http://");
    let mut half = std::net::TcpStream::connect(address).unwrap();
    half.write_all(b"POST / HTTP/1.1\r\nHo").unwrap();
    node.signal(Signal::TERM).unwrap();
    let end = node.ended(PATIENCE).await.unwrap();
    assert!(end.success(), "{end}: {:?}", node.log_tail(20));
    drop(half);
}
