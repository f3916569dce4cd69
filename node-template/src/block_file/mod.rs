//! Chains in files, in the two formats that Substrate's `export-blocks` and `import-blocks` use.
//!
//! | format | what a file is |
//! |---|---|
//! | [`Format::Json`] | one JSON object per block, `{"block":{"header":…,"extrinsics":[…]},"justifications":null}`; we end each with a line feed, and read them with any or no white space between |
//! | [`Format::Binary`] | the number of blocks as SCALE u64, then for each its SCALE `SignedBlock`: the block, and `0` for "no justifications" |
//!
//! This chain has no finality gadget, so a block with justifications is not one of its blocks.
//!
//! A file is whatever somebody gave us. Nothing that it says decides how much memory is taken: blocks are read one by one, each
//! within the chain's `block_bytes`, and [`Batches`] holds few of them at a time. Who validates them is the bridge:
//! [`import`] lets it check some batches at once, and import one after the other.

mod batch;
mod checking;
mod error;
mod export;
mod import;
mod new_file;
mod reader;
mod source;
#[cfg(test)]
mod tests;
mod writer;

pub use batch::{Batch, BatchLimits, Batches};
pub use error::{ExportError, ImportFault, NextBlock, NotABlock, ReadError};
pub use export::{BlockRange, Exported, export};
pub use import::{Imported, import};
pub use new_file::{NewFile, NewFileError};
pub use reader::{BlockReader, ReadBlock};
pub use writer::BlockWriter;

/// How blocks lie in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For people and scripts; Substrate's default.
    Json,
    /// `--binary`: less than half as long.
    Binary,
}

/// What whoever is told how far the work is says to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Go on.
    GoOn,
    /// Stop here; nothing that is done is taken back.
    Stop,
}

/// How the work ended, if it did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Everything was done.
    Whole,
    /// It was stopped by [`Next::Stop`].
    Stopped,
}
