use super::{
    Format,
    error::{NextBlock, NotABlock, ReadError},
    source::{Dry, Source},
};
use crate::Block;
use codec::{Decode, DecodeWithMemLimit, Encode, Input};
use serde::Deserialize;
use sp_runtime::generic::SignedBlock;
use std::io::Read;
use sync_component::BlockId;

/// Memory that decoding a block may take for each byte that it may be long: decoded values are larger than their encodings.
/// Too low: honest blocks fail; too high: a file makes us spend this many times the longest block.
const MEMORY_PER_BYTE: usize = 8;

/// Characters of JSON for each byte of SCALE: two hex digits, and quotes and commas between short values. Too low: honest
/// blocks fail; too high: a file makes us read this many times the longest block before we refuse it.
const JSON_PER_BYTE: u64 = 3;

/// Characters of JSON that any block may take: names of fields, the header.
const JSON_BASE: u64 = 64 * 1024;

/// The beginning of a JSON file, where the number of blocks is in a binary one: 2.5 million million million blocks.
const JSON_BEGINS: [u8; 8] = *b"{\"block\"";

/// A block and where it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadBlock {
    /// The block.
    pub block: Block,
    /// Its number and hash.
    pub id: BlockId<Block>,
    /// Where it begins in the file, in bytes.
    pub begins: u64,
    /// Where it ends.
    pub ends: u64,
    /// Its encoded length in bytes.
    pub bytes: usize,
}

/// Reads the blocks of a file one by one. Ends after the last one or the first error. Checks the format and nothing else: a
/// block that it gives may be any block at all.
#[derive(Debug)]
pub struct BlockReader<R> {
    source: Source<R>,
    format: Format,
    block_bytes: usize,
    /// Only a binary file says how many there are. A claim: it decides nothing but when to expect the end.
    count: Option<u64>,
    read: u64,
    next: NextBlock,
    is_over: bool,
}

impl<R: Read> BlockReader<R> {
    /// A reader of `bytes`, of which no block may be longer than `block_bytes` (the chain's limit) in SCALE. Reads nothing yet.
    pub fn new(bytes: R, format: Format, block_bytes: usize) -> Self {
        Self {
            source: Source::new(bytes),
            format,
            block_bytes,
            count: None,
            read: 0,
            next: NextBlock::First,
            is_over: false,
        }
    }

    fn next_block(&mut self) -> Result<Option<ReadBlock>, ReadError> {
        if !self.has_more()? {
            return Ok(None);
        }
        let begins = self.source.offset();
        let (block, bytes) = match self.format {
            Format::Json => self.json_block(begins)?,
            Format::Binary => self.binary_block(begins)?,
        };
        let id = BlockId::of(&block.header);
        self.next = NextBlock::After(id.number);
        self.read = self.read.saturating_add(1);
        Ok(Some(ReadBlock {
            block,
            id,
            begins,
            ends: self.source.offset(),
            bytes,
        }))
    }

    /// Whether a block should follow.
    fn has_more(&mut self) -> Result<bool, ReadError> {
        if self.format == Format::Json {
            let skipped = self.source.skip_white_space();
            skipped.map_err(|source| self.io(source))?;
        }
        let count = match (self.format, self.count) {
            (Format::Binary, None) => Some(self.read_count()?),
            (_, count) => count,
        };
        let is_end = self.is_at_end()?;
        match count {
            None if is_end && self.read == 0 => Err(ReadError::Empty),
            None => Ok(!is_end),
            Some(0) if is_end => Err(ReadError::Empty),
            Some(count) if self.read == count && is_end => Ok(false),
            Some(count) if self.read == count => Err(ReadError::TrailingBytes {
                count,
                at: self.source.offset(),
            }),
            Some(count) if is_end => Err(ReadError::TooFew {
                count,
                read: self.read,
                ends: self.source.offset(),
            }),
            Some(_) => Ok(true),
        }
    }

    fn read_count(&mut self) -> Result<u64, ReadError> {
        let mut bytes = [0; 8];
        self.source.allow(8);
        if self.source.read_exact(&mut bytes).is_err() {
            return Err(match self.source.dry() {
                Some(Dry::Failed(source)) => self.io(source),
                _ => ReadError::NoCount {
                    ends: self.source.offset(),
                },
            });
        }
        if bytes == JSON_BEGINS {
            return Err(ReadError::IsJson);
        }
        let count = u64::from_le_bytes(bytes);
        self.count = Some(count);
        Ok(count)
    }

    fn is_at_end(&mut self) -> Result<bool, ReadError> {
        let byte = self.source.peek().map_err(|source| self.io(source))?;
        Ok(byte.is_none())
    }

    fn binary_block(&mut self, begins: u64) -> Result<(Block, usize), ReadError> {
        // One byte says that no justifications follow.
        let limit = length(self.block_bytes).saturating_add(1);
        self.source.allow(limit);
        let memory = self.block_bytes.saturating_mul(MEMORY_PER_BYTE);
        let mut input = ScaleInput(&mut self.source);
        let decoded = Block::decode_with_mem_limit(&mut input, memory)
            .and_then(|block| Ok((block, u8::decode(&mut input)?)));
        let (block, justified) =
            decoded.map_err(|error| self.fault(begins, limit, NotABlock::Scale(error)))?;
        match justified {
            0 => {}
            1 => return Err(self.justified(begins)),
            _ => return Err(self.fault(begins, limit, NotABlock::Justifications)),
        }
        let taken = self
            .source
            .offset()
            .saturating_sub(begins)
            .saturating_sub(1);
        Ok((block, usize::try_from(taken).unwrap_or(usize::MAX)))
    }

    fn json_block(&mut self, begins: u64) -> Result<(Block, usize), ReadError> {
        let limit = length(self.block_bytes)
            .saturating_mul(JSON_PER_BYTE)
            .saturating_add(JSON_BASE);
        self.source.allow(limit);
        // One value and not a byte more: the next block may follow at once.
        let mut value = serde_json::Deserializer::from_reader(&mut self.source);
        let signed = SignedBlock::<Block>::deserialize(&mut value);
        let signed = signed.map_err(|error| self.fault(begins, limit, NotABlock::Json(error)))?;
        if signed.justifications.is_some() {
            return Err(self.justified(begins));
        }
        let bytes = signed.block.encoded_size();
        if bytes > self.block_bytes {
            return Err(ReadError::TooLong {
                block: self.next,
                begins,
                limit: length(self.block_bytes),
            });
        }
        Ok((signed.block, bytes))
    }

    /// A decoder only knows that it had no more bytes; the source knows why.
    fn fault(&mut self, begins: u64, limit: u64, fault: NotABlock) -> ReadError {
        let block = self.next;
        match self.source.dry() {
            Some(Dry::Failed(source)) => self.io(source),
            Some(Dry::Ended) => ReadError::Truncated {
                block,
                begins,
                ends: self.source.offset(),
            },
            Some(Dry::Spent) => ReadError::TooLong {
                block,
                begins,
                limit,
            },
            None => ReadError::Malformed {
                block,
                begins,
                fault,
            },
        }
    }

    fn justified(&self, begins: u64) -> ReadError {
        ReadError::Justified {
            block: self.next,
            begins,
        }
    }

    fn io(&self, source: std::io::Error) -> ReadError {
        ReadError::Io {
            at: self.source.offset(),
            source,
        }
    }
}

impl<R: Read> Iterator for BlockReader<R> {
    type Item = Result<ReadBlock, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let next = self.next_block().transpose();
        self.is_over = !matches!(next, Some(Ok(_)));
        next
    }
}

/// SCALE from a file, which does not know how much is left.
struct ScaleInput<'a, R>(&'a mut Source<R>);

impl<R: Read> Input for ScaleInput<'_, R> {
    fn remaining_len(&mut self) -> Result<Option<usize>, codec::Error> {
        Ok(None)
    }

    fn read(&mut self, into: &mut [u8]) -> Result<(), codec::Error> {
        let read = self.0.read_exact(into);
        read.map_err(|_| codec::Error::from("the bytes end"))
    }
}

fn length(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}
