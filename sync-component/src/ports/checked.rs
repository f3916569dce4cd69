use crate::block_id::BlockId;
use sp_consensus_aura::{Slot, sr25519::AuthorityId};
use sp_runtime::traits::Block as BlockT;
use std::sync::Arc;

/// Blocks on their way between [`ImportBlocks::check`](super::ImportBlocks::check) and
/// [`ImportBlocks::import_checked`](super::ImportBlocks::import_checked).
///
/// What was found of them is worth nothing but to the bridge that found it: only the holder of its [`Checker`] can read it, so
/// nobody else can pass a block off as checked.
#[derive(Clone, Debug)]
pub struct CheckedBlocks<B: BlockT> {
    blocks: Vec<B>,
    findings: Findings<B>,
}

#[derive(Clone, Debug)]
enum Findings<B: BlockT> {
    /// Nobody has looked.
    Nothing,
    /// One for each block, by the bridge with this mark.
    Of(Checker, Vec<Finding<B>>),
}

/// What the checks that need no state found of a block that passed them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding<B: BlockT> {
    /// The block.
    pub id: BlockId<B>,
    /// Its slot.
    pub slot: Slot,
    /// Who sealed it. Whether that is the authority of its slot depends on the state of its parent.
    pub author: AuthorityId,
}

/// A bridge's own mark. Clones are the same mark; no other one is equal to it.
#[derive(Clone, Debug, Default)]
pub struct Checker(Arc<()>);

impl Checker {
    /// A mark like no other.
    pub fn new() -> Self {
        Self::default()
    }
}

impl PartialEq for Checker {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Checker {}

impl<B: BlockT> CheckedBlocks<B> {
    /// Blocks that nobody has checked: their import checks everything.
    pub fn unchecked(blocks: Vec<B>) -> Self {
        Self {
            blocks,
            findings: Findings::Nothing,
        }
    }

    /// Blocks that `checker` found good, each with what it found.
    pub fn found_by(checker: &Checker, found: Vec<(B, Finding<B>)>) -> Self {
        let (blocks, findings) = found.into_iter().unzip();
        Self {
            blocks,
            findings: Findings::Of(checker.clone(), findings),
        }
    }

    /// The blocks, each with what `checker` found of it; `None` if the findings are another's.
    pub fn found_of(self, checker: &Checker) -> (Vec<B>, Option<Vec<Finding<B>>>) {
        match self.findings {
            Findings::Of(by, findings) if by == *checker => (self.blocks, Some(findings)),
            _ => (self.blocks, None),
        }
    }

    /// The blocks.
    pub fn blocks(&self) -> &[B] {
        &self.blocks
    }

    /// The blocks, without what was found of them.
    pub fn into_blocks(self) -> Vec<B> {
        self.blocks
    }

    /// How many they are.
    pub fn len(&self) -> usize {
        self.blocks.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// Puts `more` behind them. What different bridges found does not mix: then nothing counts as checked.
    pub fn append(&mut self, more: Self) {
        if self.is_empty() {
            *self = more;
            return;
        }
        if more.is_empty() {
            return;
        }
        self.blocks.extend(more.blocks);
        match (&mut self.findings, more.findings) {
            (Findings::Of(ours, findings), Findings::Of(theirs, new)) if *ours == theirs => {
                findings.extend(new);
            }
            (findings, _) => *findings = Findings::Nothing,
        }
    }

    /// Splits off the blocks from position `at` on.
    #[must_use]
    pub fn split_off(&mut self, at: usize) -> Self {
        let at = at.min(self.blocks.len());
        let blocks = self.blocks.split_off(at);
        let findings = match &mut self.findings {
            Findings::Of(by, findings) => Findings::Of(by.clone(), findings.split_off(at)),
            Findings::Nothing => Findings::Nothing,
        };
        Self { blocks, findings }
    }
}

/// What checking a run of blocks came to.
#[derive(Clone, Debug)]
pub struct CheckReport<B: BlockT> {
    /// The blocks from the front that passed.
    pub checked: CheckedBlocks<B>,
    /// What is wrong with the next one.
    pub failure: Option<super::ImportError<B>>,
}
