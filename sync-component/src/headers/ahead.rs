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
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

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

    /// So many of the headers that were asked for by its hashes hold. If they are not all, somebody moved on, or the hashes were not
    /// those of the headers, and it is forgotten.
    pub(crate) fn brought(&mut self, headers: u64, wanted: u64) {
        if headers < wanted {
            *self = Self::default();
        }
    }

    fn knows(&self, peer: &PeerId, height: u64) -> Option<BlockId<B>> {
        let hash = self.hashes.get(&height)?;
        self.is_of(peer)
            .then(|| BlockId::new(number::<B>(height), *hash))
    }

    /// Asks `peer` for the hashes above `from`, up to `top`, as far apart as requests for headers are.
    pub(super) async fn learn(
        &mut self,
        context: &SyncContext<B>,
        peer: &PeerId,
        (from, top): (u64, u64),
        within: Duration,
    ) -> Result<(), ProbeError> {
        let each = headers_each(context);
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
    let found = further(context, claimants, &Above::run(run), most, skeleton).await?;
    extended(context, claimants, run, found).await
}

/// Goes on above `run` with what was fetched above it.
pub(crate) async fn extend_by<B: BlockT>(
    context: &SyncContext<B>,
    run: &VerifiedTip<B>,
    fetched: Fetched<B>,
) -> Result<Extended<B>, LocalFault> {
    let claimants = fetched.claimants.clone();
    let found = check(context, &Above::run(run), fetched).await?;
    extended(context, &claimants, run, found).await
}

async fn extended<B: BlockT>(
    context: &SyncContext<B>,
    claimants: &Claimants<B>,
    run: &VerifiedTip<B>,
    found: Further<B>,
) -> Result<Extended<B>, LocalFault> {
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

impl<B: BlockT> Above<B> {
    /// Above all of `run`.
    fn run(run: &VerifiedTip<B>) -> Self {
        Self {
            base: run.base,
            header: run.tip_header().clone(),
        }
    }
}

/// Headers that were fetched and hold.
#[derive(Debug)]
pub(crate) struct Further<B: BlockT> {
    /// They, rising; none if nothing came.
    pub(crate) headers: Vec<B::Header>,
    /// Who was asked for headers that are missing.
    pub(crate) lacking: BTreeSet<PeerId>,
}

/// Fetches and verifies at most `most` headers above that of `above`, which is part of the chain that all of `claimants` claim, as
/// [`fetch`] and [`check`] do.
pub(crate) async fn further<B: BlockT>(
    context: &SyncContext<B>,
    claimants: &Claimants<B>,
    above: &Above<B>,
    most: u64,
    skeleton: &mut Skeleton<B>,
) -> Result<Further<B>, LocalFault> {
    let from = BlockId::of(&above.header);
    let fetched = fetch(context, claimants, from, most, skeleton).await?;
    let wanted = fetched.wanted;
    let found = check(context, above, fetched).await?;
    skeleton.brought(found.headers.len() as u64, wanted);
    Ok(found)
}

/// Headers that came and that nobody has verified.
#[derive(Debug)]
pub(crate) struct Fetched<B: BlockT> {
    claimants: Claimants<B>,
    /// The block that they were asked for above.
    from: BlockId<B>,
    /// How many were asked for.
    pub(crate) wanted: u64,
    answers: Answers<B>,
}

impl<B: BlockT> Fetched<B> {
    /// Whether these are headers above `from` of the chain that `claimants` claim, by the hashes of the same peer. Some of the others may
    /// have gone or come.
    pub(crate) fn is_of(&self, claimants: &Claimants<B>, from: &BlockId<B>) -> bool {
        self.from == *from && self.claimants.is_same(claimants)
    }

    #[cfg(test)]
    pub(super) fn new(
        claimants: Claimants<B>,
        from: BlockId<B>,
        wanted: u64,
        answers: Answers<B>,
    ) -> Self {
        Self {
            claimants,
            from,
            wanted,
            answers,
        }
    }

    /// The block that they follow.
    #[cfg(test)]
    pub(super) fn from(&self) -> BlockId<B> {
        self.from
    }

    /// The numbers of the requests that they answer.
    #[cfg(test)]
    pub(super) fn requests(&self) -> std::ops::Range<usize> {
        let first = self.answers.number;
        first..first + self.answers.parts.len()
    }

    /// How many lack what they were asked for.
    #[cfg(test)]
    pub(super) fn lacking(&self) -> usize {
        self.answers.lacking.len()
    }

    /// The headers of the first `count` answers; what is left follows them. None left: all of it.
    pub(crate) fn first(&mut self, count: usize) -> Option<Self> {
        let answers = &mut self.answers;
        if answers.parts.len() <= count {
            return None;
        }
        let left = answers.parts.split_off(count);
        let parts = std::mem::replace(&mut answers.parts, left);
        let headers: usize = parts.iter().map(Vec::len).sum();
        let end = parts.last().and_then(|part| part.last())?;
        let (from, wanted) = (BlockId::of(end), headers as u64);
        let first = Answers {
            number: answers.number,
            parts,
            lacking: std::mem::take(&mut answers.lacking),
        };
        answers.number += count;
        self.wanted = self.wanted.saturating_sub(wanted);
        Some(Self {
            claimants: self.claimants.clone(),
            from: std::mem::replace(&mut self.from, from),
            wanted,
            answers: first,
        })
    }

    /// The block that the last one should be, if all came and `skeleton` knows: whoever lacks some is not to be asked for more before that
    /// is noted.
    pub(crate) fn end(&self, skeleton: &Skeleton<B>) -> Option<BlockId<B>> {
        let end = self.from.height().saturating_add(self.wanted);
        let end = skeleton.knows(&self.claimants.first, end);
        end.filter(|_| self.answers.lacking.is_empty())
    }
}

/// Fetches at most `most` headers above `from`, which is part of the chain that all of `claimants` claim.
/// All of them are asked for at once, so that the way to a peer is gone once, however many they are; where `skeleton` does not
/// reach it is only one answer's, while the peer says the hashes that reach further.
pub(crate) async fn fetch<B: BlockT>(
    context: &SyncContext<B>,
    claimants: &Claimants<B>,
    from: BlockId<B>,
    most: u64,
    skeleton: &mut Skeleton<B>,
) -> Result<Fetched<B>, LocalFault> {
    let (tip, each) = (claimants.tip, headers_each(context));
    let wanted = tip.height().saturating_sub(from.height()).min(most);
    let next = from.height().saturating_add(each);
    let is_dark = wanted > each && skeleton.knows(&claimants.first, next).is_none();
    let wanted = if is_dark { each } else { wanted };
    let requests = skeleton.requests(&claimants.first, from, wanted, each);
    let answers = answers(context, claimants, &requests);
    let answers = if is_dark {
        // The first headers need no hash that is not known: they come while the hashes do.
        let (peer, within) = (&claimants.first, claimants.within);
        let reach = (from.height(), tip.height());
        let learn = skeleton.learn(context, peer, reach, within);
        let (learnt, answers) = join(learn, answers).await;
        let mut answers = answers?;
        if let Err(error) = learnt {
            tracing::debug!(%peer, %tip, %error, "no hashes of a claimed chain");
            answers.lacking.insert(peer.clone());
        }
        answers
    } else {
        answers.await?
    };
    Ok(Fetched {
        claimants: claimants.clone(),
        from,
        wanted,
        answers,
    })
}

/// Verifies what was fetched above the header of `above`.
pub(crate) async fn check<B: BlockT>(
    context: &SyncContext<B>,
    above: &Above<B>,
    fetched: Fetched<B>,
) -> Result<Further<B>, LocalFault> {
    let Fetched {
        claimants,
        mut answers,
        ..
    } = fetched;
    let headers = verified(context, &claimants, above, &mut answers).await?;
    Ok(Further {
        headers,
        lacking: answers.lacking,
    })
}

/// How many headers one request asks for.
fn headers_each<B: BlockT>(context: &SyncContext<B>) -> u64 {
    u64::from(context.settings.limits.headers_per_request).max(1)
}

/// What came of requests for headers that follow each other.
#[derive(Debug)]
pub(super) struct Answers<B: BlockT> {
    /// The number of the request that the first one is for.
    pub(super) number: usize,
    /// From the front those that are whole, and what there is of the first that is not.
    pub(super) parts: Vec<Vec<B::Header>>,
    /// Who did not send what it was asked for.
    pub(super) lacking: BTreeSet<PeerId>,
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
    Ok(Answers {
        number: 0,
        parts,
        lacking,
    })
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
        let at = answers.number + at;
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
