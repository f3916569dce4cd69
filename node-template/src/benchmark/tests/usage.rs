//! What Linux says of a process.

use super::super::usage::{cpu, cpu_in, peak_memory, peak_memory_in};
use std::time::{Duration, Instant};

#[test]
fn times_are_found_behind_a_name_that_looks_like_fields() {
    let stat = "7 (a) b (c d) S 1 7 7 0 -1 4194304 100 0 0 0 250 30 0 0 20 0 1 0 5 6 7";
    assert_eq!(cpu_in(stat), Some(Duration::from_millis(2_800)));
    assert_eq!(cpu_in("7 (a) S 1 2 3"), None);
    assert_eq!(cpu_in("nothing"), None);
}

#[test]
fn high_water_mark_is_read_in_bytes() {
    let status = "Name:\tx\nVmPeak:\t  900 kB\nVmHWM:\t   20 kB\nVmRSS:\t   10 kB\n";
    assert_eq!(peak_memory_in(status), Some(20 * 1_024));
    assert_eq!(peak_memory_in("VmHWM: many"), None);
}

#[test]
fn this_process_uses_time_and_memory() {
    let (before, begun) = (cpu().unwrap(), Instant::now());
    let mut number = 1_u64;
    while cpu().unwrap() == before {
        assert!(begun.elapsed() < Duration::from_mins(1));
        for _ in 0..1_000_000 {
            number = std::hint::black_box(number.wrapping_mul(3));
        }
    }
    assert!(peak_memory().unwrap() > 1 << 20);
}
