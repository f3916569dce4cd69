use super::{Electorate, Tally, caution::KeptBack, rows::Turnout};
use crate::{
    block_id::BlockId,
    headers::VerifiedTip,
    ports::{Vote, VoteStanding},
    status::{Note, Verdict},
};
use sp_runtime::traits::Block as BlockT;
use std::time::Duration;

/// What the view amounts to.
#[derive(Clone, Debug)]
pub struct Judgement<B: BlockT> {
    /// The outcome row.
    pub verdict: Verdict<B>,
    /// Our best block when it was judged.
    pub ours: BlockId<B>,
    /// The votes.
    pub tally: Tally<B>,
    /// Voters that were heard.
    pub heard: usize,
    /// The other block at the height of ours that most authorities attest, our own apart, and how many do.
    pub most_against: Option<(BlockId<B>, usize)>,
    /// The highest block of ours that as many voters hold as are needed.
    pub held: Option<BlockId<B>>,
    /// Authorities of which nothing that counted was heard since the start.
    pub never_heard: usize,
    /// Whether this node started a short while ago.
    pub beginning: Beginning,
    /// Who answered.
    pub turnout: Turnout,
    /// How high the connected peers are.
    pub reach: Reach,
    /// Whose votes they are.
    pub electorate: Electorate,
    /// The highest verified tip that holds us up.
    pub target: Option<VerifiedTip<B>>,
    /// All tips worth fetching, the highest first: the target, those of suspects, the other sides of a split.
    pub rivals: Vec<VerifiedTip<B>>,
    /// Chains of few authorities of which not all take all now.
    pub(crate) kept_back: Vec<KeptBack<B>>,
    /// How many voters are on each of these chains.
    pub voters: Vec<(BlockId<B>, usize)>,
    /// Branches that too few share to be a fork of ours.
    pub notes: Vec<Note<B>>,
    /// Age of the oldest answer that counted.
    pub age: Duration,
    /// How long what was counted goes on counting, if nothing else comes.
    pub good_for: Duration,
    /// Peers whose first answer may still come, and claims whose first probe runs.
    pub open: usize,
    /// Voters whose claim is being probed for the first time: on which chain they are is not known yet.
    pub probing: usize,
    /// How far others showed the chain of each of these claims, where they did: the same tip is the same chain.
    pub agreeing: Vec<BlockId<B>>,
    /// Whether a missing answer could still change the row.
    pub waiting: Waiting,
}

/// Whether a missing answer could still change the outcome row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// However they fall, the row stays.
    Decided,
    /// This many answers or probes could change it.
    For(usize),
}

impl<B: BlockT> Judgement<B> {
    /// Voters on this chain, as far as it is known.
    pub(crate) fn voters_on(&self, tip: &VerifiedTip<B>) -> usize {
        let of = |(known, voters): &(BlockId<B>, usize)| (*known == tip.tip()).then_some(*voters);
        self.voters.iter().find_map(of).unwrap_or(0)
    }

    /// The first block of `run` that only who goes ahead takes, if that is what it takes to fetch it.
    pub(crate) fn goes_ahead(&self, run: &VerifiedTip<B>) -> Option<BlockId<B>> {
        self.kept_back.iter().find_map(|kept| kept.goes_ahead(run))
    }

    /// Whether what is missing can name no better chain than `tip`: only probes are, each of a claim whose chain others showed, as
    /// far as it is known, to be this one; and those others are more.
    pub(crate) fn is_settled_on(&self, tip: &VerifiedTip<B>) -> bool {
        let agreeing = self.agreeing.iter().filter(|end| tip.contains(end));
        let agreeing = agreeing.count();
        // Where authorities vote, peers only answer: what is missing is then somebody else's word.
        self.electorate == Electorate::Peers
            && self.open == agreeing
            && self.probing == agreeing
            && self.voters_on(tip) > agreeing
    }

    /// What the fork choice is to know of it.
    pub fn vote(&self) -> Vote<B> {
        let standing = self.standing();
        let (held, outvoted_by) = match standing {
            // All of ours stays.
            VoteStanding::WithUs => (None, None),
            VoteStanding::NotWithUs => (self.held, self.outvoted_by()),
        };
        Vote {
            standing,
            // Where too few answered they decide nothing, not even that something stays.
            held: held.filter(|_| self.is_heard()),
            outvoted_by,
        }
    }

    /// The block that takes the place of ours shortly after the start, where authorities vote. Those who are on it are more than the
    /// faulty ones, so an honest one is among them; and they do not move, as long as others may be starting. If both sides could
    /// move, they would change places for ever. For the same reason it is this block, and not just any other: the vote that we
    /// find where we land would send us back.
    fn outvoted_by(&self) -> Option<BlockId<B>> {
        let Tally { electors, need, .. } = self.tally;
        let (block, authorities) = self.most_against?;
        let they_stay = self.beginning == Beginning::Recent
            && authorities.saturating_add(self.never_heard) >= need;
        let outvotes = self.electorate == Electorate::Authorities
            && they_stay
            && authorities > self.tally.with_us
            && authorities > electors.saturating_sub(need);
        outvotes.then_some(block)
    }

    /// Whether as many peers answered as are needed, where peers vote.
    fn is_heard(&self) -> bool {
        match self.electorate {
            Electorate::Peers => {
                self.turnout.responses >= self.turnout.required && self.tally.electors > 0
            }
            Electorate::Authorities => true,
        }
    }

    fn standing(&self) -> VoteStanding {
        let need = self.tally.need;
        let holds = match self.electorate {
            Electorate::Peers => self.is_heard() && self.tally.is_with_us(),
            // Nobody authors before need(n) are heard, so nothing of ours is taken back either. Shortly after the start it
            // is not while those never heard may be starting too, and be with us: a single authority that is quick, and has
            // sealed a chain of its own while all were down, would else push it under the one that was voted on. Whoever was
            // heard and fell silent is waited for by nobody: the others could not settle a tie.
            Electorate::Authorities => {
                let may_be_with_us = self.tally.with_us.saturating_add(self.never_heard) >= need;
                self.tally.is_with_us()
                    || self.heard < need
                    || (self.beginning == Beginning::Recent && may_be_with_us)
            }
        };
        if holds {
            VoteStanding::WithUs
        } else {
            VoteStanding::NotWithUs
        }
    }
}

/// Whether this node started a short while ago: fewer than four rounds of slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beginning {
    /// It did, and others may be starting too.
    Recent,
    /// Whoever is not heard by now is not there.
    Past,
}

/// How high the connected peers are, for all that they say and that no probe found wanting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// None has a block above genesis.
    Genesis,
    /// One has.
    Above,
}
