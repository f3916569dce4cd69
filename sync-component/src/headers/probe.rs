use super::{
    claims::Lack,
    tips::{Beyond, VerifiedTip},
};
use crate::{
    ancestor::{AncestorSearch, Comparison, FAN_OUT},
    block_id::{BlockId, number},
    context::SyncContext,
    error::{Blame, LocalFault},
    peers::{Offence, RangeAnswer, RequestError},
    ports::{BridgeError, HeaderFault, HeaderRejected, PeerId, heavy},
    wire::RangeRequest,
};
use sp_runtime::traits::{Block as BlockT, Header as HeaderT};
use std::{sync::Arc, time::Duration};

/// What a probe of a claimed tip brought.
#[derive(Debug)]
pub enum ProbeOutcome<B: BlockT> {
    /// Headers from a block of ours up to the claim, or as far as a window reaches.
    Verified(VerifiedTip<B>),
    /// Headers from a block of ours up to somewhere below the claim, and not for lack of a wider window.
    Partly {
        /// What holds.
        run: VerifiedTip<B>,
        /// Why the rest is missing.
        lack: Lack,
    },
    /// The claim is a block that we hold.
    Held,
    /// The headers are wrong, and the peer was charged where that is proven.
    Wrong,
}

/// Why a probe ended without an outcome. Nothing is concluded from it.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// The peer did not answer, or moved on to another chain meanwhile.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The peer answered that it does not have the range: it moved on.
    #[error("the peer no longer has the chain that it claimed")]
    Moved,
    /// The headers lie in the future, all of them.
    #[error("the claimed headers lie in the future")]
    FromFuture,
    /// A fault of ours.
    #[error(transparent)]
    Local(#[from] LocalFault),
}

impl From<BridgeError> for ProbeError {
    fn from(error: BridgeError) -> Self {
        Self::Local(error.into())
    }
}

/// Checks `peer`'s claim of `tip`: finds the common ancestor, then fetches and verifies at most `window` headers above
/// it. Bounded work: the searches' requests and one window of headers.
pub async fn probe<B: BlockT>(
    context: &SyncContext<B>,
    peer: &PeerId,
    tip: BlockId<B>,
    window: u64,
    within: Duration,
) -> Result<ProbeOutcome<B>, ProbeError> {
    let ancestor = find_ancestor(context, peer, &tip, within).await?;
    let above = tip.height().saturating_sub(ancestor.height());
    if above == 0 {
        return Ok(if ancestor == tip {
            ProbeOutcome::Held
        } else {
            ProbeOutcome::Wrong
        });
    }
    let wanted = above.min(window);
    let denied = context
        .bridge
        .canonical_hash(number::<B>(ancestor.height().saturating_add(1)))?;
    let Some(parent) = context.bridge.header(ancestor.hash)? else {
        return Err(ProbeError::Moved);
    };
    let (headers, refused) =
        verified_headers(context, peer, (ancestor, parent), denied, wanted, within).await?;
    if matches!(refused, Some(HeaderFault::FromFuture { .. })) && headers.is_empty() {
        return Err(ProbeError::FromFuture);
    }
    if let Some(fault) = &refused {
        if fault.blame() == Blame::Peer {
            context.peers.charge(peer, Offence::ProvablyWrong);
        }
        if fault.blame() == Blame::Peer || fault.rules_out_chain() {
            tracing::debug!(%peer, %tip, %fault, "the claimed chain is refused");
            return Ok(ProbeOutcome::Wrong);
        }
    }
    let reaches_the_window = headers.len() as u64 >= wanted;
    // What ends before the window does ends there, whatever is claimed above it.
    let beyond = if above > wanted && reaches_the_window {
        Beyond::Claimed
    } else {
        Beyond::Nothing
    };
    let Some(verified) = VerifiedTip::new(ancestor, ancestor, headers, beyond) else {
        return Err(ProbeError::Moved);
    };
    let reached = verified.tip();
    if !reaches_the_window {
        let lack = match refused {
            Some(HeaderFault::FromFuture { .. }) => Lack::Time,
            _ => Lack::Answer,
        };
        return Ok(ProbeOutcome::Partly {
            run: verified,
            lack,
        });
    }
    if reached.number == tip.number && reached != tip {
        // It reorganised between the claim and the headers; its next status names the new tip.
        return Err(ProbeError::Moved);
    }
    Ok(ProbeOutcome::Verified(verified))
}

/// Whether `peer` serves `end`, the header of a verified block, as part of its chain. That is as much as it would show by sending all
/// headers up to there once more; by naming the hash alone it would not show that it serves any.
pub(crate) async fn confirm<B: BlockT>(
    context: &SyncContext<B>,
    peer: &PeerId,
    end: &B::Header,
    within: Duration,
) -> Result<bool, ProbeError> {
    let request = RangeRequest {
        start: *end.number(),
        count: 1,
        parent: *end.parent_hash(),
    };
    let answer = context.peers.headers(peer, request, within).await?;
    Ok(answer
        .into_items()
        .is_some_and(|items| items == [end.clone()]))
}

/// The highest block of our best chain that the peer's chain holds.
async fn find_ancestor<B: BlockT>(
    context: &SyncContext<B>,
    peer: &PeerId,
    tip: &BlockId<B>,
    within: Duration,
) -> Result<BlockId<B>, ProbeError> {
    let bridge = &context.bridge;
    let ours = bridge.best();
    let mut search = AncestorSearch::new(0, ours.height().min(tip.height()));
    let most = FAN_OUT.min(context.settings.limits.hashes_per_request.into());
    while let Some(heights) = search.question(most) {
        let numbers = heights.iter().map(|height| number::<B>(*height)).collect();
        let theirs = context.peers.hashes(peer, numbers, within).await?;
        let mut comparisons = Vec::with_capacity(heights.len());
        for (height, their_hash) in heights.into_iter().zip(theirs) {
            let our_hash = bridge.canonical_hash(number::<B>(height))?;
            let same = our_hash.is_some() && our_hash == their_hash;
            comparisons.push((
                height,
                if same {
                    Comparison::Same
                } else {
                    Comparison::Differs
                },
            ));
        }
        search.answer(comparisons);
    }
    let number = number::<B>(search.common());
    // Our own chain may have switched meanwhile; then the next probe sees the new one.
    let hash = bridge.canonical_hash(number)?.ok_or(ProbeError::Moved)?;
    Ok(BlockId::new(number, hash))
}

/// At most `wanted` headers above `base` that hold, and what is wrong with the next one. Whoever serves the block `denied`, which it
/// had said not to have, is not worth checking. Each reply is verified before the
/// next is asked for, so that no more than one unverified reply is ever held.
async fn verified_headers<B: BlockT>(
    context: &SyncContext<B>,
    peer: &PeerId,
    (base, parent): (BlockId<B>, B::Header),
    denied: Option<B::Hash>,
    wanted: u64,
    within: Duration,
) -> Result<(Vec<B::Header>, Option<HeaderFault>), ProbeError> {
    let mut good: Vec<B::Header> = Vec::new();
    let mut last = parent;
    while let Some(left) = wanted
        .checked_sub(good.len() as u64)
        .filter(|left| *left > 0)
    {
        let below = BlockId::<B>::of(&last);
        let most = u64::from(context.settings.limits.headers_per_request);
        let request = RangeRequest {
            start: number::<B>(below.height().saturating_add(1)),
            count: u32::try_from(left.min(most)).expect("no more than a u32 setting"),
            parent: below.hash,
        };
        let items = match context.peers.headers(peer, request, within).await? {
            RangeAnswer::Items(items) => items,
            RangeAnswer::NotFound if good.is_empty() => return Err(ProbeError::Moved),
            RangeAnswer::NotFound => break,
            RangeAnswer::Busy(pause) => return Err(RequestError::Busy(pause).into()),
        };
        let first = items.first().map(HeaderT::hash);
        if good.is_empty() && first.is_some() && first == denied {
            // It had just said that its block there is another one. It may have moved on to our chain since.
            return Err(ProbeError::Moved);
        }
        let (items, fault) = verify(context, base, last.clone(), items).await?;
        good.extend(items);
        if fault.is_some() {
            return Ok((good, fault));
        }
        last = good
            .last()
            .expect("an answer holds at least one item")
            .clone();
    }
    Ok((good, None))
}

/// The good headers from the front, and what is wrong with the next one.
pub(super) async fn verify<B: BlockT>(
    context: &SyncContext<B>,
    base: BlockId<B>,
    parent: B::Header,
    mut headers: Vec<B::Header>,
) -> Result<(Vec<B::Header>, Option<HeaderFault>), LocalFault> {
    let bridge = Arc::clone(&context.bridge);
    let now = context.clock.wall();
    let job = move || {
        let result = bridge.verify_headers(base, &parent, &headers, now);
        match result {
            Ok(()) => Ok((headers, None)),
            Err(HeaderRejected::Faulty { index, fault }) => {
                headers.truncate(index);
                Ok((headers, Some(fault)))
            }
            Err(HeaderRejected::Local(error)) => Err(error),
        }
    };
    Ok(heavy(context.executor.as_ref(), job).await??)
}
