use super::NewFileError;
use crate::Block;
use std::{fmt, io};
use sync_component::{
    BlockId,
    ports::{BlockFault, BridgeError, HeaderFault, ImportError},
};

/// Which block of a file was to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextBlock {
    /// Its first one, whose number only it can tell.
    First,
    /// The one behind the block with this number.
    After(u32),
}

impl fmt::Display for NextBlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::First => f.write_str("the first block"),
            Self::After(number) => write!(f, "block #{}", number.saturating_add(1)),
        }
    }
}

/// Why bytes are not a block.
#[derive(Debug, thiserror::Error)]
pub enum NotABlock {
    /// Not SCALE.
    #[error("no block in SCALE: {0}")]
    Scale(codec::Error),
    /// Not JSON, or JSON of something else. Lines and columns count from where the block begins.
    #[error("no block in JSON: {0}")]
    Json(serde_json::Error),
    /// Neither "no justifications" nor "justifications".
    #[error(
        "no block in SCALE: the byte behind it says neither that justifications follow nor that none do"
    )]
    Justifications,
}

impl NotABlock {
    fn advice(&self) -> &'static str {
        match self {
            Self::Json(_) => {
                "give --binary if it was exported with --binary; otherwise it is damaged or of another chain: copy or export it once more"
            }
            Self::Scale(_) | Self::Justifications => {
                "leave --binary out if it is JSON; otherwise it is damaged or of another chain: copy or export it once more"
            }
        }
    }
}

/// What is wrong with a file of blocks.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The system refused.
    #[error("it cannot be read at byte {at} ({source}); check the disk, then import it once more")]
    Io {
        /// Where, in bytes from the beginning.
        at: u64,
        /// What happened.
        source: io::Error,
    },
    /// There is no block in it.
    #[error("there is no block in it; export the chain once more")]
    Empty,
    /// It ends before the number of its blocks is complete.
    #[error(
        "it ends at byte {ends}, within the number of its blocks; export the chain once more, or leave --binary out if it is JSON"
    )]
    NoCount {
        /// Its length in bytes.
        ends: u64,
    },
    /// It ends within a block.
    #[error(
        "it ends at byte {ends}, within {block}, which begins at byte {begins}: it is not whole; copy or export it once more"
    )]
    Truncated {
        /// The block.
        block: NextBlock,
        /// Where the block begins, in bytes.
        begins: u64,
        /// Its length in bytes.
        ends: u64,
    },
    /// It announced more blocks than it has.
    #[error(
        "it says that it has {count} blocks and ends at byte {ends} behind {read} of them: it is not whole; copy or export it once more"
    )]
    TooFew {
        /// How many it announced.
        count: u64,
        /// How many it has.
        read: u64,
        /// Its length in bytes.
        ends: u64,
    },
    /// A block is longer than any of the chain may be.
    #[error(
        "{block}, which begins at byte {begins}, takes more than {limit} bytes, and no block of this chain does; check that it is a file of this chain"
    )]
    TooLong {
        /// The block.
        block: NextBlock,
        /// Where it begins, in bytes.
        begins: u64,
        /// What a block may take in this format, in bytes.
        limit: u64,
    },
    /// Bytes that are not a block.
    #[error("{block}, which begins at byte {begins}, is {fault}; {}", .fault.advice())]
    Malformed {
        /// The block.
        block: NextBlock,
        /// Where it begins, in bytes.
        begins: u64,
        /// Why they are not.
        fault: NotABlock,
    },
    /// A binary file goes on behind its last block.
    #[error(
        "bytes follow its last block, from byte {at} on: it has more than the {count} blocks that it says it has; copy or export it once more"
    )]
    TrailingBytes {
        /// How many blocks it announced.
        count: u64,
        /// Where the rest begins, in bytes.
        at: u64,
    },
    /// JSON where SCALE should be.
    #[error("it begins like JSON; leave --binary out")]
    IsJson,
    /// This chain's blocks have none.
    #[error(
        "{block}, which begins at byte {begins}, has justifications, and blocks of this chain have none; check that it is a file of this chain"
    )]
    Justified {
        /// The block.
        block: NextBlock,
        /// Where it begins, in bytes.
        begins: u64,
    },
}

/// Why an import ended before the end of its file. What was imported before stays.
#[derive(Debug, thiserror::Error)]
pub enum ImportFault {
    /// The file.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The file is of a chain with another genesis.
    #[error(
        "it is a file of another chain: its genesis is {theirs:?}, ours is {ours:?}; name the right chain with --chain"
    )]
    OtherChain {
        /// The file's genesis.
        theirs: sp_core::H256,
        /// Ours.
        ours: sp_core::H256,
    },
    /// The file begins too high, or on a branch that is not here.
    #[error("block #{} ({:?}) at byte {begins} has the parent {parent:?}, which is not stored; the chain here ends at {best}: import a file of the same chain that begins at or below #{} first, and check --chain", .id.number, .id.hash, .best.number.saturating_add(1))]
    NoParent {
        /// The block.
        id: BlockId<Block>,
        /// Where it begins in the file, in bytes.
        begins: u64,
        /// Its parent.
        parent: sp_core::H256,
        /// Our best block.
        best: BlockId<Block>,
    },
    /// The bridge refused the block.
    #[error("block #{} ({:?}) at byte {begins} is refused: {}; {}", .id.number, .id.hash, reason(.source), advice(.source))]
    Refused {
        /// The block.
        id: BlockId<Block>,
        /// Where it begins in the file, in bytes.
        begins: u64,
        /// Why.
        source: ImportError<Block>,
    },
    /// Our own store failed.
    #[error("{0}; import the file once more when that is put right: what is stored is skipped")]
    Store(BridgeError),
}

fn reason(error: &ImportError<Block>) -> String {
    match error {
        ImportError::Invalid { fault, .. } => fault.to_string(),
        ImportError::AgainstFinal { finalized, .. } => {
            format!("it conflicts with the final block {finalized}")
        }
        other => other.to_string(),
    }
}

fn advice(error: &ImportError<Block>) -> &'static str {
    match error {
        ImportError::Invalid {
            fault: BlockFault::Header(HeaderFault::FromFuture { .. }),
            ..
        } => "then import the file once more: what is stored is skipped",
        ImportError::AgainstFinal { .. } => {
            "to take the file's chain in its place, `purge-chain` first, or import it with another --base-path"
        }
        _ => {
            "get the file anew from somebody you trust and import it, which skips what is stored, or let a node fetch the rest"
        }
    }
}

/// Why an export did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The chain could not be read.
    #[error(transparent)]
    Chain(#[from] BridgeError),
    /// The chain begins with a snapshot above it.
    #[error(
        "block #{number} is not kept: this chain begins with a snapshot at #{lowest}; export with --from {lowest}, or from a node that has every block"
    )]
    BelowSnapshot {
        /// Its number.
        number: u32,
        /// The lowest block that is.
        lowest: u32,
    },
    /// A block of the chain is not there.
    #[error(
        "block #{number} is not stored; the store is damaged: `resync` builds the network's chain anew, and keeps this one as a backup"
    )]
    Missing {
        /// Its number.
        number: u32,
    },
    /// The output did not take it.
    #[error("the blocks cannot be written ({0}); make room, or name another place")]
    Write(#[source] io::Error),
    /// The file.
    #[error(transparent)]
    File(#[from] NewFileError),
}
