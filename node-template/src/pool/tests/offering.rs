//! What is sent to a peer.

use super::queue::{account, candidate, of_peer, standing};
use crate::pool::{
    Limits, Queue,
    gossip::{Body, body},
};
use codec::Encode;
use sync_component::ports::PeerId;

#[test]
fn what_the_peer_itself_sent_is_passed_over_once() {
    let mut queue = Queue::new(Limits::default());
    let has = standing(0, 100);
    let peer = PeerId::from_bytes(b"peer");
    let other = PeerId::from_bytes(b"other");
    for nonce in 0..3 {
        queue.insert(of_peer(candidate(1, nonce, 1)), has).unwrap();
    }
    let own = candidate(2, 0, 1);
    queue.insert(own.clone(), has).unwrap();
    queue.insert(of_peer(candidate(1, 3, 1)), has).unwrap();
    let sent = vec![own.extrinsic].encode();
    let expected = |passed, bytes| Body {
        passed,
        arrivals: vec![4],
        bytes,
    };
    assert_eq!(body(queue.after(0), &peer), expected(Some(3), sent.clone()));
    assert_eq!(body(queue.after(3), &peer), expected(None, sent));
    assert_eq!(body(queue.after(0), &other).arrivals, [1, 2, 3, 4, 5]);
    let rest = body(queue.after(4), &peer);
    assert_eq!((rest.passed, rest.arrivals), (Some(5), Vec::new()));
    assert_eq!(queue.standing(&account(1)), Some(has));
}
