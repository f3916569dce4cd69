use super::{address, ask, page, page_at, until_page};
use crate::harness::{
    PATIENCE, chain_folder, client, command, error_line, finish, run, serving, until_logged,
    until_status,
};
use node_template::status_view::NodeFile;
use rustix::process::Signal;
use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    time::{Duration, Instant},
};

#[tokio::test]
async fn authority_serves_what_it_is_and_does() {
    let base = tempfile::tempdir().unwrap();
    let node = serving(base.path(), "dev", "--dev --name lone").await;
    let page = until_page(&node, "a second block", |page| {
        let best = page.get("substrate_block_height{status=\"best\"}");
        // Its file may be there a moment before its heights are.
        best.is_some_and(|best| best >= 2.0)
    })
    .await;
    assert_eq!(page.get("substrate_node_roles"), Some(4.0));
    assert_eq!(page.get("sync_status"), Some(0.0));
    assert_eq!(page.get("sync_backups"), Some(0.0));
    let cleared = "sync_gate_total{outcome=\"cleared\",reason=\"in_sync\"}";
    assert!(page.value(cleared) >= 2.0);
    let build = page.all("substrate_build_info{name=\"lone\"}");
    assert_eq!(build.len(), 1);
    assert!(page.samples().iter().all(|sample| {
        sample
            .labels
            .get("chain")
            .is_some_and(|chain| chain == "dev")
    }));
    // Its own blocks come from no queue, and are written all the same.
    let own = "substrate_import_queue_processed_total{result=\"success\"}";
    assert_eq!(page.get(own), Some(0.0));
    assert!(page.value("sync_stage_seconds_count{stage=\"commit\"}") >= 2.0);
}

#[tokio::test]
async fn nothing_but_get_metrics_is_answered() {
    let base = tempfile::tempdir().unwrap();
    let node = serving(base.path(), "dev", "--dev --isolated").await;
    let address = address(&node);
    for request in [
        "GET /",
        "GET /metrics/",
        "POST /metrics",
        "DELETE /metrics",
        "GET /../metrics",
    ] {
        let (status, _) = ask(&address, request);
        assert_eq!(status, "HTTP/1.1 404 Not Found", "{request}");
    }
    let (status, _) = ask(&address, "GET /metrics?name=x");
    assert_eq!(status, "HTTP/1.1 200 OK");
    for nonsense in ["\r\n\r\n", "\u{1}\u{2}\u{3}\r\n\r\n"] {
        let mut stream = TcpStream::connect(&address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(nonsense.as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        assert!(!String::from_utf8_lossy(&answer).contains(" 200 "));
    }
    page(&node);
}

#[tokio::test]
async fn slow_readers_are_cut_off_and_keep_neither_others_nor_the_stop_waiting() {
    let base = tempfile::tempdir().unwrap();
    let mut node = serving(base.path(), "dev", "--dev --isolated").await;
    let address = address(&node);
    // More than it serves at once.
    let mut slow: Vec<_> = (0..40)
        .map(|_| {
            let mut stream = TcpStream::connect(&address).unwrap();
            stream.write_all(b"GET /metr").unwrap();
            stream
        })
        .collect();
    let begun = Instant::now();
    page_at(&address);
    assert!(begun.elapsed() < PATIENCE);
    let first = &mut slow[0];
    first.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut answer = Vec::new();
    // An end, or a reset: either way it is over.
    let _ = first.read_to_end(&mut answer);
    assert!(begun.elapsed() < PATIENCE);
    let mut more = TcpStream::connect(&address).unwrap();
    more.write_all(b"GET").unwrap();
    node.signal(Signal::TERM).unwrap();
    let stopping = Instant::now();
    assert!(node.ended(PATIENCE).await.unwrap().success());
    assert!(stopping.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn no_prometheus_serves_none_and_says_none() {
    let base = tempfile::tempdir().unwrap();
    let node = serving(base.path(), "dev", "--dev --no-prometheus").await;
    until_status(&client(&node), "a block", |view| view.best.number >= 1).await;
    let file = NodeFile::read(&chain_folder(base.path(), "dev")).unwrap();
    assert_eq!(file.unwrap().prometheus_url, None);
    assert!(!node.log_tail(100).join("\n").contains("Prometheus"));
}

#[tokio::test]
async fn external_metrics_are_served_on_all_interfaces() {
    let base = tempfile::tempdir().unwrap();
    let args = "--dev --prometheus-port 0 --prometheus-external";
    let node = serving(base.path(), "dev", args).await;
    let address = address(&node);
    assert!(address.starts_with("127.0.0.1:"), "{address}");
    let port = address.rsplit_once(':').unwrap().1;
    until_logged(
        &node,
        &format!("Prometheus exporter started at 0.0.0.0:{port}"),
    );
    page(&node);
}

#[test]
fn port_in_use_is_named_with_the_options_that_change_it() {
    let base = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let line = format!("--dev --rpc-port 0 --isolated --prometheus-port {port}");
    let mut start = command(&line);
    start.arg("--base-path").arg(base.path());
    let error = error_line(&finish(start));
    for part in [&port.to_string(), "--prometheus-port", "--no-prometheus"] {
        assert!(error.contains(part), "{part}: {error}");
    }
    assert!(
        !chain_folder(base.path(), "dev").exists(),
        "nothing was written"
    );
}

#[test]
fn wrong_options_are_refused_with_what_is_wrong() {
    let table = [
        ("--prometheus-port 70000", "70000"),
        ("--prometheus-port -1", "-1"),
        ("--prometheus-port nine", "nine"),
        (
            "--no-prometheus --prometheus-external",
            "--prometheus-external",
        ),
        (
            "--no-prometheus --prometheus-port 9615",
            "--prometheus-port",
        ),
        ("--alert-cmd", "--alert-cmd"),
        ("--alert-cmd=", "--alert-cmd"),
    ];
    for (args, part) in table {
        let output = run(&format!("--dev {args}"));
        let error = error_line(&output);
        assert!(error.contains(part), "{args}: {error}");
        assert_eq!(output.status.code(), Some(64), "{args}: {error}");
    }
}
