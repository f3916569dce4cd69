//! Finding the highest block that our chain and a peer's share (SPEC section 4). I/O-free: heights out, hashes in.
//!
//! Forks are shallow far more often than deep, so the first question gallops down from the tip; each further one cuts
//! what is left into [`FAN_OUT`] parts. A fork of depth d takes about 1 + log16(d) requests.

#[cfg(test)]
mod tests;

/// How many heights one question names at most. More only lengthens the request; fewer adds round trips.
pub const FAN_OUT: u64 = 16;

/// State of one search. Heights between `common` and `different` are still open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AncestorSearch {
    common: u64,
    different: u64,
    asked: Asked,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    Nothing,
    Tip,
}

/// How the peer's hash at a height compares with ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// Both have the same block there.
    Same,
    /// They differ, or the peer named none.
    Differs,
}

impl AncestorSearch {
    /// A search between a height known to be shared (genesis, if nothing better is known) and the highest height at
    /// which both sides have a block.
    pub fn new(known_common: u64, highest_comparable: u64) -> Self {
        Self {
            common: known_common,
            different: highest_comparable
                .saturating_add(1)
                .max(known_common.saturating_add(1)),
            asked: Asked::Nothing,
        }
    }

    /// The heights to ask for next, falling, at most `most` of them (at least 1 is asked); `None` when the ancestor is
    /// found.
    pub fn question(&self, most: u64) -> Option<Vec<u64>> {
        let open = self.different - self.common - 1;
        if open == 0 {
            return None;
        }
        let most = most.clamp(1, FAN_OUT);
        Some(match self.asked {
            Asked::Nothing => self.gallop(most),
            Asked::Tip => self.cut(open, most),
        })
    }

    fn gallop(&self, most: u64) -> Vec<u64> {
        let top = self.different - 1;
        let steps = std::iter::once(0).chain((0..most - 1).map(|exponent| 1_u64 << exponent));
        steps
            .map_while(|step| top.checked_sub(step))
            .take_while(|height| *height > self.common)
            .collect()
    }

    fn cut(&self, open: u64, most: u64) -> Vec<u64> {
        let parts = open.min(most);
        // Evenly spread, the highest first; distinct because there are no more parts than open heights. In u128, so
        // that no height overflows.
        let height = |part: u64| {
            let offset = u128::from(open) * u128::from(part) / u128::from(parts + 1);
            self.common + 1 + u64::try_from(offset).expect("a part of a u64 fits one")
        };
        let mut heights: Vec<u64> = (1..=parts).rev().map(height).collect();
        heights.dedup();
        heights
    }

    /// Takes the answer to a question: the heights asked, falling, each with its comparison. Heights outside the open
    /// range are ignored. A contradictory answer (same above different) counts only up to the lowest difference, so a
    /// liar can lead the search low but never past a block that differs.
    pub fn answer(&mut self, comparisons: impl IntoIterator<Item = (u64, Comparison)>) {
        self.asked = Asked::Tip;
        let (mut highest_same, mut lowest_different) = (self.common, self.different);
        for (height, comparison) in comparisons {
            if height <= self.common || height >= self.different {
                continue;
            }
            match comparison {
                Comparison::Differs => lowest_different = lowest_different.min(height),
                Comparison::Same => highest_same = highest_same.max(height),
            }
        }
        self.different = lowest_different;
        if highest_same < lowest_different {
            self.common = highest_same;
        }
    }

    /// The highest height known to be shared so far; the ancestor once [`AncestorSearch::question`] returns `None`.
    pub fn common(&self) -> u64 {
        self.common
    }
}
