use crate::chain_block::ChainBlock;
use sync_component::{
    BlockId,
    ports::{CheckedBlocks, Checker, Finding},
};

/// A block to import, and what this bridge found of it before.
#[derive(Debug)]
pub(crate) enum Candidate<B: ChainBlock> {
    /// Nothing: everything is checked.
    Unchecked(B),
    /// What needs no state is good.
    Checked(B, Finding<B>),
}

impl<B: ChainBlock> Candidate<B> {
    /// Blocks that nobody has looked at.
    pub(crate) fn unchecked(blocks: Vec<B>) -> impl Iterator<Item = Self> {
        blocks.into_iter().map(Self::Unchecked)
    }

    /// Blocks as `checker` left them; what another one found counts for nothing.
    pub(crate) fn checked(blocks: CheckedBlocks<B>, checker: &Checker) -> Vec<Self> {
        match blocks.found_of(checker) {
            (blocks, Some(findings)) => {
                let both = blocks.into_iter().zip(findings);
                both.map(|(block, finding)| Self::Checked(block, finding))
                    .collect()
            }
            (blocks, None) => Self::unchecked(blocks).collect(),
        }
    }

    /// Blocks that were not imported. What was found of them is left out: that counts where all of them are checked only.
    pub(crate) fn given_back(blocks: impl IntoIterator<Item = Self>) -> CheckedBlocks<B> {
        let blocks = blocks.into_iter().map(Self::into_block);
        CheckedBlocks::unchecked(blocks.collect())
    }

    /// Its number and hash; hashes the header if nobody has.
    pub(crate) fn id(&self) -> BlockId<B> {
        match self {
            Self::Unchecked(block) => BlockId::of(block.header()),
            Self::Checked(_, finding) => finding.id,
        }
    }

    pub(crate) fn block(&self) -> &B {
        let (Self::Unchecked(block) | Self::Checked(block, _)) = self;
        block
    }

    pub(crate) fn into_block(self) -> B {
        let (Self::Unchecked(block) | Self::Checked(block, _)) = self;
        block
    }
}
