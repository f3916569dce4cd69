//! Blocks as the node makes them, to be measured on.

use super::timing::{Effort, time_of};
use crate::{
    Block, Header,
    benchmark::{
        BenchmarkError,
        ground::{self, KeyUse, Payments, SLOT},
    },
};
use codec::{Decode, Encode};
use std::{path::Path, time::Duration};
use sync_component::ports::ReadChain;

/// A block with and without transfers.
pub(super) struct SampleBlocks {
    pub(super) empty: Sample,
    pub(super) full: Sample,
    header: Header,
}

/// A block, and the sizes of its parts.
pub(super) struct Sample {
    encoded: Vec<u8>,
    /// All of it.
    pub(super) bytes: usize,
    /// Its header.
    pub(super) header_bytes: usize,
    /// Its list of extrinsics.
    pub(super) body_bytes: usize,
}

impl SampleBlocks {
    /// Builds them on a chain in `folder`.
    pub(super) fn make(folder: &Path, transfers: usize) -> Result<Self, BenchmarkError> {
        let authorities = ground::keys(KeyUse::Authority, 1);
        let spec = ground::spec(&authorities, SLOT);
        let chain = ground::open(folder, &spec)?;
        let last = ground::last_slot(&spec);
        let before = last.saturating_sub(1_u64);
        let missing = |id: sync_component::BlockId<Block>| {
            let block = chain.block(id.hash)?;
            Ok::<_, BenchmarkError>(block.expect("it was imported a moment ago"))
        };
        let empty = missing(ground::extend(&chain, &authorities, before, Vec::new())?)?;
        let mut payments = Payments::new(chain.genesis_hash());
        let extrinsics = payments.next(transfers);
        let full = missing(ground::extend(&chain, &authorities, last, extrinsics)?)?;
        Ok(Self {
            header: empty.header.clone(),
            empty: Sample::of(&empty),
            full: Sample::of(&full),
        })
    }

    /// The time of hashing a header.
    pub(super) fn header_hash(&self, effort: Effort) -> Duration {
        time_of(effort, || self.header.hash())
    }
}

impl Sample {
    fn of(block: &Block) -> Self {
        let encoded = block.encode();
        Self {
            bytes: encoded.len(),
            header_bytes: block.header.encoded_size(),
            body_bytes: block.extrinsics.encoded_size(),
            encoded,
        }
    }

    /// The time of decoding it.
    pub(super) fn decode(&self, effort: Effort) -> Duration {
        time_of(effort, || {
            Block::decode(&mut self.encoded.as_slice()).expect("it was encoded a moment ago")
        })
    }
}
