use super::{Candidate, Demand, Limits, Origin, Place, PoolRules, Queue, Refusal, Standing};
use crate::{
    authoring::Chain,
    runtime::{Block, Extrinsic},
};
use codec::Encode;
use runtime_bridge::{
    execute::{BlockContext, Runtime},
    verify::{SignatureCheck, check_signatures},
};
use sp_core::{Blake2Hasher, H256, Hasher, sr25519};
use sp_runtime::traits::{Block as _, Header as _};
use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use sync_component::{
    BlockId,
    ports::{BridgeError, ChainEvent, Clock, MonoTime, ReadChain, Retracted, VerifyHeaders},
};
use tokio::sync::{Notify, broadcast::error::RecvError};

/// How often it is looked whether the best chain moves on beneath a reader before its answer is taken as it is. More than
/// one change within a millisecond does not happen outside of catching up, where nothing is authored.
const READINGS: u32 = 3;

/// The best block is not stored.
#[derive(Debug, thiserror::Error)]
#[error("the best block {0} is not in the store")]
struct NoState(BlockId<Block>);

/// The pool over the chain.
#[derive(Debug)]
pub struct Pool {
    chain: Arc<Chain>,
    clock: Arc<dyn Clock>,
    unready: Duration,
    queue: Mutex<Queue>,
    changed: Notify,
}

impl Pool {
    /// An empty pool for `chain`.
    pub fn new(chain: Arc<Chain>, clock: Arc<dyn Clock>, limits: Limits) -> Self {
        Self {
            chain,
            clock,
            unready: limits.unready,
            queue: Mutex::new(Queue::new(limits)),
            changed: Notify::new(),
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Checks `extrinsic` and takes it in; answers its hash. Blocks its thread.
    pub fn submit(&self, extrinsic: Extrinsic, origin: Origin) -> Result<H256, Refusal> {
        let encoded = extrinsic.encode();
        let hash = Blake2Hasher::hash(&encoded);
        // Before the signature, which costs most: peers send the same ones.
        if self.queue().contains(&hash) {
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
        let best = self.chain.best();
        let standing = self.chain.reading_state(best.hash, |state| {
            self.chain.runtime().standing(state, account)
        })?;
        standing.ok_or_else(|| BridgeError::new(NoState(best)))
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

    /// All extrinsics, the oldest first.
    pub fn all(&self) -> Vec<Extrinsic> {
        let queue = self.queue();
        let all = queue.all().map(|entry| entry.candidate.extrinsic.clone());
        all.collect()
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
        let mut seen = self.chain.best();
        loop {
            let news = match events.recv().await {
                Ok(event) => Some(event),
                // Some were missed: all accounts are looked at.
                Err(RecvError::Lagged(_)) => None,
                // The chain is gone, and this with it in a moment.
                Err(RecvError::Closed) => return std::future::pending().await,
            };
            let best = news
                .as_ref()
                .map_or_else(|| self.chain.best(), |event| event.best);
            let pool = Arc::clone(&self);
            let from = std::mem::replace(&mut seen, best);
            let work = move || pool.follow(from, news);
            // A panic in it is logged by the runtime.
            if let Ok(Err(error)) = tokio::task::spawn_blocking(work).await {
                tracing::error!(%error, "the transaction pool could not follow the chain");
            }
        }
    }

    /// The best chain went from `from` on to the block of `news`.
    pub(super) fn follow(
        &self,
        from: BlockId<Block>,
        news: Option<ChainEvent<Block>>,
    ) -> Result<(), BridgeError> {
        let next = news
            .as_ref()
            .filter(|event| *event.header.parent_hash() == from.hash);
        let touched = match next {
            Some(event) => self.touched_by(event.best.hash)?,
            None => None,
        };
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
        if let Some(retracted) = news.and_then(|event| event.retracted) {
            self.take_back(retracted)?;
        }
        let before = MonoTime(self.clock.now().0.saturating_sub(self.unready));
        let dropped = self.queue().drop_unready(before);
        if dropped > 0 {
            tracing::debug!(
                dropped,
                "extrinsics that were not ready for too long were dropped"
            );
        }
        Ok(())
    }

    /// The accounts that a block may have changed; `None` if its body is not there.
    fn touched_by(&self, block: H256) -> Result<Option<BTreeSet<sr25519::Public>>, BridgeError> {
        let Some(block) = self.chain.block(block)? else {
            return Ok(None);
        };
        let rules = self.chain.runtime();
        let extrinsics = block.extrinsics().iter();
        Ok(Some(
            extrinsics.flat_map(|one| rules.touched(one)).collect(),
        ))
    }

    /// The extrinsics of blocks that left the best chain, the oldest first, as far as they still apply.
    fn take_back(&self, retracted: Retracted<Block>) -> Result<(), BridgeError> {
        let mut blocks = Vec::new();
        let mut at = retracted.old_best.hash;
        while at != retracted.common_ancestor.hash {
            let Some(block) = self.chain.block(at)? else {
                break;
            };
            at = *block.header().parent_hash();
            blocks.push(block);
        }
        let mut back: usize = 0;
        for block in blocks.into_iter().rev() {
            let (_, extrinsics) = block.deconstruct();
            for extrinsic in extrinsics {
                // Inherents, and what the other branch holds as well, stay out.
                match self.submit(extrinsic, Origin::Block) {
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
}
