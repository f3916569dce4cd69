#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed, and the panic says where"
)]

use super::{EnvelopeError, SyncCodec};
use crate::net::bandwidth::{Bandwidth, Counters};
use futures::{executor::block_on, io::Cursor};
use std::{io, sync::Arc};

const CAP: usize = 300;

fn codec() -> SyncCodec {
    SyncCodec {
        request_cap: CAP,
        reply_cap: CAP,
        counters: Arc::new(Counters::default()),
    }
}

fn read(bytes: &[u8]) -> io::Result<Vec<u8>> {
    block_on(codec().read(&mut Cursor::new(bytes), CAP))
}

fn is_envelope_error(error: &io::Error) -> bool {
    error
        .get_ref()
        .is_some_and(<dyn std::error::Error + Send + Sync>::is::<EnvelopeError>)
}

#[test]
fn body_is_read_as_it_was_written() {
    for length in [0, 1, 127, 128, CAP] {
        let body = vec![5; length];
        let codec = codec();
        let mut wire = Cursor::new(Vec::new());
        block_on(codec.write(&mut wire, body.clone())).unwrap();
        wire.set_position(0);
        assert_eq!(block_on(codec.read(&mut wire, CAP)).unwrap(), body);
        let bytes = u64::try_from(length).unwrap();
        let expected = Bandwidth {
            received: bytes,
            sent: bytes,
        };
        assert_eq!(codec.counters.read(), expected);
    }
}

#[test]
fn envelope_is_a_varint_and_the_body() {
    let mut wire = Cursor::new(Vec::new());
    block_on(codec().write(&mut wire, vec![9; 130])).unwrap();
    let wire = wire.into_inner();
    assert_eq!(wire[..3], [0x82, 0x01, 9]);
    assert_eq!(wire.len(), 132);
}

#[test]
fn length_above_the_cap_is_an_error_before_any_of_the_body_is_read() {
    assert!(is_envelope_error(&read(&[0xad, 0x02]).unwrap_err()));
    let largest = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
    assert!(is_envelope_error(&read(&largest).unwrap_err()));
}

#[test]
fn length_that_is_no_varint_is_an_error() {
    assert!(
        is_envelope_error(&read(&[0xff; 20]).unwrap_err()),
        "it never ends"
    );
    assert!(
        is_envelope_error(&read(&[0x81, 0x00]).unwrap_err()),
        "it is not the shortest"
    );
}

#[test]
fn stream_that_ends_early_is_no_envelope_error() {
    for wire in [&[][..], &[0x80][..], &[3, 1, 2][..]] {
        let error = read(wire).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }
}
