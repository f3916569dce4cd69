use super::range::RangeBody;
use crate::{
    block_id::BlockId,
    ports::{BridgeError, ProofBudget, Protocol, ReadChain},
    settings::SyncSettings,
    wire::{
        Activity, Attestation, DecodeError, RangeReply, RangeRequest, RefusedReason, Roles,
        Standing, StateReply, Status, StatusReply, StatusRequest, WireLimits, busy_reply,
    },
};
use codec::Encode;
use sp_runtime::traits::{Block as BlockT, Header as HeaderT, NumberFor, Zero};
use std::time::Duration;

/// After how long a peer may ask again when our store failed.
const RETRY_AFTER_FAULT: Duration = Duration::from_secs(2);

/// After how long a peer may ask again when our best chain kept switching while we read it.
const RETRY_AFTER_SWITCH: Duration = Duration::from_millis(200);

/// How often hashes are read again when the best chain switched in between.
const READ_ATTEMPTS: usize = 3;

/// Turns request bodies into reply bodies. Stateless; calls read the store, so they belong on the executor.
/// Announcements are not asked of the chain and are answered by the orchestrator.
#[derive(Clone, Debug)]
pub struct Server {
    roles: Roles,
    accepts: WireLimits,
    status_hashes: usize,
    headers_per_request: u32,
    blocks_per_request: u32,
    reply_soft_bytes: usize,
    reply_hard_bytes: usize,
    state_nodes: usize,
}

/// What a node tells of itself beside its chain.
#[derive(Clone, Debug)]
pub struct Told<B: BlockT> {
    /// What it is doing.
    pub activity: Activity,
    /// The newest attestation that it holds of each authority.
    pub attestations: Vec<Attestation<B>>,
}

impl<B: BlockT> Told<B> {
    /// Of a node that holds no attestations.
    pub fn doing(activity: Activity) -> Self {
        Self {
            activity,
            attestations: Vec::new(),
        }
    }
}

impl Server {
    /// A server of a node with `roles` that keeps to `[sync.limits]`.
    pub fn new(settings: &SyncSettings, roles: Roles) -> Self {
        let limits = &settings.limits;
        Self {
            roles,
            accepts: WireLimits::new(settings),
            status_hashes: limits.status_hashes,
            headers_per_request: limits.headers_per_request,
            blocks_per_request: limits.blocks_per_request,
            reply_soft_bytes: limits.reply_soft_bytes,
            reply_hard_bytes: limits.reply_hard_bytes,
            state_nodes: limits.state_nodes_per_request,
        }
    }

    /// What this node tells its peers to be.
    pub fn roles(&self) -> Roles {
        self.roles
    }

    /// Answers a request on `sync/status/1`.
    pub fn status<B: BlockT>(
        &self,
        chain: &dyn ReadChain<B>,
        told: Told<B>,
        body: &[u8],
    ) -> Vec<u8> {
        let reply = match self.accepts.decode_status_request::<B>(body) {
            Ok(StatusRequest::Status) => self.describe(chain, told),
            Ok(StatusRequest::Hashes(numbers)) => hashes_at(chain, &numbers),
            Err(error) => Ok(StatusReply::Refused(refusal(&error))),
        };
        reply.map_or_else(
            |fault| busy_after_fault(Protocol::Status, &fault),
            |reply| reply.encode(),
        )
    }

    /// Answers a request on `sync/headers/1`.
    pub fn headers<B: BlockT>(&self, chain: &dyn ReadChain<B>, body: &[u8]) -> Vec<u8> {
        let limit = self.headers_per_request;
        self.range(chain, Protocol::Headers, body, |request| {
            self.walk(chain, request, limit, |_, header| Ok(Some(header.encode())))
        })
    }

    /// Answers a request on `sync/blocks/1`.
    pub fn blocks<B: BlockT>(&self, chain: &dyn ReadChain<B>, body: &[u8]) -> Vec<u8> {
        let limit = self.blocks_per_request;
        self.range(chain, Protocol::Blocks, body, |request| {
            self.walk(chain, request, limit, |hash, header| {
                let block = chain.block_with(hash, header)?;
                Ok(block.map(|block| block.encode()))
            })
        })
    }

    /// Answers a request on `sync/state/1`. A state that is not kept, or a chain that gives none away, is `NotFound`.
    pub fn state<B: BlockT>(&self, chain: &dyn ReadChain<B>, body: &[u8]) -> Vec<u8> {
        let request = match self.accepts.decode_state_request::<B>(body) {
            Ok(request) => request,
            Err(error) => return refused::<B>(refusal(&error)),
        };
        let budget = ProofBudget {
            soft: self.reply_soft_bytes,
            hard: self.reply_hard_bytes,
            nodes: self.state_nodes,
        };
        let after = request.after.as_deref();
        let proof = chain
            .states()
            .map(|states| states.prove_state(request.block, after, budget))
            .transpose();
        match proof {
            Ok(Some(Some(proof))) => StateReply::<B>::Items(proof.0).encode(),
            Ok(_) => not_found(chain),
            Err(fault) => busy_after_fault(Protocol::State, &fault),
        }
    }

    fn range<B: BlockT>(
        &self,
        chain: &dyn ReadChain<B>,
        protocol: Protocol,
        body: &[u8],
        read: impl FnOnce(&RangeRequest<B>) -> Result<RangeBody, BridgeError>,
    ) -> Vec<u8> {
        let request = match self.accepts.decode_range_request::<B>(body) {
            Ok(request) => request,
            Err(error) => return refused::<B>(refusal(&error)),
        };
        if request.count == 0 || request.start.is_zero() {
            return refused::<B>(RefusedReason::EmptyRange);
        }
        match read(&request) {
            Ok(found) if found.is_empty() => not_found(chain),
            Ok(found) => found.into_reply(),
            Err(fault) => busy_after_fault(protocol, &fault),
        }
    }

    /// Walks up the best chain from the requested start. Each item must name the one before as its parent, so that a
    /// switch of the best chain in the middle ends the walk and never mixes two branches.
    fn walk<B: BlockT>(
        &self,
        chain: &dyn ReadChain<B>,
        request: &RangeRequest<B>,
        limit: u32,
        read: impl Fn(B::Hash, B::Header) -> Result<Option<Vec<u8>>, BridgeError>,
    ) -> Result<RangeBody, BridgeError> {
        let mut found = RangeBody::new(self.reply_soft_bytes, self.reply_hard_bytes);
        let mut parent = request.parent;
        for (hash, header) in chain.headers_from(request.start, request.count.min(limit))? {
            if *header.parent_hash() != parent {
                break;
            }
            let Some(bytes) = read(hash, header)? else {
                break;
            };
            if found.push(&bytes).is_err() {
                break;
            }
            parent = hash;
        }
        Ok(found)
    }

    fn describe<B: BlockT>(
        &self,
        chain: &dyn ReadChain<B>,
        told: Told<B>,
    ) -> Result<StatusReply<B>, BridgeError> {
        let best = chain.best();
        Ok(StatusReply::Status(Box::new(Status {
            genesis: chain.genesis_hash(),
            roles: self.roles,
            standing: Standing {
                best,
                finalized: chain.finalized(),
                lowest: chain.lowest_served(),
                below: hashes_below(chain, best, self.status_hashes)?,
                activity: told.activity,
            },
            attestations: told.attestations,
        })))
    }
}

/// The hashes below `tip`, highest first. Follows the parents, so a switch of the best chain cannot mix branches.
fn hashes_below<B: BlockT>(
    chain: &dyn ReadChain<B>,
    tip: BlockId<B>,
    count: usize,
) -> Result<Vec<B::Hash>, BridgeError> {
    let mut below = Vec::new();
    let mut hash = tip.hash;
    while below.len() < count {
        match chain.header(hash)? {
            Some(header) if !header.number().is_zero() => hash = *header.parent_hash(),
            _ => break,
        }
        below.push(hash);
    }
    Ok(below)
}

/// The best chain's hashes at `numbers`, all of one and the same chain.
fn hashes_at<B: BlockT>(
    chain: &dyn ReadChain<B>,
    numbers: &[NumberFor<B>],
) -> Result<StatusReply<B>, BridgeError> {
    for _ in 0..READ_ATTEMPTS {
        let tip = chain.best();
        let hashes = numbers
            .iter()
            .map(|number| {
                if *number > tip.number {
                    Ok(None)
                } else {
                    chain.canonical_hash(*number)
                }
            })
            .collect::<Result<Vec<_>, _>>()?;
        // As long as this tip is on the best chain, nothing below it has switched.
        if chain.canonical_hash(tip.number)? == Some(tip.hash) {
            return Ok(StatusReply::Hashes(hashes));
        }
    }
    Ok(StatusReply::Busy {
        retry_after_ms: u32::try_from(RETRY_AFTER_SWITCH.as_millis()).unwrap_or(u32::MAX),
    })
}

fn refusal(error: &DecodeError) -> RefusedReason {
    match error {
        DecodeError::TooMany { .. } => RefusedReason::TooMany,
        DecodeError::TooLong { .. }
        | DecodeError::Malformed(_)
        | DecodeError::TrailingBytes { .. }
        | DecodeError::Empty { .. } => RefusedReason::Undecodable,
    }
}

fn not_found<B: BlockT>(chain: &dyn ReadChain<B>) -> Vec<u8> {
    RangeReply::<(), NumberFor<B>>::NotFound {
        lowest: chain.lowest_served(),
        best: chain.best().number,
    }
    .encode()
}

fn refused<B: BlockT>(reason: RefusedReason) -> Vec<u8> {
    RangeReply::<(), NumberFor<B>>::Refused(reason).encode()
}

fn busy_after_fault(protocol: Protocol, fault: &BridgeError) -> Vec<u8> {
    tracing::warn!(
        protocol = protocol.suffix(),
        error = %fault,
        "A peer was told to come back later, as our block store failed"
    );
    busy_reply(protocol, RETRY_AFTER_FAULT)
}
