use super::{Beyond, VerifiedTip, canonical_ancestor};
use crate::{
    block_id::{BlockId, height_of},
    ports::{Bridge, BridgeError},
};
use sp_consensus_aura::{Slot, sr25519::AuthorityId};
use sp_core::sr25519;
use sp_runtime::traits::{Block as BlockT, Header as HeaderT};
use std::collections::{BTreeMap, BTreeSet};

/// Authorities that withheld the blocks of a verified tip which they sealed, sealed an invalid block, or two headers for one slot
/// (SPEC section 0, *suspect*). Tips that end in
/// their blocks hold nobody up: one header of an author that died, or that plays with us, must not stop the chain.
///
/// Fewer than half of the authorities are ever suspect: a majority cannot be withholding, it is our own connection that
/// loses answers then. The newest replaces the oldest.
#[derive(Debug, Default)]
pub struct Suspects {
    known: BTreeMap<AuthorityId, Suspicion>,
}

/// What an authority is suspect for.
#[derive(Clone, Copy, Debug)]
struct Suspicion {
    /// The slot of what it did last.
    since: Slot,
    /// The last slot of a misdeed after which its blocks are not even fetched for a while.
    left_alone: Option<Slot>,
}

/// What makes an authority suspect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misdeed {
    /// Nobody delivers the blocks of a tip that it sealed. That may be the network's fault.
    Withheld,
    /// The same, of a chain longer than any gate clears, or it deals that out block by block. Whoever took what there is of it would lose
    /// the blocks of all others to it, one by one.
    WithheldOwnChain,
    /// A block that it sealed does not execute here. That may be our own fault.
    SealedInvalid,
    /// It sealed two headers for one slot. No network does that.
    Equivocated,
}

impl Suspects {
    /// The author of the highest block of `run` is suspect from now on, which is in slot `now`.
    pub fn add<B: BlockT>(
        &mut self,
        run: &VerifiedTip<B>,
        misdeed: Misdeed,
        chain: &dyn Bridge<B>,
        own: &[sr25519::Public],
        now: Slot,
    ) -> Result<(), BridgeError> {
        let authorities = chain.authorities_at(run.base.hash)?;
        let Some((author, slot)) = author(&authorities, run.tip_header(), chain) else {
            return Ok(());
        };
        let was_known = self.known.contains_key(&author);
        // What it does now it may do with a block of a slot long past, of which it may have any number.
        let since = slot.max(now);
        if self.suspect(&author, since, misdeed, authorities.len(), own) && !was_known {
            tracing::warn!(%author, tip = %run.tip(), ?misdeed, "suspect: until a block that it seals four rounds of slots later is imported, tips that end in its blocks hold nothing up");
        }
        Ok(())
    }

    /// `author` is suspect from now on, for what it did in `slot`. Never a key of our own, and nobody where there is a single
    /// authority. Says whether it is.
    pub fn suspect(
        &mut self,
        author: &AuthorityId,
        slot: Slot,
        misdeed: Misdeed,
        authorities: usize,
        own: &[sr25519::Public],
    ) -> bool {
        if authorities < 2 || own.contains(author.as_ref()) {
            return false;
        }
        let most = (authorities - 1) / 2;
        let known = self.known.get(author);
        let left_alone = known.and_then(|known| known.left_alone);
        let left_alone = match misdeed {
            // Of a slot long past it may show as many as it likes.
            Misdeed::Equivocated | Misdeed::WithheldOwnChain => left_alone.max(Some(slot)),
            Misdeed::Withheld | Misdeed::SealedInvalid => left_alone,
        };
        let since = known.map_or(slot, |known| known.since.max(slot));
        self.known
            .insert(author.clone(), Suspicion { since, left_alone });
        while self.known.len() > most {
            let others = self
                .known
                .iter()
                .filter(|(known, _)| *known != author || most == 0);
            let oldest = others.min_by_key(|(_, suspicion)| suspicion.since);
            let Some(oldest) = oldest.map(|(known, _)| known.clone()) else {
                break;
            };
            self.known.remove(&oldest);
        }
        self.known.contains_key(author)
    }

    /// These keys are our own: they were suspected before that was known.
    pub fn never(&mut self, own: &[sr25519::Public]) {
        self.known
            .retain(|author, _| !own.contains(author.as_ref()));
    }

    /// Who is suspect.
    pub fn iter(&self) -> impl Iterator<Item = sr25519::Public> {
        self.known.keys().map(|author| author.clone().into())
    }

    /// The best chain has a new `tip` in slot `now`, maybe with many blocks at once: who sealed the new tip, or one of those
    /// above what it shares with the former tip `seen`, at least 4a slots after what it did is no suspect any more.
    pub fn imported<B: BlockT>(
        &mut self,
        tip: &B::Header,
        seen: Option<BlockId<B>>,
        chain: &dyn Bridge<B>,
        now: Slot,
    ) -> Result<(), BridgeError> {
        if self.known.is_empty() {
            return Ok(());
        }
        let shared = match seen {
            Some(seen) => canonical_ancestor(chain, seen)?,
            None => None,
        };
        let floor = shared.map_or(height_of::<B>(tip), |shared| shared.height());
        let mut header = tip.clone();
        while !self.known.is_empty() {
            let parent = *header.parent_hash();
            let authorities = chain.authorities_at(parent)?;
            let Some((author, slot)) = author(&authorities, &header, chain) else {
                break;
            };
            let pause = suspicion_slots(authorities.len());
            // Our clock may have been ahead when it was suspected.
            let is_over =
                |suspicion: &Suspicion| slot >= suspicion.since.min(now).saturating_add(pause);
            self.known
                .retain(|suspect, suspicion| *suspect != author || !is_over(suspicion));
            // Slots fall with the height: what is below clears nobody else.
            let is_all = !self.known.values().any(is_over);
            if is_all || height_of::<B>(&header) <= floor.saturating_add(1) {
                break;
            }
            match chain.header(parent)? {
                Some(below) => header = below,
                None => break,
            }
        }
        Ok(())
    }

    /// Whether a suspect sealed this header, whose parent is stored.
    #[cfg(feature = "test-kit")]
    pub(crate) fn has_sealed<B: BlockT>(
        &self,
        header: &B::Header,
        chain: &dyn Bridge<B>,
    ) -> Result<bool, BridgeError> {
        let authorities = chain.authorities_at(*header.parent_hash())?;
        let author = author(&authorities, header, chain);
        Ok(author.is_some_and(|(author, _)| self.known.contains_key(&author)))
    }

    /// The part of `run` below the suspects' blocks at its end; `None` if that is nothing. A run that is only a window of a
    /// longer claim does not end there: it is left whole, unless it is all theirs. A suspect's block that `is_attested` by enough others is as good as any.
    pub fn trusted_part<B: BlockT>(
        &self,
        run: &VerifiedTip<B>,
        chain: &dyn Bridge<B>,
        is_attested: &dyn Fn(&BlockId<B>, &sr25519::Public) -> bool,
    ) -> Result<Option<VerifiedTip<B>>, BridgeError> {
        let is_suspects =
            |author: &AuthorityId, _: Slot, _: &[AuthorityId]| self.known.contains_key(author);
        self.part_below(run, chain, &is_suspects, is_attested)
    }

    /// The part of `run` that is worth fetching although it holds nobody up: all of it, but for the blocks at its end that
    /// somebody sealed until 4a slots after two headers for one slot, or a chain of its own that it withheld. As soon as two of its blocks
    /// reach some each, they split the votes; so nobody takes them, unless it `is_attested` by another: then it has reached somebody, and
    /// whoever has it would wait for ever for votes that the others would give if they had it too.
    pub fn fetchable_part<B: BlockT>(
        &self,
        run: &VerifiedTip<B>,
        chain: &dyn Bridge<B>,
        is_attested: &dyn Fn(&BlockId<B>, &sr25519::Public) -> bool,
    ) -> Result<Option<VerifiedTip<B>>, BridgeError> {
        let is_left_alone = |author: &AuthorityId, slot: Slot, authorities: &[AuthorityId]| {
            let left_alone = self.known.get(author).and_then(|known| known.left_alone);
            left_alone
                .is_some_and(|then| slot < then.saturating_add(suspicion_slots(authorities.len())))
        };
        self.part_below(run, chain, &is_left_alone, is_attested)
    }

    /// The part of `run` below the blocks at its end that `is_bad` says not to take from their author.
    fn part_below<B: BlockT>(
        &self,
        run: &VerifiedTip<B>,
        chain: &dyn Bridge<B>,
        is_bad: &dyn Fn(&AuthorityId, Slot, &[AuthorityId]) -> bool,
        is_attested: &dyn Fn(&BlockId<B>, &sr25519::Public) -> bool,
    ) -> Result<Option<VerifiedTip<B>>, BridgeError> {
        if self.known.is_empty() {
            return Ok(Some(run.clone()));
        }
        let authorities = chain.authorities_at(run.base.hash)?;
        let is_to_be_left = |slot: Option<Slot>, block: &BlockId<B>| {
            slot.zip(slot.and_then(|slot| turn(&authorities, slot)))
                .is_some_and(|(slot, author)| {
                    is_bad(author, slot, &authorities) && !is_attested(block, author.as_ref())
                })
        };
        let mut blocks = run.slots(chain).iter().zip(run.ids());
        let keep = blocks.rposition(|(slot, block)| !is_to_be_left(*slot, block));
        Ok(keep.and_then(|last| match run.beyond {
            Beyond::Nothing | Beyond::Unvoted => run.first(last + 1),
            Beyond::Claimed => Some(run.clone()),
        }))
    }
}

/// For how many slots one of so many authorities stays suspect.
fn suspicion_slots(authorities: usize) -> u64 {
    4 * authorities as u64
}

/// Whether no more than `few` of the authorities sealed `run`.
pub(crate) fn is_by_few<B: BlockT>(
    run: &VerifiedTip<B>,
    few: usize,
    authorities: &[AuthorityId],
    chain: &dyn Bridge<B>,
) -> bool {
    let mut authors = BTreeSet::new();
    let left = run.below_last(authorities.len(), chain, |turn| {
        authors.extend(turn.and_then(|turn| authorities.get(turn)));
        authors.len() <= few
    });
    left == 0
}

/// Who sealed `run`.
pub(crate) fn authors<B: BlockT>(
    run: &VerifiedTip<B>,
    authorities: &[AuthorityId],
    chain: &dyn Bridge<B>,
) -> BTreeSet<AuthorityId> {
    let mut authors = BTreeSet::new();
    run.below_last(authorities.len(), chain, |turn| {
        authors.extend(turn.and_then(|turn| authorities.get(turn)).cloned());
        true
    });
    authors
}

/// Whose turn `slot` is.
fn turn(authorities: &[AuthorityId], slot: Slot) -> Option<&AuthorityId> {
    let turn = slot.checked_rem(authorities.len() as u64)?;
    authorities.get(usize::try_from(turn).ok()?)
}

/// Whose turn the header's slot is, and the slot; `None` for a header without slot, which is never a verified one.
pub(crate) fn author<B: BlockT>(
    authorities: &[AuthorityId],
    header: &B::Header,
    chain: &dyn Bridge<B>,
) -> Option<(AuthorityId, Slot)> {
    let slot = chain.slot_of(header).ok()?;
    Some((turn(authorities, slot)?.clone(), slot))
}
