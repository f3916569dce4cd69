//! Who may call what (SPEC section 12).

use super::world::{Well, World};
use crate::rpc::{
    MethodsOffered, Origins, Token,
    gate::{CallerAddress, Gate},
    token::Caller,
};
use jsonrpsee::RpcModule;
use std::{net::IpAddr, sync::Arc};

/// What is answered: the status, and what is in the body.
type Expected = (&'static str, &'static str);

const DONE: Expected = ("200", "\"result\":null");
const REFUSED: Expected = ("200", "-32601");
const FORBIDDEN: Expected = ("403", "");

#[test]
fn orders_are_taken_from_this_machine_with_the_token_and_without_an_origin() {
    const HERE: &str = "127.0.0.1:0";
    const EVERYWHERE: &str = "0.0.0.0:0";
    let local = "Host: localhost\r\n";
    let foreign = "Host: example.org\r\n";
    let page = "Origin: http://localhost:3000\r\n";
    let strange = "Origin: https://example.org\r\n";
    let (all, safe) = (MethodsOffered::All, MethodsOffered::Safe);
    for (listen, offered, head, has_token, expected) in [
        (HERE, all, local.to_owned(), true, DONE),
        (HERE, all, local.to_owned(), false, REFUSED),
        (
            HERE,
            all,
            "Authorization: Bearer 00\r\n".to_owned(),
            false,
            REFUSED,
        ),
        (HERE, all, foreign.to_owned(), true, FORBIDDEN),
        (HERE, all, page.to_owned(), true, REFUSED),
        (HERE, all, strange.to_owned(), true, FORBIDDEN),
        (HERE, safe, local.to_owned(), true, REFUSED),
        (EVERYWHERE, all, local.to_owned(), true, DONE),
        (EVERYWHERE, all, local.to_owned(), false, REFUSED),
        (EVERYWHERE, all, foreign.to_owned(), true, REFUSED),
        (EVERYWHERE, all, page.to_owned(), true, REFUSED),
        (EVERYWHERE, safe, local.to_owned(), true, REFUSED),
    ] {
        let world = World::new(listen, offered, RpcModule::new(()));
        let token = if has_token {
            format!("Authorization: Bearer {}\r\n", world.token)
        } else {
            String::new()
        };
        let answer = world.call("order", &format!("{head}{token}"));
        let (status, text) = expected;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}")) && answer.contains(text),
            "{listen} {offered:?} {head:?} token: {has_token}: {answer}"
        );
    }
}

#[test]
fn caller_from_elsewhere_is_no_operator_whatever_it_carries() {
    let token = Token::new();
    let bearer = format!("Bearer {}", token.secret());
    let gate = Gate {
        token,
        offered: MethodsOffered::All,
        origins: Origins::default(),
        health: Arc::new(Well),
    };
    let caller = |from: Option<&str>| {
        let mut request = http::Request::new(());
        let headers = request.headers_mut();
        headers.insert("authorization", bearer.parse().unwrap());
        headers.insert("host", "localhost:9944".parse().unwrap());
        if let Some(from) = from {
            let from: IpAddr = from.parse().unwrap();
            request.extensions_mut().insert(CallerAddress(from));
        }
        gate.caller(&request)
    };
    for here in ["127.0.0.1", "127.0.0.9", "::1", "::ffff:127.0.0.1"] {
        assert_eq!(caller(Some(here)), Caller::Operator, "{here}");
    }
    for elsewhere in ["192.168.1.2", "10.0.0.1", "2001:db8::1", "0.0.0.0"] {
        assert_eq!(caller(Some(elsewhere)), Caller::Anybody, "{elsewhere}");
    }
    assert_eq!(caller(None), Caller::Anybody);
}
