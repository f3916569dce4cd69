//! Headers that a snapshot is built from.

use super::*;

#[test]
fn bad_headers_are_refused_as_a_whole() {
    let world = World::new(60);
    let bridge = new();
    let headers = world.headers();
    bridge.add_headers(&headers[..20], NOW).unwrap();
    let mut gap = headers[20..40].to_vec();
    gap.remove(7);
    let mut unsealed = headers[20..40].to_vec();
    let seal = headers[50].digest.logs[1].clone();
    unsealed[19].digest.logs[1] = seal;
    for (bad, at) in [(gap, 7), (unsealed, 19)] {
        let refused = bridge.add_headers(&bad, NOW).unwrap_err();
        assert!(
            matches!(
                refused,
                HeadersRefused::Rejected(HeaderRejected::Faulty { index, .. }) if index == at
            ),
            "{refused}"
        );
        assert_eq!(bridge.standing().header, headers[19]);
    }
    bridge.add_headers(&headers[20..], NOW).unwrap();
    assert_eq!(bridge.standing().finalized, world.server.finalized());
}

#[test]
fn headers_that_are_not_final_can_be_replaced_and_no_others() {
    let world = World::new(60);
    let bridge = new();
    bridge.add_headers(&world.headers()[..30], NOW).unwrap();
    let finalized = bridge.standing().finalized;
    assert_eq!(finalized.number, 25);
    let fork = world.maker.run(finalized, 100..120);
    let fork: Vec<Header> = fork.iter().map(|block| block.header.clone()).collect();
    bridge.add_headers(&fork, NOW).unwrap_err();
    bridge.drop_unfinal();
    assert_eq!(bridge.standing().header.hash(), finalized.hash);
    bridge.add_headers(&fork, NOW).unwrap();
    assert_eq!(bridge.standing().finalized.number, 40);
}

#[test]
fn no_more_headers_are_kept_than_the_setting_allows_if_none_is_final() {
    // One of three seals all of them: never final.
    let maker = Maker::new(AUTHORITIES);
    let mut spec = spec(AUTHORITIES, MAX_REORG);
    spec.sync.limits.headers_ahead = 20;
    let clock = Arc::new(SystemClock::new());
    let bridge = Bridge::over(Arc::new(memory()), &spec, Sets::Steady, clock).unwrap();
    let run = maker.run(maker.genesis(), (1..30).map(|n| n * AUTHORITIES));
    let headers: Vec<Header> = run.iter().map(|block| block.header.clone()).collect();
    bridge.add_headers(&headers[..20], NOW).unwrap();
    let refused = bridge.add_headers(&headers[20..21], NOW).unwrap_err();
    assert!(matches!(
        refused,
        HeadersRefused::NothingFinal { count: 21 }
    ));
    assert_eq!(bridge.standing().header, headers[19]);
}

#[test]
fn low_headers_ahead_does_not_stop_a_chain_that_is_well() {
    let world = World::new(60);
    let mut spec = spec(AUTHORITIES, MAX_REORG);
    spec.sync.limits.headers_ahead = 1;
    let clock = Arc::new(SystemClock::new());
    let bridge = Bridge::over(Arc::new(memory()), &spec, Sets::Steady, clock).unwrap();
    for header in world.headers() {
        bridge.add_headers(&[header], NOW).unwrap();
    }
    assert_eq!(bridge.standing().finalized, world.server.finalized());
}

#[test]
fn only_a_stored_header_may_be_chosen() {
    let world = World::new(60);
    let bridge = new();
    bridge.add_headers(&world.headers(), NOW).unwrap();
    bridge.choose_state(55).unwrap();
    bridge.choose_state(56).unwrap_err();
}
