//! Whom we suspect, and for what (SPEC section 0, *suspect*).

use super::{Electorate, HeightSyncManager, judging::may_be_faulty};
use crate::{
    block_id::BlockId,
    headers::{Beyond, Misdeed, VerifiedTip, author, authors, is_by_few},
    ports::BridgeError,
};
use sp_consensus_aura::sr25519::AuthorityId;
use sp_runtime::traits::{Block as BlockT, Header as HeaderT};
use std::time::Duration;

impl<B: BlockT> HeightSyncManager<B> {
    /// Nobody delivered the blocks of `run` although its claimants were asked: its author is suspect.
    pub fn withheld(&self, run: &VerifiedTip<B>) -> Result<(), BridgeError> {
        // The end of a window is no tip, unless whoever sealed all of it may be alone with it.
        if run.beyond == Beyond::Claimed && !self.is_by_few(run)? {
            return Ok(());
        }
        let misdeed = if self.is_of_no_gate(run)? {
            Misdeed::WithheldOwnChain
        } else {
            Misdeed::Withheld
        };
        self.suspect_author(run, misdeed)
    }

    /// Whether nothing of `run` is worth fetching, unless others attest it.
    pub(crate) fn is_left_alone(&self, run: &VerifiedTip<B>) -> Result<bool, BridgeError> {
        let chain = self.context.bridge.as_ref();
        let state = self.state();
        let part = state.suspects.fetchable_part(run, chain, &|_, _| false)?;
        Ok(part.is_none())
    }

    /// Whether no gate can have cleared all of `run`: more blocks than a fork may heal, sealed by no more authorities than may be faulty.
    /// An author that was forced may have made it, too.
    pub(crate) fn is_of_no_gate(&self, run: &VerifiedTip<B>) -> Result<bool, BridgeError> {
        let most = self.context.settings.tier2.max_reorg.max(1);
        let is_long = run.beyond == Beyond::Unvoted || run.headers().len() as u64 > most;
        Ok(self.strategy.electorate() == Electorate::Authorities
            && is_long
            && self.is_by_few(run)?)
    }

    /// How long a round of slots is, if no gate can have cleared `run`, and with what is stored below it it is so long that as many blocks in a row
    /// by no more authorities than may be faulty come from no network that works. Where there are many authorities a few blocks to catch up
    /// with are by few, too. `None` also without a key among them: whoever does not author loses no slot by it, and takes its time over a slow
    /// line.
    pub(crate) fn round_of_few(
        &self,
        run: &VerifiedTip<B>,
    ) -> Result<Option<Duration>, BridgeError> {
        if !self.is_of_no_gate(run)? {
            return Ok(None);
        }
        let chain = self.context.bridge.as_ref();
        let authorities = chain.authorities_at(run.base.hash)?;
        let own = self.state().attesting.to_come.clone();
        if !authorities.iter().any(|key| own.contains(key.as_ref())) {
            return Ok(None);
        }
        let few = may_be_faulty(authorities.len(), self.context.settings.tier1.threshold);
        let most = self.context.settings.tier2.max_reorg.max(1);
        let least = most.saturating_add(2 * few as u64);
        // A chain with a block of ours is no stranger's.
        let is_own = |author: &AuthorityId| own.contains(author.as_ref());
        let mut authors = authors(run, &authorities, chain);
        if authors.iter().any(is_own) {
            return Ok(None);
        }
        let (mut count, mut at) = (run.headers().len() as u64, run.base.hash);
        while count < least {
            let Some(header) = chain.header(at)? else {
                return Ok(None);
            };
            // Nobody sealed genesis.
            let author = author(&authorities, &header, chain).map(|(author, _)| author);
            let Some(author) = author.filter(|author| !is_own(author)) else {
                return Ok(None);
            };
            authors.insert(author);
            if authors.len() > few {
                return Ok(None);
            }
            (count, at) = (count + 1, *header.parent_hash());
        }
        let slots = u32::try_from(authorities.len()).unwrap_or(u32::MAX);
        Ok(Some(self.slot().saturating_mul(slots)))
    }

    /// Whether no more authorities sealed `run` than may be faulty.
    fn is_by_few(&self, run: &VerifiedTip<B>) -> Result<bool, BridgeError> {
        let chain = self.context.bridge.as_ref();
        let authorities = chain.authorities_at(run.base.hash)?;
        let few = may_be_faulty(authorities.len(), self.context.settings.tier1.threshold);
        Ok(is_by_few(run, few, &authorities, chain))
    }

    fn suspect_author(&self, run: &VerifiedTip<B>, misdeed: Misdeed) -> Result<(), BridgeError> {
        let chain = self.context.bridge.as_ref();
        let mut state = self.state();
        let own = state.attesting.own.clone();
        state
            .suspects
            .add(run, misdeed, chain, &own, self.now_slot())?;
        drop(state);
        self.touch();
        Ok(())
    }

    /// `block` of `run` does not execute here: its author is suspect.
    pub fn invalid(&self, run: &VerifiedTip<B>, block: &BlockId<B>) -> Result<(), BridgeError> {
        match run.up_to(block) {
            Some(run) => self.suspect_author(&run, Misdeed::SealedInvalid),
            None => Ok(()),
        }
    }

    /// Whether the author of this header is suspect.
    #[cfg(feature = "test-kit")]
    pub(crate) fn is_suspect(&self, header: &B::Header) -> bool {
        let chain = self.context.bridge.as_ref();
        let suspects = &self.state().suspects;
        suspects.has_sealed(header, chain).unwrap_or(false)
    }
}
