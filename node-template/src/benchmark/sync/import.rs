//! The same chain from a file, by what `import-blocks` calls.

use super::{
    chain,
    report::{Imported, Report},
};
use crate::{
    benchmark::{
        BenchmarkError,
        ground::{self, Accounts},
    },
    block_file::{self, BatchLimits, BlockReader, Format, Next},
};
use serde::{Deserialize, Serialize};
use std::{
    fs::File,
    num::NonZeroU32,
    path::PathBuf,
    time::{Duration, Instant},
};

/// How often it is told how far it is.
const TELL_EVERY: Duration = Duration::from_millis(500);

/// What is imported, and where to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ImportOrder {
    /// The new store.
    pub(super) store: PathBuf,
    /// The file.
    pub(super) file: PathBuf,
    /// Blocks in it.
    pub(super) blocks: NonZeroU32,
}

/// Imports all of it.
pub(super) fn import(
    order: &ImportOrder,
    tell: &mut (dyn FnMut(&Report) + Send),
) -> Result<(), BenchmarkError> {
    let spec = chain::spec(Accounts::default());
    let chain = ground::open(&order.store, &spec)?;
    let file = File::open(&order.file).map_err(|source| BenchmarkError::Path {
        path: order.file.clone(),
        source,
    })?;
    let reader = BlockReader::new(file, Format::Binary, spec.sync.limits.block_bytes);
    let mut so_far = block_file::Imported::default();
    let (begun, mut told) = (Instant::now(), Instant::now());
    block_file::import(
        &chain,
        reader,
        BatchLimits::default(),
        &mut so_far,
        &mut |now| {
            if told.elapsed() > TELL_EVERY {
                tell(&Report::Blocks(now.imported));
                told = Instant::now();
            }
            Next::GoOn
        },
    )
    .map_err(Box::new)?;
    let seconds = begun.elapsed().as_secs_f64();
    let wanted = u64::from(order.blocks.get());
    if so_far.imported != wanted {
        return Err(BenchmarkError::NotAll {
            imported: so_far.imported,
            wanted,
        });
    }
    tell(&Report::Imported(Imported { seconds }));
    Ok(())
}
