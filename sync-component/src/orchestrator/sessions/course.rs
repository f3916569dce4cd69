//! When the session under way does not fetch what is to be fetched any more.

use super::Sessions;
use crate::{
    headers::{VerifiedTip, author},
    height_sync::Judgement,
    orchestrator::run::note_local,
    ports::Presence,
};
use sp_runtime::traits::Block as BlockT;

impl<B: BlockT> Sessions<'_, B> {
    /// Ends the session under way if what is to be followed now is another chain than the one it fetches, unless that has a pause
    /// just now: nothing would be fetched instead.
    pub(super) fn drop_off_course(&mut self, judgement: &Judgement<B>) {
        let now = self.manager.context.clock.now();
        let fetching = self.target.as_ref().filter(|_| self.current.is_some());
        if fetching.is_some_and(|fetching| self.is_left_alone(fetching, judgement)) {
            tracing::debug!("the session under way fetches what its author withholds");
            return self.stop();
        }
        if fetching.is_some_and(|fetching| self.is_ahead_too_late(fetching, judgement)) {
            tracing::debug!("the session under way went ahead, and its turn is over");
            return self.stop();
        }
        let wanted = judgement.target.as_ref();
        let wanted = wanted.filter(|wanted| self.missing.may_start(wanted, now));
        let off_course = fetching.zip(wanted).filter(|(fetching, wanted)| {
            fetching.conflicts_with(wanted) || self.is_passed(fetching, wanted)
        });
        if let Some((fetching, wanted)) = off_course {
            tracing::debug!("the session under way fetches another chain than the one to follow");
            // Whoever shows one chain of its own after the other withholds each of them.
            if !self.have_one_author(fetching, wanted) {
                self.withdraw();
            }
            self.stop();
        }
    }

    /// Nobody asks any more for what is left of the chain that the session under way fetches.
    fn withdraw(&mut self) {
        let fetching = self.target.as_ref();
        let left = fetching.and_then(|run| self.manager.height.verified(&run.tip()));
        if let Some(left) = left {
            let now = self.now();
            self.missing.withdrawn(&left, now);
        }
    }

    /// Whether one authority sealed both ends, for all that is known.
    fn have_one_author(&self, one: &VerifiedTip<B>, other: &VerifiedTip<B>) -> bool {
        let chain = self.manager.context.bridge.as_ref();
        let author_of = |run: &VerifiedTip<B>| {
            let authorities = chain.authorities_at(run.base.hash).ok()?;
            Some(author(&authorities, run.tip_header(), chain)?.0)
        };
        author_of(one) == author_of(other)
    }

    /// Whether the session under way went ahead of others and is not to do so any more. Once more is stored than all take it cannot be
    /// taken back.
    fn is_ahead_too_late(&self, fetching: &VerifiedTip<B>, judgement: &Judgement<B>) -> bool {
        let mut worthy = judgement.target.iter().chain(&judgement.rivals);
        let bridge = &self.manager.context.bridge;
        self.ahead.is_some_and(|first| {
            !worthy.any(|run| run.contains(&fetching.tip()))
                && bridge
                    .presence(first.hash)
                    .is_ok_and(|place| place == Presence::Absent)
        })
    }

    /// Whether `fetching` is not worth fetching any more: its author is left alone, and nobody else attests it.
    fn is_left_alone(&self, fetching: &VerifiedTip<B>, judgement: &Judgement<B>) -> bool {
        let mut worthy = judgement.target.iter().chain(&judgement.rivals);
        if worthy.any(|run| !run.conflicts_with(fetching)) {
            return false;
        }
        self.manager
            .height
            .is_left_alone(fetching)
            .unwrap_or_else(|error| {
                note_local(Err(error));
                false
            })
    }

    /// Whether `wanted` begins at or above the height at which `fetching` ends, with another block there: whoever withholds a
    /// block must not keep us from those that follow the one in its place.
    fn is_passed(&self, fetching: &VerifiedTip<B>, wanted: &VerifiedTip<B>) -> bool {
        let bridge = &self.manager.context.bridge;
        wanted.base.number >= fetching.tip().number
            // Once it is stored the session ends by itself.
            && bridge
                .presence(fetching.tip().hash)
                .is_ok_and(|place| place == Presence::Absent)
    }
}
