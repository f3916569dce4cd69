use super::{Batch, Candidate, Measure};
use crate::{
    chain_block::ChainBlock,
    execute::{BlockContext, ExecutionError, NewNodes, Runtime, State, StateChanges},
    store::StoreError,
    verify::{ParentFacts, Rules, SignatureCheck, author_of, check_body, check_signatures},
};
use sp_consensus_aura::sr25519::AuthorityId;
use sp_core::H256;
use sp_runtime::traits::Header as HeaderT;
use std::sync::Arc;
use sync_component::{
    BlockId,
    observer::BlockStage,
    ports::{BlockFault, BridgeError, Finding, HeaderFault, ImportError, UnixMillis},
};

/// What blocks are validated with.
#[derive(Debug)]
pub(crate) struct Validation<'a, R> {
    pub(crate) runtime: &'a R,
    pub(crate) rules: &'a Rules,
    pub(crate) measure: &'a Measure,
    pub(crate) now: UnixMillis,
}

/// Why a block is not taken.
enum Refusal {
    Fault(BlockFault),
    Local(BridgeError),
}

impl Refusal {
    fn of<B: ChainBlock>(self, id: BlockId<B>) -> ImportError<B> {
        match self {
            Self::Fault(fault) => ImportError::Invalid { id, fault },
            Self::Local(error) => ImportError::Local(error),
        }
    }
}

impl From<HeaderFault> for Refusal {
    fn from(fault: HeaderFault) -> Self {
        Self::Fault(fault.into())
    }
}

impl From<BlockFault> for Refusal {
    fn from(fault: BlockFault) -> Self {
        Self::Fault(fault)
    }
}

impl From<BridgeError> for Refusal {
    fn from(error: BridgeError) -> Self {
        Self::Local(error)
    }
}

impl From<ExecutionError> for Refusal {
    fn from(error: ExecutionError) -> Self {
        match error {
            ExecutionError::Refused(reason) => Self::Fault(BlockFault::Execution { reason }),
            ExecutionError::State(error) => Self::Local(BridgeError::new(error)),
        }
    }
}

/// A stored block on which another one is to stand.
struct Place<B: ChainBlock> {
    facts: ParentFacts<B::Header>,
    state_root: H256,
}

impl<B: ChainBlock> Place<B> {
    /// The block with this hash; `None` if it is not stored.
    fn at(batch: &Batch<'_, B>, hash: H256) -> Result<Option<Self>, BridgeError> {
        let Some(header) = batch.header(hash).map_err(BridgeError::new)? else {
            return Ok(None);
        };
        let facts = ParentFacts::known(header.as_ref(), hash).map_err(|_| {
            BridgeError::new(StoreError::Damaged {
                what: "the digest of a stored header",
            })
        })?;
        let state_root = *header.state_root();
        Ok(Some(Self { facts, state_root }))
    }

    fn id(&self) -> BlockId<B> {
        BlockId::new(self.facts.number, self.facts.hash)
    }
}

/// A place, and who may seal what stands there.
struct Parent<B: ChainBlock> {
    place: Place<B>,
    authorities: Arc<[AuthorityId]>,
}

/// What was found of a block whose header and body are good.
struct Sound<B: ChainBlock> {
    context: BlockContext<B>,
    author: AuthorityId,
}

/// What executing a block gives.
struct Executed {
    nodes: NewNodes,
    changes: StateChanges,
}

impl<R> Validation<'_, R> {
    /// Checks everything about the block `id` that is not known to be good, and adds the trie nodes that it makes to `batch`, to which the block
    /// is to be added with its author; `None` if it is stored or added already.
    pub(crate) fn validate<B: ChainBlock>(
        &self,
        batch: &mut Batch<'_, B>,
        id: BlockId<B>,
        candidate: &Candidate<B>,
    ) -> Result<Option<AuthorityId>, ImportError<B>>
    where
        R: Runtime<B>,
    {
        let parent = *candidate.block().header().parent_hash();
        let is_known = batch.has_child(parent, id.hash);
        if is_known.map_err(BridgeError::new)? {
            return Ok(None);
        }
        let place = check_place(batch, id, parent)?;
        let parent = self.parent(batch, place)?;
        let sound = match candidate {
            Candidate::Checked(_, finding) if is_author(finding, &parent.authorities) => {
                self.sound(finding)
            }
            Candidate::Checked(block, _) | Candidate::Unchecked(block) => self
                .measure
                .stage(BlockStage::Verify, || self.verify(&parent, id, block)),
        };
        let executed = sound.and_then(|sound| {
            let executed = self.measure.stage(BlockStage::Execute, || {
                self.execute(batch, &parent, &sound.context, candidate.block())
            });
            executed.map(|executed| (sound.author, executed))
        });
        let (author, executed) = executed.map_err(|refusal| refusal.of(id))?;
        let Executed { nodes, changes } = executed;
        let root = *candidate.block().header().state_root();
        batch
            .left
            .authorities
            .follow(parent.place.state_root, root, &changes);
        batch.changes.nodes.extend(nodes);
        Ok(Some(author))
    }

    /// Checks everything about a stored block once more, at its parent's state. Changes nothing.
    pub(crate) fn validate_again<B: ChainBlock>(
        &self,
        batch: &mut Batch<'_, B>,
        block: &B,
    ) -> Result<(), ImportError<B>>
    where
        R: Runtime<B>,
    {
        let id = BlockId::of(block.header());
        let place = Place::at(batch, *block.header().parent_hash())?.ok_or_else(|| {
            BridgeError::new(StoreError::Damaged {
                what: "a header that its child names",
            })
        })?;
        let parent = self.parent(batch, place)?;
        let checked = self
            .verify(&parent, id, block)
            .and_then(|sound| self.execute(batch, &parent, &sound.context, block));
        checked.map(drop).map_err(|refusal| refusal.of(id))
    }

    fn parent<B: ChainBlock>(
        &self,
        batch: &mut Batch<'_, B>,
        place: Place<B>,
    ) -> Result<Parent<B>, BridgeError>
    where
        R: Runtime<B>,
    {
        let authorities = batch.authorities_after(self.runtime, place.state_root)?;
        Ok(Parent { place, authorities })
    }

    /// What remains to be checked of a block that was checked: a slot that has not begun may have been good enough then.
    fn sound<B: ChainBlock>(&self, finding: &Finding<B>) -> Result<Sound<B>, Refusal> {
        self.rules.check_time(finding.slot, self.now)?;
        Ok(Sound {
            context: self.rules.context::<B>(finding.id.number, finding.slot),
            author: finding.author.clone(),
        })
    }

    /// Everything that needs no state.
    fn verify<B: ChainBlock>(
        &self,
        parent: &Parent<B>,
        id: BlockId<B>,
        block: &B,
    ) -> Result<Sound<B>, Refusal>
    where
        R: Runtime<B>,
    {
        let header = block.header();
        let sealed = self
            .rules
            .check_header::<B>(&parent.place.facts, header, id)?;
        self.rules.check_time(sealed.slot, self.now)?;
        let author = author_of(sealed.slot, &parent.authorities).ok_or(HeaderFault::BadSeal)?;
        let context = self.rules.context::<B>(id.number, sealed.slot);
        check_body(block, self.rules.block_bytes)?;
        self.check_all_signatures(&context, sealed.by(author, header), block)?;
        Ok(Sound {
            context,
            author: author.clone(),
        })
    }

    /// The seal and all transfers at once.
    fn check_all_signatures<B: ChainBlock>(
        &self,
        context: &BlockContext<B>,
        seal: SignatureCheck,
        block: &B,
    ) -> Result<(), BlockFault>
    where
        R: Runtime<B>,
    {
        let mut checks = vec![seal];
        let mut positions = Vec::new();
        for (index, extrinsic) in block.extrinsics().iter().enumerate() {
            if let Some(payload) = self.runtime.signature(extrinsic, context) {
                checks.push(SignatureCheck::from(payload));
                positions.push(index);
            }
        }
        check_signatures(&checks).map_err(|bad| {
            match bad.0.checked_sub(1).and_then(|at| positions.get(at)) {
                Some(index) => BlockFault::BadSignature { index: *index },
                None => HeaderFault::BadSeal.into(),
            }
        })
    }

    fn execute<B: ChainBlock>(
        &self,
        batch: &Batch<'_, B>,
        parent: &Parent<B>,
        context: &BlockContext<B>,
        block: &B,
    ) -> Result<Executed, Refusal>
    where
        R: Runtime<B>,
    {
        let trie = batch.state(parent.place.state_root);
        let mut state = State::over(&trie);
        for (index, extrinsic) in block.extrinsics().iter().enumerate() {
            self.runtime.apply(&mut state, context, index, extrinsic)?;
            state.commit_extrinsic();
        }
        self.runtime
            .finish(&mut state, context, block.extrinsics())?;
        state.commit_extrinsic();
        let changes = state.into_changes();
        let (root, nodes) = trie.apply(&changes).map_err(ExecutionError::from)?;
        if root == *block.header().state_root() {
            Ok(Executed { nodes, changes })
        } else {
            Err(BlockFault::WrongStateRoot.into())
        }
    }
}

/// Where a block stands, if it can stand anywhere, whatever it is: above the final block, on a stored one that the fork choice
/// can take.
fn check_place<B: ChainBlock>(
    batch: &Batch<'_, B>,
    id: BlockId<B>,
    parent: H256,
) -> Result<Place<B>, ImportError<B>> {
    let finalized = batch.head.finalized;
    if id.number <= finalized.number {
        return Err(ImportError::AgainstFinal { id, finalized });
    }
    let place = Place::at(batch, parent)?.ok_or(ImportError::UnknownParent { id })?;
    let parent = place.id();
    if !batch.is_rooted(parent).map_err(BridgeError::new)? {
        return Err(ImportError::UnknownParent { id });
    }
    if !batch.holds_final(parent).map_err(BridgeError::new)? {
        return Err(ImportError::AgainstFinal { id, finalized });
    }
    Ok(place)
}

/// Whether the one who sealed the block is the one whose turn its slot is at its real parent.
fn is_author<B: ChainBlock>(finding: &Finding<B>, authorities: &[AuthorityId]) -> bool {
    author_of(finding.slot, authorities) == Some(&finding.author)
}
