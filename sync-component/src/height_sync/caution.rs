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
    /// So many of them are left above a block of another authority, which may lie above the consensus block itself.
    pub(super) spare: u64,
}

/// A run of which not all is taken now, but for whoever goes ahead.
#[derive(Clone, Debug)]
pub(crate) struct KeptBack<B: BlockT> {
    pub(crate) run: VerifiedTip<B>,
    /// Up to which height all take it.
    reach: u64,
    /// What is above that.
    beyond: Beyond,
    taken: Taken,
}

/// How much of a run that is kept back is taken now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Taken {
    Part,
    /// All: it is our turn.
    Whole,
}

impl<B: BlockT> KeptBack<B> {
    /// The first block that only who goes ahead takes, if a session for `fetching` goes ahead.
    pub(crate) fn goes_ahead(&self, fetching: &VerifiedTip<B>) -> Option<BlockId<B>> {
        let end = fetching.tip();
        let is_ahead = self.taken == Taken::Whole && self.run.contains(&end);
        let first = self.run.id_at(self.reach.saturating_add(1))?;
        (is_ahead && first.height() <= end.height()).then_some(*first)
    }

    /// What is taken of the run; `None` if that is nothing.
    pub(super) fn part(&self) -> Option<VerifiedTip<B>> {
        if self.taken == Taken::Whole {
            return Some(self.run.clone());
        }
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
    /// Of the run itself. What is stored below it may have others.
    authors: BTreeSet<AuthorityId>,
}

impl<B: BlockT> Caution<'_, B> {
    /// How much of `run` is taken, if it is not one that all may take.
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
        if end <= reach {
            return Ok(None);
        }
        // What all take comes first.
        let goes_ahead = self.turn == Turn::Ours
            && self.consensus.is_some()
            && run.base.height() >= reach
            && self.is_undisputed(run, reach, &of_few.authors);
        let taken = if goes_ahead {
            Taken::Whole
        } else {
            Taken::Part
        };
        let more_sealed_it = of_few.below > Some(run.base.height());
        let beyond = match run.beyond {
            // The last blocks of a window are nothing special.
            Beyond::Claimed if more_sealed_it => Beyond::Claimed,
            _ => Beyond::Unvoted,
        };
        let run = run.clone();
        Ok(Some(KeptBack {
            run,
            reach,
            beyond,
            taken,
        }))
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

    /// Whether nobody but the `authors` of its end, and we, attests a block that is not of its chain. Whoever attests more of it than all
    /// take cannot come back: then those who have no more of another chain are to come over.
    fn is_undisputed(
        &self,
        run: &VerifiedTip<B>,
        reach: u64,
        authors: &BTreeSet<AuthorityId>,
    ) -> bool {
        let counts = |authority: &sr25519::Public| {
            !self.own.contains(authority) && !authors.contains(&(*authority).into())
        };
        let placed = self.attesters.iter();
        let placed = placed.filter(|attester| counts(&attester.authority));
        let is_held = placed.clone().any(|on| highest_in(run, on) > reach);
        let may_come = |tip: &BlockId<B>| is_held && tip.height() <= reach;
        let (mut placed, mut unplaced) = (placed, self.unplaced.iter());
        placed.all(|attester| is_of(run, attester) || may_come(&attester.tip))
            && unplaced.all(|(authority, tip)| !counts(authority) || may_come(tip))
    }

    fn end_of_few(&self, run: &VerifiedTip<B>) -> Result<End, BridgeError> {
        let authorities = self.chain.authorities_at(run.base.hash)?;
        let mut authors = BTreeSet::new();
        let is_of_few = |authors: &mut BTreeSet<_>, author: &AuthorityId| {
            let is_few = authors.contains(author) || authors.len() < self.few;
            let is_of_few = is_few && !self.own.contains(author.as_ref());
            if is_of_few {
                authors.insert(author.clone());
            }
            is_of_few
        };
        let left = run.below_last(authorities.len(), self.chain, |turn| {
            let author = turn.and_then(|turn| authorities.get(turn));
            author.is_some_and(|author| is_of_few(&mut authors, author))
        });
        let others = left.checked_sub(1).and_then(|at| run.ids().get(at));
        let mut below = others.map(BlockId::height);
        let mut with_stored = authors.clone();
        let mut at = run.base;
        let mut left = self.most;
        // What is final is settled.
        let finalized = self.chain.finalized();
        while below.is_none() && left > 0 && at.number > finalized.number {
            let Some(header) = self.chain.header(at.hash)? else {
                break;
            };
            left -= 1;
            let parent = *header.parent_hash();
            let authorities = self.chain.authorities_at(parent)?;
            let author = author(&authorities, &header, self.chain);
            let is_of_few = author.is_some_and(|(author, _)| is_of_few(&mut with_stored, &author));
            below = match at.height().checked_sub(1) {
                Some(lower) if is_of_few => {
                    at = BlockId::new(number::<B>(lower), parent);
                    None
                }
                // Nobody sealed genesis.
                _ => Some(at.height()),
            };
        }
        Ok(End { below, authors })
    }
}

/// Whether whoever attests this has no block that is not of the chain of `run`.
fn is_of<B: BlockT>(run: &VerifiedTip<B>, attester: &Attester<B>) -> bool {
    let chain = &attester.chain;
    if chain.above().contains(&run.tip()) {
        return true;
    }
    let is_below = chain.above().is_empty() && chain.shared().height() <= run.ancestor.height();
    // Where its chain goes to above what is known of it nobody knows.
    chain.end() == attester.tip && (is_below || run.contains(&attester.tip))
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
