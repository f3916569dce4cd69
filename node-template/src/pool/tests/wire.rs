//! Golden bytes of `transactions/1`: a change of them is a new version.

use crate::{
    keystore::DevKey,
    pool::message::{Answer, BadBody, decode},
    runtime::{Call, Extrinsic, Transfer},
};
use codec::{DecodeAll, Encode};
use sp_core::{H256, Pair, sr25519};

fn transfer() -> Extrinsic {
    Extrinsic(Call::Transfer(Transfer {
        from: sr25519::Public::from_raw([1; 32]),
        to: sr25519::Public::from_raw([2; 32]),
        amount: 0x0304,
        nonce: 5,
        signature: sr25519::Signature::from_raw([6; 64]),
    }))
}

#[test]
fn body_has_its_golden_bytes() {
    let body = vec![transfer()].encode();
    let one =
        "01".repeat(32) + &"02".repeat(32) + "0403" + &"00".repeat(14) + "05" + &"00".repeat(7);
    // One extrinsic; its length, 153; the call's index.
    let expected = format!("046502{}{one}{}", "01", "06".repeat(64));
    assert_eq!(hex::encode(&body), expected);
    assert_eq!(decode(&body), Ok(vec![transfer()]));
}

#[test]
fn answers_have_their_golden_bytes() {
    for (answer, bytes) in [
        (Answer::Taken(258), "0002010000"),
        (Answer::Busy(1_000), "01e8030000"),
    ] {
        assert_eq!(hex::encode(answer.encode()), bytes);
        let read = Answer::decode_all(&mut hex::decode(bytes).unwrap().as_slice());
        assert_eq!(read.unwrap(), answer);
    }
}

#[test]
fn bytes_that_are_no_body_are_refused_whatever_they_announce() {
    let good = vec![transfer(); 3].encode();
    for cut in 0..good.len() {
        assert_eq!(decode(&good[..cut]), Err(BadBody), "{cut} bytes");
    }
    assert_eq!(decode(&[good.as_slice(), &[0]].concat()), Err(BadBody));
    // A count and a length far beyond what follows.
    assert_eq!(decode(&[0xfe, 0xff, 0xff, 0xff, 0x00]), Err(BadBody));
    assert_eq!(decode(&[0x04, 0xfe, 0xff, 0xff, 0xff]), Err(BadBody));
}

#[test]
fn signed_transfer_survives_its_way() {
    let alice = DevKey::Alice.pair();
    let to = DevKey::Bob.pair().public();
    let extrinsic = Extrinsic::transfer(&alice, to, 7, 0, H256::repeat_byte(9));
    assert_eq!(
        decode(&vec![extrinsic.clone()].encode()),
        Ok(vec![extrinsic])
    );
}
