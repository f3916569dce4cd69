use super::{
    Candidate, Coming, Demand, Limits, Origin, Place, PoolObserver, PoolRules, ProposalEnd, Queue,
    Refusal, Standing, Unobserved,
};
use crate::{
    authoring::Chain,
    runtime::{Block, Extrinsic},
};
use codec::Encode;
use runtime_bridge::{
    Unsealed,
    execute::{BlockContext, Runtime},
    verify::{SignatureCheck, check_signatures},
};
use sp_core::{Blake2Hasher, H256, Hasher, sr25519};
use sp_runtime::traits::{Block as _, Header as _};
use std::{
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use sync_component::{
    BlockId,
    ports::{BridgeError, Clock, ReadChain, VerifyHeaders},
};
use tokio::sync::{Notify, broadcast::error::RecvError};

/// How often it is looked whether the best chain moves on beneath a reader before its answer is taken as it is. More than
/// one change within a millisecond does not happen outside of catching up, where nothing is authored.
const READINGS: u32 = 3;

/// Through how many new blocks it is looked which accounts they touched; beyond, all accounts are looked at, which then costs
/// less.
const BLOCKS_READ: usize = 32;

/// How often the pool looks after its content if the chain tells nothing, and when it tries again after a fault.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// For how long an extrinsic stays out that the runtime refused. Too low: peers bring it again and again; too high: it is not
/// taken although it applies by now. Substrate's.
const REFUSED_FOR: Duration = Duration::from_mins(30);

/// A block whose state is asked for is not stored.
#[derive(Debug, thiserror::Error)]
#[error("block {0} is not in the store")]
struct NoState(BlockId<Block>);

/// The pool over the chain.
#[derive(Debug)]
pub struct Pool {
    chain: Arc<Chain>,
    clock: Arc<dyn Clock>,
    queue: Mutex<Queue>,
    /// The best block up to which the queue has followed the chain.
    seen: Mutex<BlockId<Block>>,
    changed: Notify,
    observer: Arc<dyn PoolObserver>,
}

impl Pool {
    /// An empty pool for `chain`.
    pub fn new(chain: Arc<Chain>, clock: Arc<dyn Clock>, limits: Limits) -> Self {
        Self {
            seen: Mutex::new(chain.best()),
            chain,
            clock,
            queue: Mutex::new(Queue::new(limits)),
            changed: Notify::new(),
            observer: Arc::new(Unobserved),
        }
    }

    /// The same; `observer` is told what becomes of extrinsics.
    #[must_use]
    pub fn observed_by(self, observer: Arc<dyn PoolObserver>) -> Self {
        Self { observer, ..self }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Checks `extrinsic` and takes it in; answers its hash. Blocks its thread.
    pub fn submit(&self, extrinsic: Extrinsic, origin: Origin) -> Result<H256, Refusal> {
        self.observer.submitted();
        self.check_and_take(extrinsic, origin, Coming::New)
    }

    /// Takes in again what was here before. Blocks its thread.
    pub fn put_back(&self, extrinsic: Extrinsic, origin: Origin) -> Result<H256, Refusal> {
        self.check_and_take(extrinsic, origin, Coming::Back)
    }

    fn check_and_take(
        &self,
        extrinsic: Extrinsic,
        origin: Origin,
        coming: Coming,
    ) -> Result<H256, Refusal> {
        let encoded = extrinsic.encode();
        let hash = Blake2Hasher::hash(&encoded);
        // Before the signature, which costs most: peers send the same ones.
        if self.queue().meets(&hash, &origin) {
            return Err(Refusal::Known);
        }
        let rules = self.chain.runtime();
        let demand = rules.demand(&extrinsic).ok_or(Refusal::NotSigned)?;
        let standing = self.standing(&demand.sender)?;
        if demand.nonce < standing.nonce {
            return Err(Refusal::Stale {
                nonce: demand.nonce,
                next: standing.nonce,
            });
        }
        self.check_signature(&extrinsic)?;
        let candidate = Candidate {
            hash,
            bytes: encoded.len(),
            extrinsic,
            demand,
            origin,
            coming,
            at: self.clock.now(),
        };
        self.take_in(&candidate)?;
        Ok(hash)
    }

    fn take_in(&self, candidate: &Candidate) -> Result<Place, Refusal> {
        let Demand { sender, .. } = candidate.demand;
        let mut place = None;
        for _ in 0..READINGS {
            let best = self.chain.best();
            let standing = self.standing(&sender)?;
            let mut queue = self.queue();
            if place.is_none() {
                place = Some(queue.insert(candidate.clone(), standing)?);
            } else {
                queue.set_standing(&sender, standing);
            }
            drop(queue);
            // The best chain may have moved on before the pool held anything of this sender to look after.
            if self.chain.best() == best {
                break;
            }
        }
        self.changed.notify_waiters();
        Ok(place.unwrap_or(Place::Waiting))
    }

    fn check_signature(&self, extrinsic: &Extrinsic) -> Result<(), Refusal> {
        let context = BlockContext::<Block> {
            number: self.chain.best().number,
            genesis: self.chain.genesis_hash(),
            // A signature holds in every slot.
            slot: 0.into(),
            slot_duration: self.chain.slot_duration(),
        };
        let payload = self.chain.runtime().signature(extrinsic, &context);
        let check = SignatureCheck::from(payload.ok_or(Refusal::NotSigned)?);
        check_signatures(&[check]).map_err(|_| Refusal::BadSignature)
    }

    /// How `account` stands on the best chain.
    pub fn standing(&self, account: &sr25519::Public) -> Result<Standing, BridgeError> {
        self.standing_at(self.chain.best(), account)
    }

    fn standing_at(
        &self,
        block: BlockId<Block>,
        account: &sr25519::Public,
    ) -> Result<Standing, BridgeError> {
        let standing = self.chain.reading_state(block.hash, |state| {
            self.chain.runtime().standing(state, account)
        })?;
        standing.ok_or_else(|| BridgeError::new(NoState(block)))
    }

    /// The nonce that the next extrinsic of `account` should have, after what waits in the pool.
    pub fn next_nonce(&self, account: &sr25519::Public) -> Result<u64, BridgeError> {
        let standing = self.standing(account)?;
        Ok(self.queue().next_nonce(account, standing.nonce))
    }

    /// What may go into the next block, in the order in which it should.
    pub fn ready(&self) -> Vec<Extrinsic> {
        self.queue().ready()
    }

    /// How many may go into the next block.
    pub fn ready_count(&self) -> usize {
        self.queue().ready_count()
    }

    /// `made` is a block of ours on a state of which `offered` extrinsics were ready, all of which were looked at until
    /// `deadline` came.
    pub fn proposed(&self, made: &Unsealed<Block>, offered: usize, deadline: Deadline) {
        let rules = self.chain.runtime();
        // Inherents ask nothing of anybody.
        let signed = made.extrinsics().iter();
        let taken = signed.filter(|one| rules.demand(one).is_some()).count();
        let end = match deadline {
            Deadline::Over => ProposalEnd::HitDeadline,
            // What is neither taken nor refused did not fit.
            Deadline::Ahead if taken + made.skipped().len() < offered => {
                ProposalEnd::HitBlockSizeLimit
            }
            Deadline::Ahead => ProposalEnd::NoMoreTransactions,
        };
        self.observer.proposed(taken, end);
    }

    /// All extrinsics, the oldest first.
    pub fn all(&self) -> Vec<Extrinsic> {
        let queue = self.queue();
        let all = queue.all().map(|entry| entry.candidate.extrinsic.clone());
        all.collect()
    }

    /// Takes everything out, the oldest first, and lets nothing in any more: whatever was said to be in the pool is in what
    /// this returns.
    pub fn close(&self) -> Vec<(Extrinsic, Origin)> {
        self.queue().close()
    }

    /// How many extrinsics it holds, and their bytes.
    pub fn size(&self) -> (usize, usize) {
        let queue = self.queue();
        (queue.len(), queue.bytes())
    }

    /// Looks into the queue.
    pub(super) fn reading<T>(&self, read: impl FnOnce(&Queue) -> T) -> T {
        read(&self.queue())
    }

    /// Returns after the next extrinsic has come in.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Keeps the pool up to date with the best chain; never returns.
    pub async fn maintain(self: Arc<Self>) {
        let mut events = self.chain.events();
        loop {
            let pool = Arc::clone(&self);
            // A panic in it is logged by the runtime.
            if let Ok(Err(error)) = tokio::task::spawn_blocking(move || pool.follow()).await {
                tracing::error!(%error, "the transaction pool could not follow the chain; it tries again");
            }
            tokio::select! {
                // An event only says that there is something to see, so that a missed one costs nothing.
                event = events.recv() => if matches!(event, Err(RecvError::Closed)) {
                    // The chain is gone, and this with it in a moment.
                    return std::future::pending().await;
                },
                () = self.clock.sleep(LOOK_EVERY) => {}
            }
        }
    }

    /// Goes on from the best block that was last seen to the present one: looks at the accounts that may have changed, takes
    /// back what left the best chain, and drops what was not ready for too long. After an error the next call does all of it
    /// again. Blocks its thread.
    pub(super) fn follow(&self) -> Result<(), BridgeError> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let (from, to) = (*seen, self.chain.best());
        if from != to {
            let touched = self.touched_between(from, to)?;
            let senders = self.queue().senders();
            for sender in &senders {
                if touched
                    .as_ref()
                    .is_none_or(|touched| touched.contains(sender))
                {
                    let standing = self.standing(sender)?;
                    self.queue().set_standing(sender, standing);
                }
            }
            self.take_back(from)?;
            *seen = to;
        }
        drop(seen);
        let dropped = self.queue().drop_unready(self.clock.now());
        if dropped > 0 {
            tracing::debug!(
                dropped,
                "extrinsics that were not ready for too long were dropped"
            );
        }
        Ok(())
    }

    /// The accounts that the blocks above `from` up to `to` may have changed; `None` if they are many, or do not build on it.
    fn touched_between(
        &self,
        from: BlockId<Block>,
        to: BlockId<Block>,
    ) -> Result<Option<BTreeSet<sr25519::Public>>, BridgeError> {
        let mut touched = BTreeSet::new();
        let mut at = to.hash;
        for _ in 0..BLOCKS_READ {
            let Some(block) = self.chain.block(at)? else {
                return Ok(None);
            };
            let rules = self.chain.runtime();
            touched.extend(block.extrinsics().iter().flat_map(|one| rules.touched(one)));
            at = *block.header().parent_hash();
            if at == from.hash {
                return Ok(Some(touched));
            }
        }
        Ok(None)
    }

    /// The extrinsics of the blocks from `tip` down that are not in the best chain any more, the oldest first, as far as their
    /// nonces are not used up.
    fn take_back(&self, tip: BlockId<Block>) -> Result<(), BridgeError> {
        let mut blocks = Vec::new();
        let mut at = tip;
        while self.chain.canonical_hash(at.number)? != Some(at.hash) {
            let Some(block) = self.chain.block(at.hash)? else {
                break;
            };
            at = BlockId::new(at.number.saturating_sub(1), *block.header().parent_hash());
            blocks.push(block);
        }
        let mut back: usize = 0;
        for block in blocks.into_iter().rev() {
            let (_, extrinsics) = block.deconstruct();
            for extrinsic in extrinsics {
                // Inherents, and what the other branch holds as well, stay out.
                match self.put_back(extrinsic, Origin::Block) {
                    Ok(_) => back += 1,
                    Err(Refusal::Local(error)) => return Err(error),
                    Err(_) => {}
                }
            }
        }
        if back > 0 {
            tracing::info!(back, "extrinsics of blocks that left the chain wait again");
        }
        Ok(())
    }

    /// What the runtime did not take into a block of ours: an extrinsic whose turn it was and whose sender could pay is refused
    /// for a reason that the pool knows nothing of, and goes. Blocks its thread.
    pub fn left_out(&self, made: &LeftOut) -> Result<(), BridgeError> {
        let rules = self.chain.runtime();
        let mut ends = BTreeMap::new();
        for (extrinsic, reason) in &made.skipped {
            let Some(demand) = rules.demand(extrinsic) else {
                continue;
            };
            let (next, left) = match ends.entry(demand.sender) {
                Entry::Occupied(end) => *end.get(),
                Entry::Vacant(free) => *free.insert(self.end_of(&demand.sender, made)?),
            };
            if demand.nonce != next || demand.cost > left {
                continue;
            }
            let hash = Blake2Hasher::hash(&extrinsic.encode());
            let until = self.clock.now().plus(REFUSED_FOR);
            if self.queue().refuse(&hash, until) {
                self.observer.found_invalid();
                tracing::warn!(
                    ?hash,
                    reason,
                    "the runtime refuses an extrinsic; it is dropped"
                );
            }
        }
        Ok(())
    }

    /// The next nonce of `sender` and what it has left, at the end of that block. What others paid it there is left out.
    fn end_of(&self, sender: &sr25519::Public, made: &LeftOut) -> Result<(u64, u128), BridgeError> {
        let rules = self.chain.runtime();
        let Standing { nonce, balance, .. } = self.standing_at(made.parent, sender)?;
        let demands = made.taken.iter().filter_map(|one| rules.demand(one));
        let own = demands.filter(|demand| demand.sender == *sender);
        Ok(own.fold((nonce, balance), |(next, left), demand| {
            (next.saturating_add(1), left.saturating_sub(demand.cost))
        }))
    }
}

/// Whether the time for a block was over before all that was ready had been looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deadline {
    /// There was time left.
    Ahead,
    /// It was over.
    Over,
}

/// What a block of ours was made of, and what the runtime did not take into it.
#[derive(Debug)]
pub struct LeftOut {
    parent: BlockId<Block>,
    taken: Vec<Extrinsic>,
    /// Each with the reason.
    skipped: Vec<(Extrinsic, String)>,
}

impl LeftOut {
    /// Of `unsealed`, a block on `parent` made of `offered`; `None` if the runtime took all that it looked at.
    pub fn of(
        parent: BlockId<Block>,
        offered: &[Extrinsic],
        unsealed: &Unsealed<Block>,
    ) -> Option<Self> {
        let skipped = unsealed.skipped().iter().filter_map(|(position, error)| {
            Some((offered.get(*position)?.clone(), error.to_string()))
        });
        let skipped: Vec<_> = skipped.collect();
        (!skipped.is_empty()).then(|| Self {
            parent,
            taken: unsealed.extrinsics().to_vec(),
            skipped,
        })
    }
}
