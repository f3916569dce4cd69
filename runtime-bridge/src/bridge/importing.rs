//! The ports for changing the chain: checks on any thread, imports one at a time.

use super::{RuntimeBridge, Writing};
use crate::{
    chain_block::ChainBlock,
    execute::Runtime,
    import::{Batch, Candidate, adopt_best},
    snapshot::Extent,
    store::StoreError,
    verify::{RunCheck, Verdict},
};
use std::sync::PoisonError;
use sync_component::{
    BlockId,
    observer::{BlockStage, ImportOutcome},
    ports::{
        BridgeError, BuildSnapshots, ChainEvent, CheckReport, CheckedBlocks, ImportBlocks,
        ImportError, ImportReport, NoSnapshots, Vote,
    },
};

impl<B: ChainBlock, R: Runtime<B>> RuntimeBridge<B, R> {
    /// Imports a block of our own, if the best block is still the one that the gate cleared: checked in the critical
    /// section that imports it (SPEC section 5). `ClearanceLost` stores nothing.
    pub fn import_own(&self, block: B, cleared: BlockId<B>) -> Result<(), ImportError<B>> {
        let mut writing = self.writing();
        let best = self.reading(|head| head.best);
        if best != cleared {
            return Err(ImportError::ClearanceLost { cleared, best });
        }
        let report = self.import_locked(&mut writing, [Candidate::Unchecked(block)]);
        report.failure.map_or(Ok(()), Err)
    }

    /// Imports blocks of others and says what became of them.
    fn import_others(&self, blocks: impl IntoIterator<Item = Candidate<B>>) -> ImportReport<B> {
        let mut writing = self.writing();
        let report = self.import_locked(&mut writing, blocks);
        drop(writing);
        let observer = &self.measure.observer;
        for _ in 0..report.stored {
            observer.imported(ImportOutcome::Success);
        }
        if let Some(error) = &report.failure {
            observer.imported(ImportOutcome::of(error));
        }
        report
    }

    fn import_locked(
        &self,
        writing: &mut Writing<B>,
        blocks: impl IntoIterator<Item = Candidate<B>>,
    ) -> ImportReport<B> {
        if self.extent() == Extent::Building {
            let error = BridgeError::new(StoreError::SnapshotUnderWay);
            return ImportReport {
                stored: 0,
                failure: Some(error.into()),
                left: Candidate::given_back(blocks),
            };
        }
        let mut batch = Batch::on(&self.store, self.head(), &mut writing.left);
        let validation = self.validation();
        let (mut stored, mut failure, mut left) = (0, None, Vec::new());
        let mut blocks = blocks.into_iter();
        for block in blocks.by_ref() {
            let id = block.id();
            match validation.validate(&mut batch, id, &block) {
                Ok(author) => {
                    stored += 1;
                    if let Some(author) = author {
                        batch.add(id, author, block.into_block());
                    }
                }
                Err(error) => {
                    failure = Some(error);
                    left.push(block);
                    break;
                }
            }
        }
        let committed = self
            .measure
            .stage(BlockStage::Commit, || self.commit(writing.vote, &mut batch));
        if let Err(error) = committed {
            (stored, failure) = (0, Some(error.into()));
            let added = batch.into_blocks().map(Candidate::Unchecked);
            left.splice(..0, added);
        }
        ImportReport {
            stored,
            failure,
            left: Candidate::given_back(left.into_iter().chain(blocks)),
        }
    }

    /// Fork choice and finality over `batch`, then one write, then the news.
    fn commit(&self, vote: Vote<B>, batch: &mut Batch<'_, B>) -> Result<(), BridgeError> {
        let old = self.head();
        adopt_best(batch, &self.runtime, vote, self.max_reorg)?;
        let Batch {
            changes,
            head,
            retracted,
            left,
            ..
        } = batch;
        if changes.is_empty() && *head == old {
            return Ok(());
        }
        let (best, finalized) = (head.best, head.finalized);
        // Read before the write: after it nothing may fail any more.
        let header = match changes.blocks.get(&best.hash) {
            Some(block) => Some(block.header().clone()),
            None => self.store.header(best.hash).map_err(BridgeError::new)?,
        };
        let header = header.ok_or_else(|| {
            BridgeError::new(StoreError::Damaged {
                what: "the best block's header",
            })
        })?;
        self.store.write(changes, head).map_err(BridgeError::new)?;
        *self.head.write().unwrap_or_else(PoisonError::into_inner) = head.clone();
        left.nodes.add(std::mem::take(&mut changes.nodes));
        if best != old.best {
            // Nobody has to listen.
            let _ = self.events.send(ChainEvent {
                header,
                best,
                finalized,
                retracted: *retracted,
            });
        }
        Ok(())
    }

    /// Why the first block of a run on nothing is refused, in the words of an import.
    fn baseless(&self, id: BlockId<B>) -> ImportError<B> {
        let finalized = self.reading(|head| head.finalized);
        if id.number <= finalized.number {
            ImportError::AgainstFinal { id, finalized }
        } else {
            ImportError::UnknownParent { id }
        }
    }

    fn check_run(
        &self,
        base: BlockId<B>,
        parent: &B::Header,
        blocks: Vec<B>,
    ) -> Result<CheckedBlocks<B>, (CheckedBlocks<B>, ImportError<B>)> {
        let nothing = || CheckedBlocks::unchecked(Vec::new());
        let Some(first) = blocks.first() else {
            return Ok(nothing());
        };
        let authorities = match self.authorities_after(base.hash) {
            Ok(Some(authorities)) => authorities,
            Ok(None) => {
                let id = BlockId::of(first.header());
                return Err((nothing(), self.baseless(id)));
            }
            // If that lasts, the import says so, and gives the blocks back.
            Err(_) => return Ok(CheckedBlocks::unchecked(blocks)),
        };
        let check = RunCheck {
            rules: &self.rules,
            runtime: &self.runtime,
            authorities: &authorities,
            seals: &self.seals,
            now: self.measure.clock.wall(),
        };
        match check.check(base, parent, &blocks) {
            Verdict::Open => Ok(CheckedBlocks::unchecked(blocks)),
            Verdict::Told(findings, fault) => {
                let found = blocks.into_iter().zip(findings).collect();
                let checked = CheckedBlocks::found_by(&self.checker, found);
                match fault {
                    None => Ok(checked),
                    Some((id, fault)) => Err((checked, ImportError::Invalid { id, fault })),
                }
            }
        }
    }
}

impl<B: ChainBlock, R: Runtime<B>> ImportBlocks<B> for RuntimeBridge<B, R> {
    fn import(&self, blocks: Vec<B>) -> ImportReport<B> {
        self.import_others(Candidate::unchecked(blocks))
    }

    /// One observation of the stage `Verify` is one call. A block that does not begin where the one before it ends is a
    /// broken link; a seal that only execution can judge, or a fault of our own store, leaves the whole run unchecked, for the import to check.
    fn check(&self, base: BlockId<B>, parent: &B::Header, blocks: Vec<B>) -> CheckReport<B> {
        let checked = self
            .measure
            .stage(BlockStage::Verify, || self.check_run(base, parent, blocks));
        match checked {
            Ok(checked) => CheckReport {
                checked,
                failure: None,
            },
            Err((checked, failure)) => CheckReport {
                checked,
                failure: Some(failure),
            },
        }
    }

    fn import_checked(&self, blocks: CheckedBlocks<B>) -> ImportReport<B> {
        self.import_others(Candidate::checked(blocks, &self.checker))
    }

    fn set_vote(&self, new: Vote<B>) -> Result<(), BridgeError> {
        let mut writing = self.writing();
        writing.vote = new;
        let mut batch = Batch::on(&self.store, self.head(), &mut writing.left);
        self.commit(new, &mut batch)
    }

    fn snapshots(&self) -> Result<&dyn BuildSnapshots<B>, NoSnapshots> {
        match self.no_snapshots() {
            Some(reason) => Err(reason),
            None => Ok(self),
        }
    }
}
