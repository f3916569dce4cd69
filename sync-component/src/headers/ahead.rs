//! More headers of a chain of which the beginning is verified, many at once.

use super::{
    probe::{ProbeError, verify},
    tips::{Beyond, VerifiedTip},
};
use crate::{
    block_id::{BlockId, number},
    context::SyncContext,
    error::{Blame, LocalFault},
    peers::{Offence, RangeAnswer},
    ports::{PeerId, heavy},
    wire::RangeRequest,
};
use futures::future::{join, join_all};
use sp_runtime::traits::Block as BlockT;
use std::{collections::BTreeMap, time::Duration};

/// The hashes that a peer claims for the blocks between one request for headers and the next, so that many requests can be made
/// at once. They decide nothing: what does not link is not taken.
#[derive(Debug)]
pub(crate) struct Skeleton<B: BlockT> {
    /// Whose claims they are.
    peer: Option<PeerId>,
    /// By height. As many as one answer holds.
    hashes: BTreeMap<u64, B::Hash>,
}

impl<B: BlockT> Default for Skeleton<B> {
    fn default() -> Self {
        Self {
            peer: None,
            hashes: BTreeMap::new(),
        }
    }
}

impl<B: BlockT> Skeleton<B> {
    /// Whether they are `peer`'s.
    pub(crate) fn is_of(&self, peer: &PeerId) -> bool {
        self.peer.as_ref() == Some(peer)
    }

    fn knows(&self, peer: &PeerId, height: u64) -> Option<BlockId<B>> {
        let hash = self.hashes.get(&height)?;
        self.is_of(peer)
            .then(|| BlockId::new(number::<B>(height), *hash))
    }

    /// Asks `peer` for the hashes `each` blocks apart above `from`, up to `top`.
    async fn learn(
        &mut self,
        context: &SyncContext<B>,
        peer: &PeerId,
        (from, top, each): (u64, u64, u64),
        within: Duration,
    ) -> Result<(), ProbeError> {
        let most = usize::try_from(context.settings.limits.hashes_per_request).unwrap_or(1);
        let step = usize::try_from(each).unwrap_or(usize::MAX);
        let heights: Vec<_> = (from..top).step_by(step).skip(1).take(most).collect();
        let numbers = heights.iter().map(|height| number::<B>(*height)).collect();
        let hashes = context.peers.hashes(peer, numbers, within).await?;
        let known = heights.into_iter().zip(hashes);
        self.hashes = known
            .map_while(|(height, hash)| Some((height, hash?)))
            .collect();
        self.peer = Some(peer.clone());
        Ok(())
    }

    /// The requests for `wanted` headers above `from`, each of at most `each`.
    fn requests(
        &self,
        peer: &PeerId,
        from: BlockId<B>,
        wanted: u64,
        each: u64,
    ) -> Vec<RangeRequest<B>> {
        let end = from.height().saturating_add(wanted);
        let mut requests = Vec::new();
        let mut parent = Some(from);
        while let Some(below) = parent.filter(|below| below.height() < end) {
            let count = end.saturating_sub(below.height()).min(each);
            requests.push(RangeRequest {
                start: number::<B>(below.height().saturating_add(1)),
                count: u32::try_from(count).unwrap_or(u32::MAX),
                parent: below.hash,
            });
            parent = self.knows(peer, below.height().saturating_add(count));
        }
        requests
    }
}

/// Who claims a chain.
#[derive(Clone, Debug)]
pub(crate) struct Claimants<B: BlockT> {
    /// The tip that all of them claim.
    pub(crate) tip: BlockId<B>,
    /// Whose hashes are taken for those between the requests.
    pub(crate) first: PeerId,
    /// The others.
    pub(crate) others: Vec<PeerId>,
}

impl<B: BlockT> Claimants<B> {
    /// How many headers are asked for at once, `each` in a request: many, or each request would bring little for the way that it
    /// goes; no more than they answer beside other requests.
    pub(crate) fn stride(&self, each: u64, ahead: u64) -> u64 {
        let requests = (REQUESTS_OF_ONE * (1 + self.others.len() as u64)).min(MOST_REQUESTS);
        each.saturating_mul(requests).min(ahead / 2).max(1)
    }

    fn of_request(&self, number: usize) -> &PeerId {
        let all = 1 + self.others.len();
        let other = (number % all).checked_sub(1);
        other
            .and_then(|at| self.others.get(at))
            .unwrap_or(&self.first)
    }
}

/// Requests for headers at once to one peer. More: they take the places of requests for blocks.
const REQUESTS_OF_ONE: u64 = 4;

/// The same to all peers. Each time a way is gone, and then what came is verified, before the next are asked for. Fewer: over a long
/// way blocks wait for headers; more: what is verified at once takes longer.
const MOST_REQUESTS: u64 = 16;

/// Goes on above `run`, which is part of the chain that all of `claimants` claim: fetches and verifies at most `most` further
/// headers. All of them are asked for at once, so that the way to a peer is gone once, however many they are; where `skeleton` does not
/// reach it is only one answer's, while the peer says the hashes that reach further. Returns the longer run; the same one if nothing came.
pub(crate) async fn extend<B: BlockT>(
    context: &SyncContext<B>,
    claimants: &Claimants<B>,
    run: &VerifiedTip<B>,
    most: u64,
    within: Duration,
    skeleton: &mut Skeleton<B>,
) -> Result<VerifiedTip<B>, ProbeError> {
    let (from, tip) = (run.tip(), claimants.tip);
    let each = u64::from(context.settings.limits.headers_per_request).max(1);
    let wanted = tip.height().saturating_sub(from.height()).min(most);
    let next = from.height().saturating_add(each);
    let is_dark = wanted > each && skeleton.knows(&claimants.first, next).is_none();
    let wanted = if is_dark { each } else { wanted };
    let requests = skeleton.requests(&claimants.first, from, wanted, each);
    let parts = parts_of(context, claimants, &requests, within);
    let parts = if is_dark {
        // The first headers need no hash that is not known: they come while the hashes do.
        let reach = (from.height(), tip.height(), each);
        let learn = skeleton.learn(context, &claimants.first, reach, within);
        let (learnt, parts) = join(learn, parts).await;
        learnt?;
        parts?
    } else {
        parts.await?
    };
    let good = verified(context, claimants, run, parts).await?;
    if (good.len() as u64) < wanted {
        // Somebody moved on, or the hashes were not those of the headers.
        *skeleton = Skeleton::default();
    }
    let reached = from.height().saturating_add(good.len() as u64);
    let beyond = if reached < tip.height() {
        Beyond::Claimed
    } else {
        Beyond::Nothing
    };
    let run = run.clone();
    let longer = heavy(context.executor.as_ref(), move || {
        run.extended(good, beyond)
    })
    .await;
    Ok(longer.map_err(LocalFault::from)?)
}

/// The answers from the front that are whole, and the first that is not.
async fn parts_of<B: BlockT>(
    context: &SyncContext<B>,
    claimants: &Claimants<B>,
    requests: &[RangeRequest<B>],
    within: Duration,
) -> Result<Vec<Vec<B::Header>>, ProbeError> {
    let asked = requests
        .iter()
        .enumerate()
        .map(|(at, request)| part_of(context, claimants.of_request(at), request, within));
    let mut parts = Vec::new();
    for (request, answer) in requests.iter().zip(join_all(asked).await) {
        let items = match answer {
            Ok(RangeAnswer::Items(items)) => items,
            Err(error @ ProbeError::Local(_)) => return Err(error),
            Err(error) if parts.is_empty() => return Err(error),
            _ => break,
        };
        let is_whole = items.len() as u64 == u64::from(request.count);
        parts.push(items);
        if !is_whole {
            break;
        }
    }
    Ok(parts)
}

/// One answer, decoded on a core of its own.
async fn part_of<B: BlockT>(
    context: &SyncContext<B>,
    peer: &PeerId,
    request: &RangeRequest<B>,
    within: Duration,
) -> Result<RangeAnswer<B::Header>, ProbeError> {
    let body = context.peers.header_bytes(peer, request, within).await?;
    let (client, peer, request) = (context.peers.clone(), peer.clone(), request.clone());
    let decode = move || client.decode_unlinked(&peer, &request, &body);
    let decoded = heavy(context.executor.as_ref(), decode).await;
    Ok(decoded.map_err(LocalFault::from)??)
}

/// The headers of `parts` above `run` that hold, each part checked on a core of its own. Whoever sent a wrong one is charged, unless
/// it is the first of a part: it may only not follow what somebody claimed for the block below it.
async fn verified<B: BlockT>(
    context: &SyncContext<B>,
    claimants: &Claimants<B>,
    run: &VerifiedTip<B>,
    parts: Vec<Vec<B::Header>>,
) -> Result<Vec<B::Header>, ProbeError> {
    let mut last = Some(run.tip_header().clone());
    let mut checks = Vec::new();
    for part in parts {
        // No answer is empty.
        let Some(parent) = last.take() else { break };
        last = part.last().cloned();
        checks.push(verify(context, run.base, parent, part));
    }
    let mut good = Vec::new();
    for (at, checked) in join_all(checks).await.into_iter().enumerate() {
        let (items, fault) = checked?;
        let is_first = items.is_empty() && at > 0;
        good.extend(items);
        let Some(fault) = fault else { continue };
        if fault.blame() == Blame::Peer && !is_first {
            let peer = claimants.of_request(at);
            tracing::debug!(%peer, %fault, "claimed headers are wrong");
            context.peers.charge(peer, Offence::ProvablyWrong);
        }
        break;
    }
    Ok(good)
}
