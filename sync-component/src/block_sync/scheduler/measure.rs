//! Numbers that are measured: averages and rates need no more digits than an `f64` has.

/// As a measured number.
#[expect(
    clippy::cast_precision_loss,
    reason = "counts of blocks and bytes in averages"
)]
pub(super) fn real(count: u64) -> f64 {
    count as f64
}

/// As a measured number.
pub(super) fn real_size(count: usize) -> f64 {
    real(u64::try_from(count).unwrap_or(u64::MAX))
}

/// Rounded down; at least 0, and no more than there are numbers.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "such a cast saturates, and what is not a number becomes 0"
)]
pub(super) fn whole(number: f64) -> u64 {
    number as u64
}

/// Moves the moving average `value` by `weight` towards `new`.
pub(super) fn average(value: &mut Option<f64>, new: f64, weight: f64) {
    *value = Some(value.map_or(new, |old| old + (new - old) * weight));
}
