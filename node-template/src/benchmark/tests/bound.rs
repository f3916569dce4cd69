//! The bound, by hand.

use super::super::limits::bound::Costs;
use std::time::Duration;

fn costs() -> Costs {
    let micros = Duration::from_micros;
    Costs {
        receive: micros(1),
        decode: micros(1),
        header_hash: micros(1),
        seal: micros(9),
        transfer: micros(16),
        trie: micros(10),
        write_wall: micros(12),
        write_cpu: micros(20),
    }
}

fn about(found: f64, wanted: f64) {
    assert!((found / wanted - 1.0).abs() < 1e-9, "{found} {wanted}");
}

#[test]
fn work_is_the_sum_of_all_parts_with_a_seal_and_the_transfers() {
    let parts = 1 + 1 + 2 + 10 + 20;
    assert_eq!(costs().work(0), Duration::from_micros(parts + 9));
    assert_eq!(costs().work(50), Duration::from_micros(parts + 9 + 50 * 16));
}

#[test]
fn few_cores_are_bound_by_all_work_and_many_by_what_has_to_be_done_in_order() {
    about(costs().bound(0, 1), 1e6 / 43.0);
    about(costs().bound(0, 2), 2e6 / 43.0);
    // The writer is the slower of the two that nobody can help.
    about(costs().bound(0, 64), 1e6 / 12.0);
    let slow_trie = Costs {
        trie: Duration::from_micros(100),
        ..costs()
    };
    about(slow_trie.bound(0, 64), 1e6 / 100.0);
}
