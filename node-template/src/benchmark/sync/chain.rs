//! The chain that is served: built once, kept for the next time.

use super::report::Tip;
use crate::{
    Block,
    authoring::Chain,
    benchmark::{
        BenchmarkError, Told, Watch,
        ground::{self, Accounts, KeyUse, Payments, SLOT},
    },
    block_file::{BlockRange, BlockWriter, End, Format, Next, export},
};
use chain_spec::ChainSpec;
use sp_core::sr25519;
use std::{
    fs::{self, File},
    io::{self, BufWriter},
    num::NonZeroU32,
    path::{Path, PathBuf},
};
use sync_component::{BlockId, ports::ReadChain};
use tempfile::TempDir;

/// A change of the chain's rules, keys or files is a new number, or what an older program kept would be taken for it.
const VERSION: u32 = 2;

/// The blocks, by name, for the import from a file.
const FILE: &str = "chain.bin";

/// Where the chain ends. Written last: without it the folder is not whole.
const TIP: &str = "tip.json";

/// Which chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::benchmark) struct ChainPlan {
    /// Blocks above genesis.
    pub(in crate::benchmark) blocks: NonZeroU32,
    /// Transfers in each.
    pub(in crate::benchmark) transfers: usize,
    /// Accounts with a balance.
    pub(in crate::benchmark) accounts: Accounts,
}

/// A chain that is ready.
#[derive(Clone, Debug)]
pub(in crate::benchmark) struct Ready {
    /// Its folder.
    pub(in crate::benchmark) folder: PathBuf,
    /// The file with its blocks.
    pub(super) file: PathBuf,
    /// Where it ends.
    pub(in crate::benchmark) tip: Tip,
}

/// The keys that seal it.
pub(super) fn authorities() -> Vec<sr25519::Pair> {
    ground::keys(KeyUse::Authority, 1)
}

/// Its spec.
pub(in crate::benchmark) fn spec(accounts: Accounts) -> ChainSpec {
    ground::spec_with(&authorities(), SLOT, accounts)
}

/// Where its store lies in its folder.
pub(super) fn store_in(folder: &Path) -> PathBuf {
    folder.join("db")
}

/// The chain of `plan` below `base`; built first if it is not there.
pub(in crate::benchmark) fn ready<W: Watch>(
    base: &Path,
    plan: &ChainPlan,
    watch: &mut W,
) -> Result<Ready, BenchmarkError> {
    let accounts = match plan.accounts {
        usual if usual == Accounts::default() => String::new(),
        Accounts(count) => format!("-{count}-accounts"),
    };
    let name = format!(
        "chain-{VERSION}-{}-blocks-of-{}-transfers{accounts}",
        plan.blocks, plan.transfers
    );
    let folder = base.join(name);
    if !folder.join(TIP).exists() {
        let draft = tempfile::Builder::new()
            .prefix("building-")
            .tempdir_in(base)
            .map_err(at(base))?;
        build(draft.path(), plan, watch)?;
        put(draft, &folder)?;
    }
    let path = folder.join(TIP);
    let text = fs::read(&path).map_err(at(&path))?;
    let tip = serde_json::from_slice(&text).map_err(|error| at(&path)(error.into()))?;
    Ok(Ready {
        file: folder.join(FILE),
        folder,
        tip,
    })
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> BenchmarkError {
    let path = path.to_owned();
    move |source| BenchmarkError::Path { path, source }
}

/// The finished draft to its place, unless another benchmark was quicker.
fn put(draft: TempDir, folder: &Path) -> Result<(), BenchmarkError> {
    match fs::rename(draft.path(), folder) {
        Ok(()) => {
            // Nothing is there any more that could be removed.
            let _ = draft.keep();
            Ok(())
        }
        Err(_) if folder.join(TIP).exists() => Ok(()),
        Err(error) => Err(at(folder)(error)),
    }
}

fn build<W: Watch>(folder: &Path, plan: &ChainPlan, watch: &mut W) -> Result<(), BenchmarkError> {
    let (authorities, spec) = (authorities(), spec(plan.accounts));
    let chain = ground::open(&store_in(folder), &spec)?;
    let mut payments = Payments::new(chain.genesis_hash());
    let total = u64::from(plan.blocks.get());
    let last = ground::last_slot(&spec);
    for done in 0..total {
        let doing = "building the chain";
        watch.told(Told::Blocks { doing, done, total });
        if watch.next() == Next::Stop {
            return Err(BenchmarkError::Stopped);
        }
        let slot = last.saturating_sub(total - 1 - done);
        let extrinsics = payments.next(plan.transfers);
        ground::extend(&chain, &authorities, slot, extrinsics)?;
    }
    write_file(&chain, &folder.join(FILE), watch)?;
    let BlockId { number, hash } = ReadChain::<Block>::best(&chain);
    let tip = serde_json::to_vec(&Tip { number, hash }).expect("a tip has text keys only");
    let path = folder.join(TIP);
    fs::write(&path, tip).map_err(at(&path))
}

fn write_file<W: Watch>(chain: &Chain, path: &Path, watch: &mut W) -> Result<(), BenchmarkError> {
    let range = BlockRange {
        from: 1,
        to: chain.best().number,
    };
    let file = File::create_new(path).map_err(at(path))?;
    let writer = BlockWriter::begin(BufWriter::new(file), Format::Binary, range.count());
    let mut writer = writer.map_err(at(path))?;
    let end = export(chain, range, &mut writer, &mut |written| {
        watch.told(Told::Blocks {
            doing: "writing the chain to a file",
            done: written.blocks,
            total: range.count(),
        });
        watch.next()
    });
    if end? == End::Stopped {
        return Err(BenchmarkError::Stopped);
    }
    writer.finish().map(drop).map_err(at(path))
}
