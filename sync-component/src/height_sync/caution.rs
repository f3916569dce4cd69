//! How much an authority takes of a chain that authorities may have made who are faulty.
//!
//! Whoever is faulty may have sealed any number of chains of its own in past slots: on a fresh network, or after everybody was
//! down for long. If half of the others took more blocks of one than they may take back, and the other half of another,
//! neither could ever come over. So nobody whose vote counts goes further along such a chain than a fork may heal, until enough
//! others hold what it has by then. That alone would make a long chain of an author that was forced come a few blocks at a time; so
//! one at a time goes ahead with all of it, in its own slot, and the others follow whoever did.

use super::attested::Attester;
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
}

impl<B: BlockT> Caution<'_, B> {
    /// The part of `run` to take now; `None` if that is nothing.
    pub(super) fn part_of(
        &self,
        run: &VerifiedTip<B>,
    ) -> Result<Option<VerifiedTip<B>>, BridgeError> {
        let end = run.tip().height();
        let settled = self.settled(run)?.saturating_add(self.most);
        if end <= settled {
            return Ok(Some(run.clone()));
        }
        let of_few = self.end_of_few(run)?;
        let by_others = of_few
            .below
            .map_or(0, |height| height.saturating_add(self.most));
        let reach = settled.max(by_others).max(self.attested(run));
        let goes_ahead = || {
            self.turn == Turn::Ours
                && self.consensus.is_some()
                && self.is_undisputed(run, reach, &of_few.authors)
        };
        if end <= reach || goes_ahead() {
            return Ok(Some(run.clone()));
        }
        let keep = reach.saturating_sub(run.base.height());
        let mut part = run.first(usize::try_from(keep).unwrap_or(usize::MAX));
        if let Some(part) = &mut part {
            part.beyond = Beyond::Unvoted;
        }
        Ok(part)
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

    /// Whether nobody but the `authors` of its end attests another chain above `reach`.
    fn is_undisputed(
        &self,
        run: &VerifiedTip<B>,
        reach: u64,
        authors: &BTreeSet<AuthorityId>,
    ) -> bool {
        let placed = self.attesters.iter();
        let placed = placed.map(|attester| (&attester.authority, &attester.tip));
        let unplaced = self
            .unplaced
            .iter()
            .map(|(authority, tip)| (authority, tip));
        placed.chain(unplaced).all(|(authority, tip)| {
            let is_author = authors.contains(&AuthorityId::from(*authority));
            is_author || tip.height() <= reach || run.contains(tip)
        })
    }

    fn end_of_few(&self, run: &VerifiedTip<B>) -> Result<End, BridgeError> {
        let authorities = self.chain.authorities_at(run.base.hash)?;
        let mut authors = BTreeSet::new();
        let mut is_of_few = |header: &B::Header| {
            let Some((author, _)) = author(&authorities, header, self.chain) else {
                return false;
            };
            let is_few = authors.contains(&author) || authors.len() < self.few;
            let is_of_few = is_few && !self.own.contains(author.as_ref());
            if is_of_few {
                authors.insert(author);
            }
            is_of_few
        };
        let others = run.headers().iter().rposition(|header| !is_of_few(header));
        let mut below = others.and_then(|at| run.ids().get(at)).map(BlockId::height);
        let mut at = run.base;
        let mut left = self.most;
        while below.is_none() && left > 0 {
            let Some(header) = self.chain.header(at.hash)? else {
                break;
            };
            left -= 1;
            match at.height().checked_sub(1) {
                Some(lower) if is_of_few(&header) => {
                    at = BlockId::new(number::<B>(lower), *header.parent_hash());
                }
                // Nobody sealed genesis.
                _ => below = Some(at.height()),
            }
        }
        Ok(End { below, authors })
    }
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
