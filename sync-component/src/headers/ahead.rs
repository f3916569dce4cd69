//! More headers of a chain of which the beginning is verified, many at once.

use super::{
    probe::{ProbeError, verify},
    tips::{Beyond, VerifiedTip},
};
use crate::{
    block_id::{BlockId, number},
    context::SyncContext,
    error::Blame,
    peers::{Offence, RangeAnswer},
    ports::PeerId,
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
    fn knows(&self, peer: &PeerId, height: u64) -> Option<BlockId<B>> {
        let hash = self.hashes.get(&height)?;
        (self.peer.as_ref() == Some(peer)).then(|| BlockId::new(number::<B>(height), *hash))
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

/// Goes on above `run`, which is part of the chain that ends in `peer`'s claim `tip`: fetches and verifies at most `most` further
/// headers. All of them are asked for at once, so that the way to the peer is gone once, however many they are; twice where
/// `skeleton` does not reach. Returns the longer run; the same one if nothing came.
pub(crate) async fn extend<B: BlockT>(
    context: &SyncContext<B>,
    (peer, tip): (&PeerId, BlockId<B>),
    run: &VerifiedTip<B>,
    most: u64,
    within: Duration,
    skeleton: &mut Skeleton<B>,
) -> Result<VerifiedTip<B>, ProbeError> {
    let from = run.tip();
    let each = u64::from(context.settings.limits.headers_per_request).max(1);
    let wanted = tip.height().saturating_sub(from.height()).min(most);
    let next = from.height().saturating_add(each);
    if wanted > each && skeleton.knows(peer, next).is_none() {
        let reach = (from.height(), tip.height(), each);
        skeleton.learn(context, peer, reach, within).await?;
    }
    let requests = skeleton.requests(peer, from, wanted, each);
    let parts = parts_of(context, peer, &requests, within).await?;
    let good = verified(context, peer, run, parts).await?;
    if (good.len() as u64) < wanted {
        // It moved on, or its hashes were not those of its headers.
        *skeleton = Skeleton::default();
    }
    let reached = from.height().saturating_add(good.len() as u64);
    let beyond = if reached < tip.height() {
        Beyond::Claimed
    } else {
        Beyond::Nothing
    };
    Ok(run.extended(good, beyond))
}

/// The answers from the front that are whole, and the first that is not.
async fn parts_of<B: BlockT>(
    context: &SyncContext<B>,
    peer: &PeerId,
    requests: &[RangeRequest<B>],
    within: Duration,
) -> Result<Vec<Vec<B::Header>>, ProbeError> {
    let asked = requests
        .iter()
        .map(|request| context.peers.headers(peer, request.clone(), within));
    let mut parts = Vec::new();
    for (request, answer) in requests.iter().zip(join_all(asked).await) {
        let items = match answer {
            Ok(RangeAnswer::Items(items)) => items,
            Err(error) if parts.is_empty() => return Err(error.into()),
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

/// The headers of `parts` above `run` that hold, each part checked on a core of its own. The peer is charged for one that is wrong,
/// unless it is the first of a part: it may only not follow what was claimed for the block below it.
async fn verified<B: BlockT>(
    context: &SyncContext<B>,
    peer: &PeerId,
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
    for checked in join_all(checks).await {
        let (items, fault) = checked?;
        let is_first = items.is_empty() && !good.is_empty();
        good.extend(items);
        let Some(fault) = fault else { continue };
        if fault.blame() == Blame::Peer && !is_first {
            tracing::debug!(%peer, %fault, "claimed headers are wrong");
            context.peers.charge(peer, Offence::ProvablyWrong);
        }
        break;
    }
    Ok(good)
}
