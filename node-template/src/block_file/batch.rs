use super::{BlockReader, ReadBlock, ReadError};
use std::io::Read;

/// How much is imported in one write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchLimits {
    /// Most blocks. More: a stop waits longer, and a crash costs more work; fewer: more writes.
    pub blocks: usize,
    /// Encoded bytes at which a batch is full; its last block may exceed them. More: more memory.
    pub bytes: usize,
}

impl Default for BatchLimits {
    fn default() -> Self {
        Self {
            blocks: 256,
            bytes: 1 << 20,
        }
    }
}

/// Blocks, at least one, each the child of the one before.
pub type Batch = Vec<ReadBlock>;

/// The blocks of a file in batches, as [`ImportBlocks::import`](sync_component::ports::ImportBlocks::import) wants them. What
/// was read before an error comes before the error. Holds one batch and one block at most.
#[derive(Debug)]
pub struct Batches<R> {
    blocks: BlockReader<R>,
    limits: BatchLimits,
    /// What ended the batch before.
    held: Option<Result<ReadBlock, ReadError>>,
}

impl<R: Read> Batches<R> {
    /// The batches of what `blocks` reads.
    pub fn new(blocks: BlockReader<R>, limits: BatchLimits) -> Self {
        Self {
            blocks,
            limits,
            held: None,
        }
    }
}

impl<R: Read> Iterator for Batches<R> {
    type Item = Result<Batch, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut batch = Batch::new();
        let mut bytes = 0_usize;
        while let Some(next) = self.held.take().or_else(|| self.blocks.next()) {
            let read = match next {
                Ok(read) => read,
                Err(error) if batch.is_empty() => return Some(Err(error)),
                Err(error) => {
                    self.held = Some(Err(error));
                    break;
                }
            };
            if batch.last().is_some_and(|last| !follows(&read, last)) {
                self.held = Some(Ok(read));
                break;
            }
            bytes = bytes.saturating_add(read.bytes);
            batch.push(read);
            if batch.len() >= self.limits.blocks || bytes >= self.limits.bytes {
                break;
            }
        }
        (!batch.is_empty()).then_some(Ok(batch))
    }
}

fn follows(child: &ReadBlock, parent: &ReadBlock) -> bool {
    child.block.header.parent_hash == parent.id.hash
}
