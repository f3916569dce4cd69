//! The ports for states and snapshots.

use super::{Place, RuntimeBridge};
use crate::{
    chain_block::ChainBlock,
    execute::{AuthoritySet, Runtime},
    import::Left,
    snapshot::{
        Building, Extent, SnapshotRecord, StateRecord, WalkEnd, is_whole, nodes_of, prove, verify,
    },
    store::{Base, Head, StoreError},
    verify::{HeaderCheck, check_body},
};
use sp_core::H256;
use sp_runtime::traits::{Header as HeaderT, NumberFor};
use std::{
    collections::BTreeMap,
    sync::{MutexGuard, PoisonError},
};
use sync_component::{
    BlockId,
    block_id::{height, number},
    ports::{
        BridgeError, BuildSnapshots, ChainEvent, FinishRefused, HeaderRejected, HeadersRefused,
        NoSnapshots, ProofBudget, ReadChain as _, Retracted, ServeStates, SnapshotStanding,
        StateProof, StateRefused, UnixMillis, VerifyHeaders as _,
    },
};

impl<B: ChainBlock, R: Runtime<B>> RuntimeBridge<B, R> {
    /// Which blocks are whole.
    pub(super) fn extent(&self) -> Extent {
        *self.extent.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn extends(&self, extent: Extent) {
        *self.extent.write().unwrap_or_else(PoisonError::into_inner) = extent;
    }

    fn building(&self) -> MutexGuard<'_, Building<B>> {
        self.building.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why nobody can build a snapshot here, if so.
    pub(super) fn no_snapshots(&self) -> Option<NoSnapshots> {
        if self.place == Place::Live {
            return Some(NoSnapshots::Live);
        }
        match (self.runtime.authority_set(), self.extent()) {
            (AuthoritySet::Changing, _) => Some(NoSnapshots::AuthoritiesChange),
            (AuthoritySet::Fixed, Extent::All) if self.best() != self.genesis => {
                Some(NoSnapshots::BlocksStored)
            }
            (AuthoritySet::Fixed, _) => None,
        }
    }
}

/// How many headers are not final on a chain that is well, with some patience: whatever `headers_ahead` is, so many are kept.
fn needed_unfinal(authorities: usize, max_reorg: u64) -> usize {
    let reorg = usize::try_from(max_reorg).unwrap_or(usize::MAX);
    authorities.saturating_mul(4).saturating_add(reorg)
}

impl<B: ChainBlock, R: Runtime<B>> ServeStates<B> for RuntimeBridge<B, R> {
    fn prove_state(
        &self,
        block: H256,
        after: Option<&[u8]>,
        budget: ProofBudget,
    ) -> Result<Option<StateProof>, BridgeError> {
        let header = self.store.header(block).map_err(BridgeError::new)?;
        let extent = self.extent();
        let kept = header.filter(|header| extent.has_state(height::<B>(*header.number())));
        let Some(header) = kept else { return Ok(None) };
        prove(&self.store, *header.state_root(), after, budget).map_err(BridgeError::new)
    }
}

impl<B: ChainBlock, R: Runtime<B>> BuildSnapshots<B> for RuntimeBridge<B, R> {
    fn standing(&self) -> SnapshotStanding<B> {
        let building = self.building();
        SnapshotStanding {
            header: building.top().clone(),
            finalized: building.record.headers,
            state: building.record.state.standing(),
        }
    }

    fn add_headers(&self, headers: &[B::Header], now: UnixMillis) -> Result<(), HeadersRefused> {
        let local = |error| HeadersRefused::Rejected(HeaderRejected::Local(error));
        let mut building = self.building();
        if building.is_finished() {
            return Err(HeadersRefused::Finished);
        }
        let authorities = self.authorities_at(self.genesis.hash).map_err(local)?;
        let check = HeaderCheck {
            rules: &self.rules,
            authorities: &authorities,
            authority_set: self.runtime.authority_set(),
            base: self.genesis.hash,
            seals: &self.seals,
            now,
        };
        let faulty = |(index, fault)| HeaderRejected::Faulty { index, fault };
        check
            .check::<B>(building.top(), headers)
            .map_err(|fault| HeadersRefused::Rejected(faulty(fault)))?;
        let settled = building
            .with(headers, &authorities, self.max_reorg)
            .map_err(|fault| HeadersRefused::Rejected(faulty((0, fault))))?;
        let count = settled.building.unfinal();
        if count
            > self
                .most_unfinal
                .max(needed_unfinal(authorities.len(), self.max_reorg))
        {
            return Err(HeadersRefused::NothingFinal { count });
        }
        if !settled.headers.is_empty() {
            let record = &settled.building.record;
            let written = self.store.write_headers(&settled.headers, record);
            written.map_err(|error| local(BridgeError::new(error)))?;
            self.extends(Extent::of(Some(record)));
        }
        *building = settled.building;
        Ok(())
    }

    fn drop_unfinal(&self) {
        self.building().drop_tail();
    }

    fn choose_state(&self, number: NumberFor<B>) -> Result<BlockId<B>, BridgeError> {
        let mut building = self.building();
        // The chain, which may be the live one, would turn into one under construction.
        if building.is_finished() {
            return Err(BridgeError::new(HeadersRefused::Finished));
        }
        let missing = || {
            BridgeError::new(StoreError::Damaged {
                what: "a header of the snapshot",
            })
        };
        let at = height::<B>(number);
        if at > building.record.headers.height() {
            return Err(missing());
        }
        let hash = self.store.canonical(at).map_err(BridgeError::new)?;
        let of = BlockId::new(number, hash.ok_or_else(missing)?);
        let is_chosen = match &building.record.state {
            StateRecord::NotBegun => false,
            StateRecord::Partly { of: chosen, .. }
            | StateRecord::Whole { of: chosen, .. }
            | StateRecord::Finished { of: chosen } => *chosen == of,
        };
        if !is_chosen {
            let header = self.store.header(of.hash).map_err(BridgeError::new)?;
            let root = *header.ok_or_else(missing)?.state_root();
            let state = StateRecord::Partly {
                of,
                root,
                after: None,
                entries: 0,
            };
            if building.record.state == StateRecord::NotBegun {
                self.record(&mut building, state)?;
            } else {
                self.begin_again(&mut building, state)?;
            }
        }
        Ok(of)
    }

    fn add_state(&self, proof: &StateProof) -> Result<(), StateRefused> {
        let mut building = self.building();
        let StateRecord::Partly {
            of,
            root,
            after,
            entries,
        } = building.record.state.clone()
        else {
            return Err(StateRefused::NotAsked);
        };
        let (walked, hashes) = verify(root, after.as_deref(), proof)?;
        let entries = entries.saturating_add(walked.entries);
        let state = match walked.end {
            WalkEnd::Whole => StateRecord::Whole { of, root, entries },
            WalkEnd::Cut => StateRecord::Partly {
                of,
                root,
                after: walked.last,
                entries,
            },
        };
        let record = SnapshotRecord {
            state,
            ..building.record.clone()
        };
        let nodes = hashes.iter().zip(&proof.0);
        let written = self.store.write_state(nodes, &record);
        written.map_err(BridgeError::new)?;
        building.record = record;
        Ok(())
    }

    fn finish(&self, block: B) -> Result<(), FinishRefused> {
        let mut building = self.building();
        let StateRecord::Whole { of, root, entries } = building.record.state.clone() else {
            return Err(FinishRefused::OtherBlock);
        };
        if BlockId::<B>::of(block.header()) != of {
            return Err(FinishRefused::OtherBlock);
        }
        check_body(&block, self.rules.block_bytes)?;
        let is_stored = is_whole(&self.store, root, entries).map_err(BridgeError::new)?;
        if !is_stored {
            let again = StateRecord::Partly {
                of,
                root,
                after: None,
                entries: 0,
            };
            self.record(&mut building, again)?;
            return Err(FinishRefused::Damaged);
        }
        // All seals were checked against those of genesis.
        if self.authorities_in(root)? != self.authorities_at(self.genesis.hash)? {
            return Err(FinishRefused::AuthoritiesChanged);
        }
        self.begin_with(&mut building, of, &block)?;
        Ok(())
    }

    fn start_over(&self) -> Result<(), BridgeError> {
        let mut building = self.building();
        if !building.is_finished() {
            return Ok(());
        }
        // What is not final may be replaced before it is asked for again.
        self.revert(u64::MAX)?;
        self.end_at_genesis(&mut building)
    }
}

impl<B: ChainBlock, R: Runtime<B>> RuntimeBridge<B, R> {
    fn record(&self, building: &mut Building<B>, state: StateRecord<B>) -> Result<(), BridgeError> {
        let record = SnapshotRecord {
            headers: building.record.headers,
            state,
        };
        let written = self.store.write_headers(&[], &record);
        written.map_err(BridgeError::new)?;
        self.extends(Extent::of(Some(&record)));
        building.record = record;
        Ok(())
    }

    /// The same, and nothing of the state that was fetched so far is left: until the snapshot is finished the only other one is that of
    /// genesis. Of many that are given up one after the other the disk would fill.
    fn begin_again(
        &self,
        building: &mut Building<B>,
        state: StateRecord<B>,
    ) -> Result<(), BridgeError> {
        let Some(kept) = self.genesis_nodes()? else {
            return self.record(building, state);
        };
        let record = SnapshotRecord {
            headers: building.record.headers,
            state,
        };
        let written = self.store.keep_nodes(&kept, &record);
        written.map_err(BridgeError::new)?;
        building.record = record;
        Ok(())
    }

    /// The state of genesis, and nothing of any other.
    fn genesis_nodes(&self) -> Result<Option<BTreeMap<H256, Vec<u8>>>, BridgeError> {
        let genesis = self.store.header(self.genesis.hash);
        let genesis = genesis.map_err(BridgeError::new)?;
        let kept = genesis.map(|header| nodes_of(&self.store, *header.state_root()));
        let kept = kept.transpose().map_err(BridgeError::new)?;
        Ok(kept.flatten())
    }

    /// Of a chain that ends at its final block the headers stay, and a snapshot is to be built with them.
    fn end_at_genesis(&self, building: &mut Building<B>) -> Result<(), BridgeError> {
        let mut writing = self.writing();
        let damaged = |what| BridgeError::new(StoreError::Damaged { what });
        let genesis = self.store.block(self.genesis.hash);
        let genesis = genesis
            .map_err(BridgeError::new)?
            .ok_or_else(|| damaged("block 0"))?;
        let nodes = self.genesis_nodes()?;
        let nodes = nodes.ok_or_else(|| damaged("the state of block 0"))?;
        let old = self.head();
        let head = Head::genesis(self.genesis);
        let record = SnapshotRecord {
            headers: old.best,
            state: StateRecord::NotBegun,
        };
        // Read before the write: after it nothing may fail any more.
        let next = Building::of(&self.store, Some(record.clone()), self.genesis);
        let next = next.map_err(BridgeError::new)?;
        self.store
            .keep_headers(&genesis, &nodes, &head, &record)
            .map_err(BridgeError::new)?;
        *building = next;
        writing.left = Left::default();
        *self.head.write().unwrap_or_else(PoisonError::into_inner) = head;
        self.extends(Extent::of(Some(&record)));
        // Nobody has to listen.
        let _ = self.events.send(ChainEvent {
            header: genesis.header().clone(),
            best: self.genesis,
            finalized: self.genesis,
            retracted: Some(Retracted {
                old_best: old.best,
                common_ancestor: self.genesis,
            }),
        });
        Ok(())
    }

    /// From now on the chain begins with `block`, and goes on above it with whole blocks.
    fn begin_with(
        &self,
        building: &mut Building<B>,
        of: BlockId<B>,
        block: &B,
    ) -> Result<(), BridgeError> {
        let _writing = self.writing();
        // Whole blocks take the place of the headers above.
        let mut above = Vec::new();
        for higher in of.height() + 1..=building.record.headers.height() {
            let hash = self.store.canonical(higher).map_err(BridgeError::new)?;
            above.extend(hash.map(|hash| BlockId::<B>::new(number::<B>(higher), hash)));
        }
        let head = Head {
            best: of,
            finalized: of,
            leaves: vec![of],
            authored: Vec::new(),
        };
        let record = SnapshotRecord {
            headers: of,
            state: StateRecord::Finished { of },
        };
        let header = block.header().clone();
        let base = Base {
            block,
            above: &above,
        };
        self.store
            .write_base(&base, &head, &record)
            .map_err(BridgeError::new)?;
        *building = Building::of(&self.store, Some(record.clone()), self.genesis)
            .map_err(BridgeError::new)?;
        *self.head.write().unwrap_or_else(PoisonError::into_inner) = head;
        self.extends(Extent::of(Some(&record)));
        // Nobody has to listen.
        let _ = self.events.send(ChainEvent {
            header,
            best: of,
            finalized: of,
            retracted: None,
        });
        Ok(())
    }
}
