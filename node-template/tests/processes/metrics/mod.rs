//! Prometheus metrics, alerts and JSON logs of real nodes (SPEC sections 0, 11 and 12).

mod alerts;
mod endpoint;
mod expressions;
mod files;
mod logs;
mod pool;

pub(crate) use alerts::told;

use crate::{
    exposition::Page,
    harness::{LOOK_EVERY, PATIENCE},
};
use node_template::localnet::NodeProcess;
use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Instant,
};

/// Host and port of a node's metrics.
fn address(node: &NodeProcess) -> String {
    let file = node
        .node_file()
        .expect("a node that serves has a node.json");
    let url = file.prometheus_url.expect("a node serves metrics");
    let address = url.strip_prefix("http://").unwrap();
    address.strip_suffix("/metrics").unwrap().to_owned()
}

/// Sends a request and reads the answer to its end: the status line, and the body.
fn ask(address: &str, request: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(stream, "{request} HTTP/1.1\r\nHost: {address}\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.lines().next().unwrap().to_owned(), body.to_owned())
}

fn page_at(address: &str) -> Page {
    let (status, body) = ask(address, "GET /metrics");
    assert_eq!(status, "HTTP/1.1 200 OK", "{body}");
    Page::read(&body)
}

pub(crate) fn page(node: &NodeProcess) -> Page {
    page_at(&address(node))
}

/// Waits until the node's page is as `wanted` says.
async fn until_page(node: &NodeProcess, what: &str, wanted: impl Fn(&Page) -> bool) -> Page {
    let start = Instant::now();
    loop {
        let seen = page(node);
        if wanted(&seen) {
            return seen;
        }
        assert!(
            start.elapsed() < PATIENCE,
            "{what} did not come: {seen:?}\n{}",
            node.log_tail(20).join("\n")
        );
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
