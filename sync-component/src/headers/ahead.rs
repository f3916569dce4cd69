//! More headers of a chain of which the beginning is verified, many at once.

use super::{
    claimants::Claimants,
    probe::{ProbeError, verify},
    tips::{Beyond, VerifiedTip},
};
use crate::{
    block_id::{BlockId, number},
    context::SyncContext,
    error::{Blame, LocalFault},
    peers::{Offence, RangeAnswer},
    ports::{HeaderFault, PeerId, cores, heavy},
    wire::RangeRequest,
};
use futures::{
    StreamExt,
    future::{join, join_all},
    stream,
};
use sp_runtime::traits::Block as BlockT;
use std::collections::{BTreeMap, BTreeSet};

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

    /// Asks the first of `claimants` for the hashes `each` blocks apart above `from`, up to `top`.
    async fn learn(
        &mut self,
        context: &SyncContext<B>,
        claimants: &Claimants<B>,
        (from, top, each): (u64, u64, u64),
    ) -> Result<(), ProbeError> {
        let (peer, within) = (&claimants.first, claimants.within);
        let most = usize::try_from(context.settings.limits.hashes_per_request).unwrap_or(1);
        let step = usize::try_from(each).unwrap_or(usize::MAX);
        let heights: Vec<_> = (from..top).step_by(step).skip(1).take(most).collect();
        let numbers = heights.iter().map(|height| number::<B>(*height)).collect();
        let hashes = context.peers.hashes(peer, numbers, within).await?;
        let known = heights.into_iter().zip(hashes);
        let known: Option<_> = known.map(|(height, hash)| Some((height, hash?))).collect();
        self.hashes = known.ok_or(ProbeError::Moved)?;
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

/// What an extension brought.
#[derive(Debug)]
pub(crate) struct Extended<B: BlockT> {
    /// The longer run; the same one if nothing came.
    pub(crate) run: VerifiedTip<B>,
    /// Who was asked for headers that are missing in it.
    pub(crate) lacking: BTreeSet<PeerId>,
}

/// Goes on above `run`, which is part of the chain that all of `claimants` claim: fetches and verifies at most `most` further
/// headers, as [`further`] does.
pub(crate) async fn extend<B: BlockT>(
    context: &SyncContext<B>,
    claimants: &Claimants<B>,
    run: &VerifiedTip<B>,
    most: u64,
    skeleton: &mut Skeleton<B>,
) -> Result<Extended<B>, LocalFault> {
    let above = Above {
        base: run.base,
        header: run.tip_header().clone(),
    };
    let found = further(context, claimants, &above, most, skeleton).await?;
    let reached = run.tip().height() + found.headers.len() as u64;
    let beyond = if reached < claimants.tip.height() {
        Beyond::Claimed
    } else {
        Beyond::Nothing
    };
    let run = run.clone();
    let longer = heavy(context.executor.as_ref(), move || {
        run.extended(found.headers, beyond)
    })
    .await;
    Ok(Extended {
        run: longer?,
        lacking: found.lacking,
    })
}

/// Where further headers follow.
#[derive(Clone, Debug)]
pub(crate) struct Above<B: BlockT> {
    /// The stored block whose state names the authorities.
    pub(crate) base: BlockId<B>,
    /// The header that they follow: the base's, or one verified above it.
    pub(crate) header: B::Header,
}

/// Headers that were fetched and hold.
#[derive(Debug)]
pub(crate) struct Further<B: BlockT> {
    /// They, rising; none if nothing came.
    pub(crate) headers: Vec<B::Header>,
    /// Who was asked for headers that are missing.
    pub(crate) lacking: BTreeSet<PeerId>,
}

/// Fetches and verifies at most `most` headers above that of `above`, which is part of the chain that all of `claimants` claim.
/// All of them are asked for at once, so that the way to a peer is gone once, however many they are; where `skeleton` does not
/// reach it is only one answer's, while the peer says the hashes that reach further.
pub(crate) async fn further<B: BlockT>(
    context: &SyncContext<B>,
    claimants: &Claimants<B>,
    above: &Above<B>,
    most: u64,
    skeleton: &mut Skeleton<B>,
) -> Result<Further<B>, LocalFault> {
    let (from, tip) = (BlockId::<B>::of(&above.header), claimants.tip);
    let each = u64::from(context.settings.limits.headers_per_request).max(1);
    let wanted = tip.height().saturating_sub(from.height()).min(most);
    let next = from.height().saturating_add(each);
    let is_dark = wanted > each && skeleton.knows(&claimants.first, next).is_none();
    let wanted = if is_dark { each } else { wanted };
    let requests = skeleton.requests(&claimants.first, from, wanted, each);
    let answers = answers(context, claimants, &requests);
    let mut answers = if is_dark {
        // The first headers need no hash that is not known: they come while the hashes do.
        let reach = (from.height(), tip.height(), each);
        let learn = skeleton.learn(context, claimants, reach);
        let (learnt, answers) = join(learn, answers).await;
        let mut answers = answers?;
        if let Err(error) = learnt {
            tracing::debug!(peer = %claimants.first, %tip, %error, "no hashes of a claimed chain");
            answers.lacking.insert(claimants.first.clone());
        }
        answers
    } else {
        answers.await?
    };
    let headers = verified(context, claimants, above, &mut answers).await?;
    if (headers.len() as u64) < wanted {
        // Somebody moved on, or the hashes were not those of the headers.
        *skeleton = Skeleton::default();
    }
    Ok(Further {
        headers,
        lacking: answers.lacking,
    })
}

/// What came of requests for headers that follow each other.
struct Answers<B: BlockT> {
    /// From the front those that are whole, and what there is of the first that is not.
    parts: Vec<Vec<B::Header>>,
    /// Who did not send what it was asked for.
    lacking: BTreeSet<PeerId>,
}

async fn answers<B: BlockT>(
    context: &SyncContext<B>,
    claimants: &Claimants<B>,
    requests: &[RangeRequest<B>],
) -> Result<Answers<B>, LocalFault> {
    let asked = requests
        .iter()
        .enumerate()
        .map(|(at, request)| answer(context, claimants, claimants.of_request(at), request));
    let (mut parts, mut lacking) = (Vec::new(), BTreeSet::new());
    for (at, (request, answer)) in requests.iter().zip(join_all(asked).await).enumerate() {
        let peer = claimants.of_request(at);
        let items = match answer {
            Ok(RangeAnswer::Items(items)) => items,
            Ok(RangeAnswer::NotFound) if lacking.is_empty() => {
                // Nobody has what follows a false hash.
                lacking.insert(claimants.first.clone());
                Vec::new()
            }
            Ok(RangeAnswer::NotFound) => continue,
            Err(ProbeError::Local(fault)) => return Err(fault),
            answer => {
                tracing::debug!(%peer, tip = %claimants.tip, ?answer, "no further headers");
                Vec::new()
            }
        };
        let is_whole = items.len() as u64 == u64::from(request.count);
        if lacking.is_empty() && !items.is_empty() {
            parts.push(items);
        }
        if !is_whole {
            lacking.insert(peer.clone());
        }
    }
    Ok(Answers { parts, lacking })
}

/// One answer, decoded on a core of its own.
async fn answer<B: BlockT>(
    context: &SyncContext<B>,
    claimants: &Claimants<B>,
    peer: &PeerId,
    request: &RangeRequest<B>,
) -> Result<RangeAnswer<B::Header>, ProbeError> {
    let within = claimants.within;
    let body = context.peers.header_bytes(peer, request, within).await?;
    let (client, peer, request) = (context.peers.clone(), peer.clone(), request.clone());
    let decode = move || client.decode_unlinked(&peer, &request, &body);
    let decoded = heavy(context.executor.as_ref(), decode).await;
    Ok(decoded.map_err(LocalFault::from)??)
}

/// The headers in `answers` above that of `above` that hold, as many parts checked at once as there are cores. Whoever sent a wrong
/// one is charged, unless it is a part that does not follow the one below it: its sender was only told what somebody claimed for the block there.
async fn verified<B: BlockT>(
    context: &SyncContext<B>,
    claimants: &Claimants<B>,
    above: &Above<B>,
    answers: &mut Answers<B>,
) -> Result<Vec<B::Header>, LocalFault> {
    let mut last = Some(above.header.clone());
    let mut checks = Vec::new();
    for part in std::mem::take(&mut answers.parts) {
        // No answer is empty.
        let Some(parent) = last.take() else { break };
        last = part.last().cloned();
        checks.push(verify(context, above.base, parent, part));
    }
    let mut good = Vec::new();
    let mut checks = stream::iter(checks).buffered(cores()).enumerate();
    while let Some((at, checked)) = checks.next().await {
        let (items, fault) = checked?;
        let is_loose = at > 0 && items.is_empty() && fault == Some(HeaderFault::BrokenLink);
        good.extend(items);
        let Some(fault) = fault else { continue };
        let peer = claimants.of_request(at);
        tracing::debug!(%peer, %fault, "claimed headers are wrong");
        answers.lacking.insert(peer.clone());
        if is_loose {
            answers.lacking.insert(claimants.first.clone());
        } else if fault.blame() == Blame::Peer {
            context.peers.charge(peer, Offence::ProvablyWrong);
        }
        break;
    }
    Ok(good)
}
