//! Verifying runs of headers (SPEC section 0, *verified tip*).

use crate::support::{Header, Maker, id, import_all, in_memory, reseal};
use runtime_bridge::verify::check_not_future;
use sp_consensus_aura::{Slot, SlotDuration};
use std::time::Duration;
use sync_component::ports::{HeaderFault, HeaderRejected, ReadChain, UnixMillis, VerifyHeaders};

const NOW: UnixMillis = UnixMillis(u64::MAX);

#[test]
fn run_of_good_headers_holds_on_a_stored_block_and_on_a_verified_one() {
    let maker = Maker::new(3);
    let bridge = in_memory(3, 5);
    let run = maker.run(maker.genesis(), 1..9);
    let headers: Vec<Header> = run.iter().map(|block| block.header.clone()).collect();
    let genesis = bridge.header(maker.genesis().hash).unwrap().unwrap();
    bridge
        .verify_headers(maker.genesis(), &genesis, &headers, NOW)
        .unwrap();
    bridge
        .verify_headers(maker.genesis(), &headers[3], &headers[4..], NOW)
        .unwrap();
    assert_eq!(bridge.slot_of(&headers[2]).unwrap(), Slot::from(3));
}

#[test]
fn first_faulty_header_is_named_with_its_fault() {
    let maker = Maker::new(3);
    let bridge = in_memory(3, 5);
    let run = maker.run(maker.genesis(), 1..9);
    import_all(&bridge, &run[..1]);
    let headers: Vec<Header> = run.iter().map(|block| block.header.clone()).collect();
    let verdict = |headers: &[Header]| {
        bridge
            .verify_headers(id(&run[0]), &run[0].header, headers, NOW)
            .unwrap_err()
    };

    // On the stored block there is no doubt whose turn it is; above others there is, because this chain's authorities can change.
    let on_base = reseal(run[1].clone(), maker.key(1)).header;
    assert!(matches!(
        verdict(&[on_base]),
        HeaderRejected::Faulty {
            index: 0,
            fault: HeaderFault::BadSeal
        }
    ));
    let mut bad_seal = headers.clone();
    bad_seal[4] = reseal(run[4].clone(), maker.key(4)).header;
    assert!(matches!(
        verdict(&bad_seal[1..]),
        HeaderRejected::Faulty {
            index: 3,
            fault: HeaderFault::UnexplainedSeal
        }
    ));
    // A broken link behind the wrong seal is not what is reported.
    bad_seal.remove(6);
    assert!(matches!(
        verdict(&bad_seal[1..]),
        HeaderRejected::Faulty {
            index: 3,
            fault: HeaderFault::UnexplainedSeal
        }
    ));
    let mut gap = headers.clone();
    gap.remove(4);
    assert!(matches!(
        verdict(&gap[1..]),
        HeaderRejected::Faulty {
            index: 3,
            fault: HeaderFault::BrokenLink
        }
    ));
}

#[test]
fn header_that_was_verified_is_so_again_and_its_hash_says_nothing_of_another() {
    let maker = Maker::new(3);
    let bridge = in_memory(3, 5);
    let run = maker.run(maker.genesis(), 1..9);
    let mut headers: Vec<Header> = run.iter().map(|block| block.header.clone()).collect();
    let genesis = bridge.header(maker.genesis().hash).unwrap().unwrap();
    let verdict =
        |headers: &[Header]| bridge.verify_headers(maker.genesis(), &genesis, headers, NOW);
    verdict(&headers).unwrap();
    verdict(&headers).unwrap();
    headers[7] = reseal(run[7].clone(), maker.key(7)).header;
    for _ in 0..2 {
        assert!(matches!(
            verdict(&headers).unwrap_err(),
            HeaderRejected::Faulty {
                index: 7,
                fault: HeaderFault::UnexplainedSeal
            }
        ));
    }
}

#[test]
fn slot_may_start_as_late_as_the_drift_after_now() {
    let check = |now| {
        let length = SlotDuration::from_millis(2_000);
        let drift = Duration::from_millis(500);
        check_not_future(Slot::from(10), length, UnixMillis(now), drift)
    };
    assert_eq!(check(19_500), Ok(()));
    let slot = Slot::from(10);
    assert_eq!(check(19_499), Err(HeaderFault::FromFuture { slot }));
}

#[test]
fn authorities_are_those_after_the_parent() {
    let bridge = in_memory(3, 5);
    let authorities = bridge.authorities_at(bridge.genesis_hash()).unwrap();
    assert_eq!(authorities.len(), 3);
}
