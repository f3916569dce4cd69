#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use super::{SimSigner, counters::Counters};
use crate::{
    BlockId,
    attestation::attest,
    ports::{Clock, PeerId, UnixMillis},
    test_kit::{Forge, SmallBlock, VirtualClock},
    wire::Attestation,
};
use sp_core::H256;

#[test]
fn second_statement_with_one_counter_is_seen_where_it_leaves_its_node() {
    let forge = Forge::new(2);
    let node = PeerId::from_bytes(b"V0");
    let mut counters = Counters::<SmallBlock>::default();
    counters.signs(&node, forge.public(0));
    let signer = SimSigner::new(forge.clone(), 0, 0.into());
    let made = |branch: u8| -> Attestation<SmallBlock> {
        let tip = BlockId::new(3, H256::repeat_byte(branch));
        attest(&signer, forge.public(0), H256::zero(), 9.into(), tip, &[]).unwrap()
    };
    let (first, second) = (made(1), made(2));
    for attestation in [&first, &second, &first] {
        assert_eq!(counters.left(&node, attestation), None);
    }
    let mut other = second.clone();
    other.tip.counter = first.tip.counter;
    let carrier = PeerId::from_bytes(b"C");
    assert_eq!(counters.left(&carrier, &other), None, "not by its node");
    assert_eq!(counters.left(&node, &other), Some(first.tip));
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "time stands still")]
async fn whoever_goes_round_in_a_circle_is_stopped() {
    let clock = VirtualClock::starting_at(UnixMillis(0));
    loop {
        clock.now();
    }
}
