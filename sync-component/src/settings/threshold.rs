#[cfg(test)]
mod tests;

use std::{fmt, str::FromStr};

/// `tier1_consensus_threshold`: the part t of the votes that decides, as a decimal fraction in ten-thousandths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Threshold(u32);

/// A threshold outside > 0.5, ≤ 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a threshold lies above 0.5 and is at most 1, with at most 4 decimals")]
pub struct NotAThreshold;

impl Threshold {
    const DENOMINATOR: u32 = 10_000;
    const DECIMALS: usize = 4;

    /// From ten-thousandths: 5001 to 10 000. A half or less would let two sides both decide.
    pub fn from_ten_thousandths(parts: u32) -> Result<Self, NotAThreshold> {
        if (Self::DENOMINATOR / 2 + 1..=Self::DENOMINATOR).contains(&parts) {
            Ok(Self(parts))
        } else {
            Err(NotAThreshold)
        }
    }

    /// need(n) = ceil(t · n), in integers (SPEC section 0).
    pub fn need(self, voters: usize) -> usize {
        let product = voters as u128 * u128::from(self.0);
        let need = product.div_ceil(u128::from(Self::DENOMINATOR));
        usize::try_from(need).expect("t is at most 1, so need(n) is at most n, which is a usize")
    }

    /// The float whose shortest decimal text is the fraction: for writing it out, never for counting.
    pub(super) fn as_fraction(self) -> f64 {
        f64::from(self.0) / f64::from(Self::DENOMINATOR)
    }
}

/// Reads a decimal fraction exactly, digit by digit: `0.67` is 6700 ten-thousandths and no float's neighbour of it.
/// An exponent is refused; zeros behind the fourth decimal change nothing and are not.
impl FromStr for Threshold {
    type Err = NotAThreshold;

    fn from_str(text: &str) -> Result<Self, NotAThreshold> {
        let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
        let significant = decimals.trim_end_matches('0');
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || decimals.is_empty() || !digits(whole) || !digits(decimals) {
            return Err(NotAThreshold);
        }
        if significant.len() > Self::DECIMALS {
            return Err(NotAThreshold);
        }
        let parts = format!("{whole}{significant:0<width$}", width = Self::DECIMALS);
        Self::from_ten_thousandths(parts.parse().map_err(|_| NotAThreshold)?)
    }
}

impl Default for Threshold {
    fn default() -> Self {
        Self(6_700)
    }
}

/// As a decimal fraction without trailing zeros: `0.67`, `1`.
impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.as_fraction())
    }
}
