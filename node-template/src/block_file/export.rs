use super::{BlockWriter, End, ExportError, Next};
use crate::Block;
use std::io::Write;
use sync_component::ports::ReadChain;

/// Blocks of the best chain, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockRange {
    /// The lowest.
    pub from: u32,
    /// The highest; not below `from`.
    pub to: u32,
}

impl BlockRange {
    /// How many blocks.
    pub fn count(&self) -> u64 {
        u64::from(self.to.saturating_sub(self.from)) + 1
    }
}

/// How far an export is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exported {
    /// Blocks that were written.
    pub blocks: u64,
    /// The number of the last one.
    pub last: u32,
}

/// Writes the blocks of `range`, one by one, and tells `watch` of each. `chain` must not change meanwhile.
pub fn export<W: Write>(
    chain: &dyn ReadChain<Block>,
    range: BlockRange,
    writer: &mut BlockWriter<W>,
    watch: &mut dyn FnMut(Exported) -> Next,
) -> Result<End, ExportError> {
    let lowest = chain.lowest_served();
    if range.from < lowest && range.to > 0 {
        let number = range.from;
        return Err(ExportError::BelowSnapshot { number, lowest });
    }
    for (blocks, number) in (1..).zip(range.from..=range.to) {
        let hash = chain.canonical_hash(number)?;
        let hash = hash.ok_or(ExportError::Missing { number })?;
        let block = chain.block(hash)?;
        let block = block.ok_or(ExportError::Missing { number })?;
        writer.write(block).map_err(ExportError::Write)?;
        let told = watch(Exported {
            blocks,
            last: number,
        });
        if told == Next::Stop && number < range.to {
            return Ok(End::Stopped);
        }
    }
    Ok(End::Whole)
}
