use super::{Ballot, Electorate, Reach, Voter, attested::Attester, rows::Turnout};
use crate::{block_id::BlockId, settings::Threshold};
use sp_core::sr25519;
use sp_runtime::traits::Block as BlockT;
use std::time::Duration;

/// One peer's part in a judgement.
pub(super) enum Part<B: BlockT> {
    /// No answer yet; one may come.
    Awaited,
    /// No answer, and none is awaited.
    Absent,
    /// It answered; whether it votes depends on a probe that runs.
    Probing,
    /// It answered and has no vote.
    Voteless,
    /// It votes.
    Votes(Voter<B>),
}

/// Who answered, and who may yet.
pub(super) struct Heard<B: BlockT> {
    pub(super) ballot: Ballot<B>,
    pub(super) electorate: Electorate,
    /// Authorities whose attestations count, with the chains that they are on.
    pub(super) attesters: Vec<Attester<B>>,
    /// Authorities that attest blocks whose chain is not known here.
    pub(super) unplaced: Vec<(sr25519::Public, BlockId<B>)>,
    pub(super) turnout: Turnout,
    pub(super) reach: Reach,
    /// Connected peers whose answer may still come, whoever votes.
    pub(super) unheard: usize,
    /// Peers whose chain goes on in our future.
    pub(super) from_future: usize,
    /// Age of the oldest answer with a vote.
    pub(super) age: Duration,
    /// Answers and probes that are missing, or authorities.
    pub(super) open: usize,
    /// Those of them that are first probes of a claim: a round always waits for these.
    pub(super) probing: usize,
    /// How far others showed the chain of each claim that a peer is being probed for.
    pub(super) agreeing: Vec<BlockId<B>>,
}

impl<B: BlockT> Heard<B> {
    pub(super) fn nobody(
        ours: BlockId<B>,
        threshold: Threshold,
        connected: usize,
        electorate: Electorate,
    ) -> Self {
        let turnout = Turnout {
            connected,
            responses: 0,
            required: 1,
            waited: Duration::ZERO,
        };
        let ballot = Ballot {
            ours,
            threshold,
            voters: Vec::new(),
            silent: 0,
        };
        Self {
            ballot,
            electorate,
            attesters: Vec::new(),
            unplaced: Vec::new(),
            turnout,
            reach: Reach::Genesis,
            unheard: 0,
            from_future: 0,
            age: Duration::ZERO,
            open: 0,
            probing: 0,
            agreeing: Vec::new(),
        }
    }

    /// A peer's part. Where authorities vote, peers only answer.
    pub(super) fn add(&mut self, part: Part<B>, age: Duration) {
        self.turnout.responses += usize::from(!matches!(part, Part::Awaited | Part::Absent));
        self.unheard += usize::from(matches!(part, Part::Awaited));
        if self.electorate == Electorate::Authorities {
            return;
        }
        self.open += usize::from(matches!(part, Part::Awaited | Part::Probing));
        self.probing += usize::from(matches!(part, Part::Probing));
        if let Part::Votes(voter) = part {
            self.vote(voter, age);
        }
    }

    pub(super) fn vote(&mut self, voter: Voter<B>, age: Duration) {
        self.ballot.voters.push(voter);
        self.age = self.age.max(age);
    }

    /// How many authorities other than `author` attest a chain that holds `block`.
    pub(super) fn attesters_but(&self, author: &sr25519::Public, block: &BlockId<B>) -> usize {
        let others = self
            .attesters
            .iter()
            .filter(|attester| attester.authority != *author);
        others
            .filter(|attester| attester.chain.above().contains(block))
            .count()
    }
}
