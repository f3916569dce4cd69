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
use futures::future::join_all;
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

/// Requests for headers at once: to one peer, and to all.
const REQUESTS_OF_ONE: u64 = 4;
const MOST_REQUESTS: u64 = 8;

/// Goes on above `run`, which is part of the chain that all of `claimants` claim: fetches and verifies at most `most` further
/// headers, as [`further`] does. Returns the longer run; the same one if nothing came.
pub(crate) async fn extend<B: BlockT>(
    context: &SyncContext<B>,
    claimants: &Claimants<B>,
    run: &VerifiedTip<B>,
    most: u64,
    within: Duration,
    skeleton: &mut Skeleton<B>,
) -> Result<VerifiedTip<B>, ProbeError> {
    let above = Above {
        base: run.base,
        header: run.tip_header().clone(),
    };
    let good = further(context, claimants, &above, most, within, skeleton).await?;
    let reached = run.tip().height().saturating_add(good.len() as u64);
    let beyond = if reached < claimants.tip.height() {
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

/// Where further headers follow.
#[derive(Clone, Debug)]
pub(crate) struct Above<B: BlockT> {
    /// The stored block whose state names the authorities.
    pub(crate) base: BlockId<B>,
    /// The header that they follow: the base's, or one verified above it.
    pub(crate) header: B::Header,
}

/// Fetches and verifies at most `most` headers above that of `above`, which is part of the chain that all of `claimants` claim.
/// All of them are asked for at once, so that the way to a peer is gone once, however many they are; twice where `skeleton`
/// does not reach. Returns those that hold, rising; none if nothing came.
pub(crate) async fn further<B: BlockT>(
    context: &SyncContext<B>,
    claimants: &Claimants<B>,
    above: &Above<B>,
    most: u64,
    within: Duration,
    skeleton: &mut Skeleton<B>,
) -> Result<Vec<B::Header>, ProbeError> {
    let (from, tip) = (BlockId::<B>::of(&above.header), claimants.tip);
    let each = u64::from(context.settings.limits.headers_per_request).max(1);
    let wanted = tip.height().saturating_sub(from.height()).min(most);
    let next = from.height().saturating_add(each);
    if wanted > each && skeleton.knows(&claimants.first, next).is_none() {
        let reach = (from.height(), tip.height(), each);
        skeleton
            .learn(context, &claimants.first, reach, within)
            .await?;
    }
    let requests = skeleton.requests(&claimants.first, from, wanted, each);
    let parts = parts_of(context, claimants, &requests, within).await?;
    let good = verified(context, claimants, above, parts).await?;
    if (good.len() as u64) < wanted {
        // Somebody moved on, or the hashes were not those of the headers.
        *skeleton = Skeleton::default();
    }
    Ok(good)
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
    let decode = move || client.decode_headers(&peer, &request, &body);
    let decoded = heavy(context.executor.as_ref(), decode).await;
    Ok(decoded.map_err(LocalFault::from)??)
}

/// The headers of `parts` above that of `above` that hold, each part checked on a core of its own. Whoever sent a wrong one is charged, unless
/// it is the first of a part: it may only not follow what somebody claimed for the block below it.
async fn verified<B: BlockT>(
    context: &SyncContext<B>,
    claimants: &Claimants<B>,
    above: &Above<B>,
    parts: Vec<Vec<B::Header>>,
) -> Result<Vec<B::Header>, ProbeError> {
    let mut last = Some(above.header.clone());
    let mut checks = Vec::new();
    for part in parts {
        // No answer is empty.
        let Some(parent) = last.take() else { break };
        last = part.last().cloned();
        checks.push(verify(context, above.base, parent, part));
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
