//! I3: whether the votes of a cleared gate were there.

use super::{Oracle, View};
use crate::{
    BlockId,
    block_id::number,
    height_sync::Tally,
    ports::Presence,
    test_kit::{TestBlock, sim::words::Word},
};

impl<B: TestBlock> Oracle<B> {
    pub(super) fn check_votes(&self, view: &View<'_, B>, on: BlockId<B>, tally: &Tally<B>) {
        let fresh = view.manager.height_sync().fresh();
        let mut with_us = 0;
        let mut placed = 0;
        for peer in view.manager.peers() {
            if peer.age > fresh || peer.activity == crate::wire::Activity::Syncing {
                continue;
            }
            let is_stored = view.chain.presence(peer.best.hash).ok() != Some(Presence::Absent);
            placed += usize::from(is_stored);
            let height = peer.best.height().min(on.height());
            let ours = view
                .chain
                .canonical_hash(number::<B>(height))
                .ok()
                .flatten();
            with_us += usize::from(ours.is_some() && self.ancestor(peer.best, height) == ours);
        }
        // The vote that the strategy adds for us.
        let own = tally.voters - tally.electors;
        let with_us = with_us + own;
        let voters = tally.electors.max(placed) + own;
        let need = view.settings.tier1.threshold.need(voters);
        if with_us < need || need == 0 {
            let name = self.name(view.id);
            self.violated(
                "I3",
                format_args!(
                    "{name} may build on {on} with {with_us} votes, {need} are needed; it counted {tally:?}"
                ),
            );
        }
    }

    /// The same where authorities vote: the newest attestation of each that reached this node, or left it.
    pub(super) fn check_attestations(&self, view: &View<'_, B>, on: BlockId<B>) {
        let Ok(authorities) = view.chain.authorities_at(on.hash) else {
            return;
        };
        let words = {
            let state = self.state();
            let now = self.clock_of(&state, view.id);
            let span = self.span(view.settings.attestation_slots.0.get().into());
            state.words.counting(view.id, span, now)
        };
        let votes = words.iter().filter(|(authority, words)| {
            authorities.contains(&(*authority).into())
                && words.iter().any(|word| self.is_with_us(view, on, word))
        });
        let with_us = votes.count();
        let need = view.settings.tier1.threshold.need(authorities.len());
        if with_us < need {
            let name = self.name(view.id);
            self.violated(
                "I3",
                format_args!(
                    "{name} may build on {on} with {with_us} attestations, {need} are needed"
                ),
            );
        }
    }

    /// Whether the attested chain has our block at the lower of both heights: as far as its signer names hashes by these,
    /// below them by the headers that anybody made. What neither reaches is no vote.
    fn is_with_us(&self, view: &View<'_, B>, on: BlockId<B>, word: &Word<B>) -> bool {
        let height = word.tip().height().min(on.height());
        let ours = view.chain.canonical_hash(number::<B>(height));
        let named = word.blocks().find(|block| block.height() == height);
        let theirs = named.map(|block| block.hash).or_else(|| {
            let lowest = word.blocks().last()?;
            self.ancestor(lowest, height)
        });
        theirs.is_some() && ours.ok().flatten() == theirs
    }
}
