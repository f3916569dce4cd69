use super::{Ballot, Tally};
use crate::{block_id::BlockId, registry::HeightStrategy};
use sp_runtime::traits::Block as BlockT;
use std::collections::BTreeMap;

/// `height-majority`, the original design's letter: the most common height decides, and only if need(n) voters report
/// exactly it. The consensus block is the most common hash there. Our own vote does not count.
///
/// Honest peers that lag by one block cost it rounds, and free identities can forge or veto; SPEC section 15 says what
/// to use instead.
#[derive(Clone, Copy, Debug, Default)]
pub struct HeightMajority;

impl<B: BlockT> HeightStrategy<B> for HeightMajority {
    fn tally(&self, ballot: &Ballot<B>) -> Tally<B> {
        let voters = ballot.voters.len();
        let need = ballot.threshold.need(voters);
        let with_us = ballot.with_us();
        let heights = count(ballot.voters.iter().map(|voter| voter.tip.number));
        // At most one height can be reported by more than half of the voters, so the order does not matter here.
        let common = heights
            .into_iter()
            .find(|(_, votes)| voters > 0 && *votes >= need);
        let consensus = common.and_then(|(height, _)| {
            let at_height = ballot
                .voters
                .iter()
                .filter(|voter| voter.tip.number == height);
            let hashes = count(at_height.map(|voter| voter.tip.hash));
            // Among equals the lowest hash, so that the order of the answers does not matter.
            let most = hashes.values().copied().max()?;
            let hash = hashes
                .into_iter()
                .find(|(_, votes)| *votes == most)
                .map(|(hash, _)| hash)?;
            Some(BlockId::new(height, hash))
        });
        Tally {
            voters,
            need,
            with_us,
            electors: voters,
            need_of_electors: need,
            consensus,
        }
    }
}

fn count<T: Ord>(items: impl Iterator<Item = T>) -> BTreeMap<T, usize> {
    let mut counts = BTreeMap::new();
    for item in items {
        *counts.entry(item).or_insert(0) += 1;
    }
    counts
}
