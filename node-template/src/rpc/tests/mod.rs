#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop where it is"
)]

mod access;
mod bounds;
mod readiness;
mod world;

use super::{BlockHashes, BlockNumber, BlockNumbers, Origins, Server};
use serde_json::json;
use sp_core::H256;

#[test]
fn block_numbers_are_read_plain_in_hex_and_as_a_list() {
    let read = |value| serde_json::from_value::<BlockNumbers>(value);
    assert_eq!(read(json!(7)).unwrap(), BlockNumbers::One(BlockNumber(7)));
    assert_eq!(
        read(json!("0x1f")).unwrap(),
        BlockNumbers::One(BlockNumber(31))
    );
    assert_eq!(
        read(json!([0, "0xff"])).unwrap(),
        BlockNumbers::List(vec![BlockNumber(0), BlockNumber(255)])
    );
    for wrong in [json!("7"), json!(-1), json!(1.5), json!("0x"), json!([[1]])] {
        assert!(read(wrong.clone()).is_err(), "{wrong}");
    }
}

#[test]
fn hash_of_a_block_above_the_tip_is_null() {
    let write = |hashes| serde_json::to_value(hashes).unwrap();
    assert_eq!(write(BlockHashes::One(None)), json!(null));
    let hash = H256::repeat_byte(1);
    assert_eq!(
        write(BlockHashes::List(vec![Some(hash), None])),
        json!([format!("{hash:?}"), null])
    );
}

#[test]
fn port_in_use_is_an_error_that_names_it_and_the_option() {
    let taken = Server::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let port = taken.local_url().rsplit(':').next().unwrap().to_owned();
    let error = Server::bind(format!("127.0.0.1:{port}").parse().unwrap()).unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains(&port) && text.contains("--rpc-port"),
        "{text}"
    );
}

#[test]
fn address_of_a_server_on_all_interfaces_is_one_that_can_be_called() {
    let server = Server::bind("0.0.0.0:0".parse().unwrap()).unwrap();
    assert!(server.local_url().starts_with("http://127.0.0.1:"));
}

#[test]
fn origins_are_matched_by_scheme_host_and_port() {
    let allow = |origins: &Origins, origin: &'static str| {
        origins.allow(&http::HeaderValue::from_static(origin))
    };
    let default = Origins::default();
    for good in [
        "http://localhost",
        "http://localhost:3000",
        "https://127.0.0.1:8000",
        "https://polkadot.js.org",
    ] {
        assert!(allow(&default, good), "{good}");
    }
    for bad in [
        "http://localhost.example.org",
        "http://example.org",
        "https://polkadot.js.org:8000",
        "http://polkadot.js.org",
        "http://localhost:3000:1",
        "null",
    ] {
        assert!(!allow(&default, bad), "{bad}");
    }
    let all: Origins = "all".parse().unwrap();
    assert!(allow(&all, "null"));
    let two: Origins = "https://a.example,http://b.example:*".parse().unwrap();
    assert!(allow(&two, "http://b.example:1") && !allow(&two, "http://a.example"));
    for (given, page) in [
        // As browsers write them.
        ("https://a.example:443", "https://a.example"),
        ("http://a.example:80", "http://a.example"),
        ("https://a.example, http://b.example", "http://b.example"),
        ("http://[::1]:3000", "http://[::1]:3000"),
        ("http://[::1]:*", "http://[::1]:7"),
        ("http://[::1]", "http://[::1]"),
    ] {
        let origins: Origins = given.parse().unwrap();
        assert!(allow(&origins, page), "{given}");
    }
    for wrong in [
        "",
        "example.org",
        "https://",
        "https://a.example/path",
        "all,https://a",
        "http://*",
        "https://*.example",
        "https://user@a",
        "https://a?x",
        "https://a#y",
        "https://a b",
        "https://a..b",
        "https://a:",
        "https://a:0",
        "https://a:65536",
        "https://a:*:1",
        "https://[::1",
        "https://[a]",
        "https://::1",
    ] {
        wrong.parse::<Origins>().unwrap_err();
    }
}
