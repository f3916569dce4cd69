use super::{AuthorError, Chain, KeyUsedElsewhere, SlotLost, Slots, foreign};
use crate::{
    pool::{Deadline, LeftOut, Pool},
    runtime::Block,
};
use runtime_bridge::signing::Signed;
use sp_consensus_aura::Slot;
use sp_core::{Pair, sr25519};
use std::{cell::Cell, sync::Arc};
use sync_component::{
    BlockId, NetworkSyncManager,
    orchestrator::Clearance,
    ports::{Clock, Executor, ImportError, ReadChain, VerifyHeaders, heavy},
    status::Duty,
};

/// The share of a slot in which extrinsics are put into a block. Too low: blocks stay emptier than they could be; too high:
/// they come too late for the next author.
const BUILDING_SHARE: f64 = 0.25;

/// Authors blocks with our keys while it runs.
#[derive(Clone)]
pub struct Author {
    /// The gate.
    pub manager: Arc<NetworkSyncManager<Block>>,
    /// The chain.
    pub chain: Arc<Chain>,
    /// What goes into its blocks.
    pub pool: Arc<Pool>,
    /// What was sealed before; the only way to a seal.
    pub signed: Arc<Signed>,
    /// Our keys.
    pub keys: Arc<[sr25519::Pair]>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Where building and importing are done.
    pub executor: Arc<dyn Executor>,
}

impl std::fmt::Debug for Author {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Never the keys.
        f.debug_struct("Author").finish_non_exhaustive()
    }
}

impl Author {
    /// Authors until a block appears that somebody else sealed with a key of ours.
    pub async fn run(self) -> KeyUsedElsewhere {
        let watch = foreign::watch(
            Arc::clone(&self.chain),
            Arc::clone(&self.signed),
            self.keys.iter().map(Pair::public).collect(),
            Arc::clone(&self.executor),
        );
        tokio::select! {
            evidence = watch => evidence,
            never = self.slots() => match never {},
        }
    }

    async fn slots(&self) -> std::convert::Infallible {
        let slots = Slots::new(self.chain.slot_duration());
        let mut last = slots.at(self.clock.wall()).slot;
        loop {
            let left = slots.at(self.clock.wall()).left;
            self.clock.sleep(left).await;
            let moment = slots.at(self.clock.wall());
            // One wake too many. A clock that was set back shows slots a second time: which of them may be sealed, `signed`
            // knows; one that was ahead for a moment must not cost the slots between.
            if moment.slot == last {
                continue;
            }
            last = moment.slot;
            if slots.is_late(moment) {
                tracing::debug!(slot = *moment.slot, "woke up too late for this slot");
                continue;
            }
            let made = self.author(moment.slot).await;
            self.tell(moment.slot, &made);
        }
    }

    /// Says what became of a slot: in the log, and beside the status.
    pub(super) fn tell(&self, slot: Slot, made: &Result<Option<BlockId<Block>>, AuthorError>) {
        match made {
            Ok(Some(_)) => self.manager.signed(Duty::Block),
            // Not ours, or let go: nothing was tried.
            Ok(None) => {}
            Err(error) => {
                report(slot, error);
                if error.slot_lost() == SlotLost::ToAFault {
                    self.manager.not_signed(Duty::Block, error.to_string());
                }
            }
        }
    }

    /// Authors the block of `slot` if it is ours and the gate clears it; says which block that was.
    pub(super) async fn author(&self, slot: Slot) -> Result<Option<BlockId<Block>>, AuthorError> {
        if self.key_for(self.chain.best(), slot)?.is_none() {
            return Ok(None);
        }
        let gate = self.manager.sync_before_production().await;
        let Clearance::Cleared { on, .. } = gate.map_err(AuthorError::Gate)? else {
            // The informant logs the reason.
            return Ok(None);
        };
        // While the gate asked, the chain may have moved on to other authorities, or to a block of this very slot.
        let Some(key) = self.key_for(on, slot)? else {
            return Ok(None);
        };
        if self.slot_of(on)?.is_some_and(|parent| parent >= slot) {
            tracing::debug!(slot = *slot, %on, "the block to build on is not older than our slot");
            return Ok(None);
        }
        let job = self.clone();
        let made = heavy(self.executor.as_ref(), move || job.make(&key, on, slot)).await;
        made?.map(Some)
    }

    /// Builds, seals and imports. Blocks its thread.
    pub(super) fn make(
        &self,
        key: &sr25519::Pair,
        on: BlockId<Block>,
        slot: Slot,
    ) -> Result<BlockId<Block>, AuthorError> {
        let slots = Slots::new(self.chain.slot_duration());
        let begun = self.clock.now();
        // What is built has to be executed again at import, and by everybody else, before the slot is over.
        let enough = slots.length_of(1).mul_f64(BUILDING_SHARE);
        let deadline = Cell::new(Deadline::Ahead);
        let there_is_time = || {
            let is_over = self.clock.now().since(begun) >= enough;
            if is_over {
                deadline.set(Deadline::Over);
            }
            !is_over
        };
        let offered = self.pool.ready();
        let unsealed = self
            .chain
            .build_while(on, slot, offered.clone(), there_is_time)?;
        let left_out = LeftOut::of(on, &offered, &unsealed);
        self.pool.proposed(&unsealed, offered.len(), deadline.get());
        if slots.at(self.clock.wall()).slot != slot {
            return Err(AuthorError::SlotOver { slot });
        }
        self.key_is_ours_alone()?;
        let signature = self
            .signed
            .seal(key, slot, unsealed.pre_hash().as_bytes())?;
        let block = unsealed.seal(signature);
        let id = BlockId::<Block>::of(&block.header);
        // Every seal that leaves here is in the log, with what it takes to hold two of one slot against us.
        tracing::info!(
            "🎁 Sealed #{} for slot {} ({:?})",
            id.number,
            *slot,
            id.hash
        );
        self.key_is_ours_alone()?;
        self.chain.import_own(block, on)?;
        // Only now is there time for it.
        if let Some(left_out) = left_out
            && let Err(error) = self.pool.left_out(&left_out)
        {
            tracing::error!(%error, "the transaction pool could not look at what the runtime refused");
        }
        Ok(id)
    }

    /// An error if a key of ours was seen in use elsewhere: maybe for this very slot, and after the gate answered.
    fn key_is_ours_alone(&self) -> Result<(), AuthorError> {
        match self.manager.height_sync().foreign_seal() {
            Some(block) => Err(AuthorError::KeyUsedElsewhere { block }),
            None => Ok(()),
        }
    }

    /// Our key, if the slot after `parent` is ours.
    fn key_for(
        &self,
        parent: BlockId<Block>,
        slot: Slot,
    ) -> Result<Option<sr25519::Pair>, AuthorError> {
        let authorities = self.chain.authorities_at(parent.hash)?;
        let author = foreign::author_of(&authorities, slot);
        let ours = |key: &&sr25519::Pair| author == Some(key.public());
        Ok(self.keys.iter().find(ours).cloned())
    }

    /// The slot of a stored block; genesis has none.
    fn slot_of(&self, block: BlockId<Block>) -> Result<Option<Slot>, AuthorError> {
        if block.height() == 0 {
            return Ok(None);
        }
        let Some(header) = self.chain.header(block.hash)? else {
            return Ok(None);
        };
        Ok(Some(self.chain.slot_of(&header)?))
    }
}

fn report(slot: Slot, error: &AuthorError) {
    match error {
        AuthorError::Import(ImportError::ClearanceLost { .. }) => {
            tracing::info!(slot = *slot, "{error}");
        }
        AuthorError::SlotOver { .. } => tracing::warn!("{error}"),
        _ => tracing::error!(slot = *slot, "no block for our slot: {error}"),
    }
}
