use crate::{
    block_id::BlockId,
    ports::{MonoTime, PeerId},
};
use sp_runtime::traits::Block as BlockT;
use std::{collections::BTreeSet, time::Duration};

/// Requests for headers at once to one peer. More: they take the places of requests for blocks.
const REQUESTS_OF_ONE: u64 = 4;

/// The same to all peers. Each time a way is gone, and then what came is verified, before the next are asked for. Fewer: over a long
/// way blocks wait for headers; more: what is verified at once takes longer.
const MOST_REQUESTS: u64 = 16;

/// How many times the usual time of the quickest an answer may take. Too low: a moment of load at the other end looks like
/// silence; too high: a peer that holds its headers back holds up those of the others for so long.
const PATIENCE: u32 = 4;

/// The shortest time that is given for an answer.
const SHORTEST_PATIENCE: Duration = Duration::from_secs(1);

/// From how long a way on headers are asked for before those below them are verified. Shorter: they come as soon as they are asked for,
/// and both would lie in memory at once for nothing.
const LONG_WAY: Duration = Duration::from_millis(20);

/// One who claims a chain that goes on above what is verified.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Claimant<'a, B: BlockT> {
    /// Who.
    pub(crate) peer: &'a PeerId,
    /// The tip that it claims.
    pub(crate) tip: BlockId<B>,
    /// How long its answers usually take.
    pub(crate) latency: Option<Duration>,
}

/// For how long whoever failed is not asked beside others. Shorter: a peer that holds its headers back holds up those of the others as
/// often; longer: whoever lost one answer takes no part for so long.
const FORGIVEN: Duration = Duration::from_secs(30);

/// Who was asked for headers and did not bring all of them, and when; whoever failed longest ago first.
///
/// They are asked beside others again when that is long ago, and alone only when all that claim the chain have failed, the one that
/// failed longest ago first: so nobody can keep the headers of the others from us, and a network that loses answers is left with
/// somebody to ask.
#[derive(Debug, Default)]
pub(crate) struct Lagging(Vec<(PeerId, MonoTime)>);

impl Lagging {
    /// These failed now.
    pub(crate) fn note(&mut self, peers: BTreeSet<PeerId>, now: MonoTime) {
        self.0.retain(|(peer, _)| !peers.contains(peer));
        self.0.extend(peers.into_iter().map(|peer| (peer, now)));
    }

    /// Forgets all but these.
    pub(crate) fn retain(&mut self, keep: impl Fn(&PeerId) -> bool) {
        self.0.retain(|(peer, _)| keep(peer));
    }

    /// How many failed longer ago; `None` if it never failed.
    pub(crate) fn place(&self, peer: &PeerId) -> Option<usize> {
        self.0.iter().position(|(failed, _)| failed == peer)
    }

    /// Whether it may be asked beside others.
    fn is_able(&self, peer: &PeerId, now: MonoTime) -> bool {
        let failed = self.0.iter().find(|(failed, _)| failed == peer);
        failed.is_none_or(|(_, at)| now.since(*at) >= FORGIVEN)
    }
}

/// Who is asked for the headers of a chain.
#[derive(Clone, Debug)]
pub(crate) struct Claimants<B: BlockT> {
    /// The tip that all of them claim.
    pub(crate) tip: BlockId<B>,
    /// Whose hashes are taken for those between the requests.
    pub(crate) first: PeerId,
    /// The others.
    pub(crate) others: Vec<PeerId>,
    /// How long to wait for an answer.
    pub(super) within: Duration,
    /// How long the quickest usually takes.
    quickest: Option<Duration>,
}

impl<B: BlockT> Claimants<B> {
    /// Of `claims`, the best first: the best that never failed, or else the one that failed longest ago, and all others that may be
    /// asked beside it and claim the same tip. An answer may take some times as long as the quickest takes, whoever is asked; where all
    /// have failed, the one that is asked may take `longest`.
    pub(crate) fn of(
        claims: &[Claimant<'_, B>],
        lagging: &Lagging,
        longest: Duration,
        now: MonoTime,
    ) -> Option<Self> {
        let first = claims
            .iter()
            .min_by_key(|claim| lagging.place(claim.peer))?;
        let able = claims.iter();
        let able = able.filter(|claim| lagging.is_able(claim.peer, now));
        let quickest = able.clone().filter_map(|claim| claim.latency).min();
        let usual = quickest.map(|latency| latency.saturating_mul(PATIENCE));
        let others = able.filter(|claim| claim.tip == first.tip && claim.peer != first.peer);
        Some(Self {
            tip: first.tip,
            first: first.peer.clone(),
            others: others.map(|claim| claim.peer.clone()).collect(),
            quickest,
            within: usual.map_or(longest, |usual| usual.max(SHORTEST_PATIENCE).min(longest)),
        })
    }

    /// How many headers are asked for at once, `each` in a request: many, or each request would bring little for the way that it
    /// goes; no more than they answer beside other requests.
    pub(crate) fn stride(&self, each: u64, ahead: u64) -> u64 {
        let requests = (REQUESTS_OF_ONE * (1 + self.others.len() as u64)).min(MOST_REQUESTS);
        each.saturating_mul(requests).min(ahead / 2).max(1)
    }

    /// Whether the way to all of them is long.
    pub(crate) fn are_far(&self) -> bool {
        self.quickest.is_some_and(|quickest| quickest >= LONG_WAY)
    }

    /// Whether it is the same chain, by the word of the same peer.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.tip == other.tip && self.first == other.first
    }

    pub(super) fn of_request(&self, number: usize) -> &PeerId {
        let all = 1 + self.others.len();
        let other = (number % all).checked_sub(1);
        other
            .and_then(|at| self.others.get(at))
            .unwrap_or(&self.first)
    }
}
