use super::Backoff;
use crate::settings::Limits;
use proptest::prelude::*;
use std::time::Duration;

proptest! {
    #[test]
    fn pauses_double_up_to_the_longest_within_the_jitter(seed in any::<[u8; 32]>()) {
        let limits = Limits::default();
        let mut backoff = Backoff::new(&limits, seed);
        let mut doubled = limits.backoff_first;
        for _ in 0..40 {
            let pause = backoff.failed();
            prop_assert!(pause >= doubled.mul_f64(0.79) && pause <= doubled.mul_f64(1.21), "{pause:?} for {doubled:?}");
            doubled = (doubled * 2).min(limits.backoff_max);
        }
        backoff.worked();
        prop_assert!(backoff.failed() <= Duration::from_millis(600));
    }
}
