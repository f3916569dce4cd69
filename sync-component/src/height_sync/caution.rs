//! How much an authority takes of a chain that authorities may have made who are faulty.
//!
//! Whoever is faulty may have sealed any number of chains of its own in past slots: on a fresh network, or after everybody was
//! down for long. If half of the others took more blocks of one than they may take back, and the other half of another,
//! neither could ever come over. So nobody whose vote counts goes further along such a chain than a fork may heal, until enough
//! others hold what it has by then. That alone would make a long chain of an author that was forced come a few blocks at a time; so
//! one at a time goes ahead with all of it, in its own slot, and the others follow whoever did.

use super::{Lineage, attested::Attester, runs::is_on};
use crate::{
    block_id::{BlockId, number},
    headers::{Beyond, VerifiedTip, author},
    ports::{Bridge, BridgeError},
};
use sp_consensus_aura::sr25519::AuthorityId;
use sp_core::sr25519;
use sp_runtime::traits::{Block as BlockT, Header as HeaderT};
use std::collections::BTreeSet;

/// What it goes by.
pub(super) struct Caution<'a, B: BlockT> {
    pub(super) chain: &'a dyn Bridge<B>,
    /// As many authorities as may be faulty.
    pub(super) few: usize,
    /// A chain with a block of ours is no stranger's.
    pub(super) own: &'a [sr25519::Public],
    pub(super) attesters: &'a [Attester<B>],
    /// Authorities that attest blocks whose chain is not known here.
    pub(super) unplaced: &'a [(sr25519::Public, BlockId<B>)],
    pub(super) turn: Turn,
    /// The consensus block, if it is known.
    pub(super) consensus: Option<BlockId<B>>,
    /// How many blocks a fork may heal, at least one.
    pub(super) most: u64,
    /// So many of them are left above a block of another authority, which may lie above the consensus block itself.
    pub(super) spare: u64,
}

/// A run of which not all is taken now, but for whoever goes ahead.
#[derive(Clone, Debug)]
pub(crate) struct KeptBack<B: BlockT> {
    run: VerifiedTip<B>,
    /// Up to which height it is taken.
    reach: u64,
    /// What is above that.
    beyond: Beyond,
}

impl<B: BlockT> KeptBack<B> {
    /// Whether a session for `fetching` would go further than that, and nothing above is stored: our best block is at `best`.
    pub(crate) fn forbids(&self, fetching: &VerifiedTip<B>, best: u64) -> bool {
        let end = fetching.tip();
        end.height() > self.reach && best <= self.reach && self.run.contains(&end)
    }

    /// The part of the run that is taken; `None` if that is nothing.
    pub(super) fn part(&self) -> Option<VerifiedTip<B>> {
        let keep = self.reach.saturating_sub(self.run.base.height());
        let keep = usize::try_from(keep).unwrap_or(usize::MAX);
        let mut part = self.run.first(keep)?;
        part.beyond = self.beyond;
        Some(part)
    }
}

/// Who may go ahead now, if it hears enough voters. Half a slot lies between two who may, so that the second hears of the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// We: it is the second half of a slot of ours.
    Ours,
    /// Somebody else, or nobody.
    Others,
}

/// Who sealed the end of a run that few sealed.
struct End {
    /// The highest block of one more authority, or of our own. `None` if that lies further below the run than any of its blocks
    /// may be taken for.
    below: Option<u64>,
    authors: BTreeSet<AuthorityId>,
    extent: Extent,
}

/// How much of a run few sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Extent {
    /// More sealed what is below its end.
    Part,
    /// They sealed all of it.
    Whole,
}

impl<B: BlockT> Caution<'_, B> {
    /// What of `run` is not to be taken now; `None` if all of it may be.
    pub(super) fn kept_back(
        &self,
        run: &VerifiedTip<B>,
    ) -> Result<Option<KeptBack<B>>, BridgeError> {
        let end = run.tip().height();
        let settled = self.settled(run)?.saturating_add(self.most);
        if end <= settled {
            return Ok(None);
        }
        let of_few = self.end_of_few(run)?;
        let by_others = of_few
            .below
            .map_or(0, |height| height.saturating_add(self.spare));
        let reach = settled.max(by_others).max(self.attested(run));
        let goes_ahead = || {
            self.turn == Turn::Ours
                && self.consensus.is_some()
                && self.is_undisputed(run, &of_few.authors)
        };
        if end <= reach || goes_ahead() {
            return Ok(None);
        }
        let beyond = match (run.beyond, of_few.extent) {
            // The last blocks of a window are nothing special.
            (Beyond::Claimed, Extent::Part) => Beyond::Claimed,
            _ => Beyond::Unvoted,
        };
        let run = run.clone();
        Ok(Some(KeptBack { run, reach, beyond }))
    }

    /// The height up to which the chain of `run` is taken back no more: final, or held by enough voters.
    fn settled(&self, run: &VerifiedTip<B>) -> Result<u64, BridgeError> {
        let finalized = self.chain.finalized().height();
        let Some(block) = self.consensus else {
            return Ok(finalized);
        };
        let held = if run.contains(&block) {
            block.height()
        } else if self.chain.canonical_hash(block.number)? == Some(block.hash) {
            block.height().min(run.ancestor.height())
        } else {
            // Of a third chain.
            0
        };
        Ok(held.max(finalized))
    }

    /// The height of the highest block of `run` that somebody holds who is not faulty: more attest it than may be.
    fn attested(&self, run: &VerifiedTip<B>) -> u64 {
        let mut held: Vec<_> = self
            .attesters
            .iter()
            .map(|attester| highest_in(run, attester))
            .collect();
        held.sort_unstable_by(|a, b| b.cmp(a));
        held.get(self.few).copied().unwrap_or(0)
    }

    /// Whether nobody but the `authors` of its end attests a block that is not of its chain.
    fn is_undisputed(&self, run: &VerifiedTip<B>, authors: &BTreeSet<AuthorityId>) -> bool {
        let is_author = |authority: &sr25519::Public| authors.contains(&(*authority).into());
        let is_placed_on_it =
            |attester: &Attester<B>| is_author(&attester.authority) || is_of(run, &attester.chain);
        // Where it lies is not known, but that it is none of these, and too high for one of those that both chains have.
        let is_below = |(authority, tip): &(sr25519::Public, BlockId<B>)| {
            is_author(authority) || tip.height() <= run.ancestor.height()
        };
        self.attesters.iter().all(is_placed_on_it) && self.unplaced.iter().all(is_below)
    }

    fn end_of_few(&self, run: &VerifiedTip<B>) -> Result<End, BridgeError> {
        let authorities = self.chain.authorities_at(run.base.hash)?;
        let mut authors = BTreeSet::new();
        let mut is_of_few = |header: &B::Header, authorities: &[AuthorityId]| {
            let Some((author, _)) = author(authorities, header, self.chain) else {
                return false;
            };
            let is_few = authors.contains(&author) || authors.len() < self.few;
            let is_of_few = is_few && !self.own.contains(author.as_ref());
            if is_of_few {
                authors.insert(author);
            }
            is_of_few
        };
        let mut headers = run.headers().iter();
        let others = headers.rposition(|header| !is_of_few(header, &authorities));
        let mut below = others.and_then(|at| run.ids().get(at)).map(BlockId::height);
        let extent = match below {
            Some(_) => Extent::Part,
            None => Extent::Whole,
        };
        let mut at = run.base;
        let mut left = self.most;
        while below.is_none() && left > 0 {
            let Some(header) = self.chain.header(at.hash)? else {
                break;
            };
            left -= 1;
            let parent = *header.parent_hash();
            below = match at.height().checked_sub(1) {
                Some(lower) if is_of_few(&header, &self.chain.authorities_at(parent)?) => {
                    at = BlockId::new(number::<B>(lower), parent);
                    None
                }
                // Nobody sealed genesis.
                _ => Some(at.height()),
            };
        }
        Ok(End {
            below,
            authors,
            extent,
        })
    }
}

/// Whether whoever is on `chain` has, as far as it is known, no block that is not of the chain of `run`.
fn is_of<B: BlockT>(run: &VerifiedTip<B>, chain: &Lineage<B>) -> bool {
    let is_below = chain.above().is_empty() && chain.shared().height() <= run.ancestor.height();
    is_below || is_on(run, chain)
}

/// The height of the highest block of `run` that this authority's chain is known to hold; 0 if there is none.
fn highest_in<B: BlockT>(run: &VerifiedTip<B>, attester: &Attester<B>) -> u64 {
    let chain = &attester.chain;
    let (mut shared, mut differs) = (
        run.base.height(),
        run.tip().height().min(chain.end().height()) + 1,
    );
    while shared + 1 < differs {
        let middle = u64::midpoint(shared, differs);
        let block = chain.above_at(middle);
        if block.is_some_and(|block| run.contains(&block)) {
            shared = middle;
        } else {
            differs = middle;
        }
    }
    if shared > run.base.height() {
        shared
    } else {
        0
    }
}
