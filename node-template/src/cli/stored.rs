//! `revert` and `check-block`: what an operator does with the chain of a stopped node.

use super::{
    CliError, ExitCode,
    args::{CheckBlockArgs, PlaceArgs, RevertArgs},
    confirm::{Answer, ask},
    place::Place,
    print,
    progress::Progress,
};
use crate::{
    Block,
    service::{ChainFolder, Offline},
};
use runtime_bridge::store::StoreError;
use sp_core::H256;
use sync_component::ports::{BlockFault, BridgeError, HeaderFault, ImportError, ReadChain};

/// Takes the newest blocks back, after a question.
pub(super) fn revert(args: &RevertArgs) -> Result<ExitCode, CliError> {
    let offline = open(&args.place)?;
    let (best, finalized) = (offline.chain.best(), offline.chain.finalized());
    let lowest = best.number.saturating_sub(args.num).max(finalized.number);
    if lowest == best.number {
        print(&format!(
            "nothing to revert: best #{}, finalized #{}, and what is final stays\n",
            best.number, finalized.number
        ))?;
        return Ok(ExitCode::Done);
    }
    print(&format!(
        "This removes the blocks #{} to #{} from this machine. Keys and the record `signed` stay.\n",
        lowest + 1,
        best.number
    ))?;
    if !args.yes {
        let (mut input, mut output) = (std::io::stdin().lock(), std::io::stdout().lock());
        if ask("Remove them?", &mut input, &mut output)? == Answer::No {
            return Err(CliError::NotConfirmed);
        }
    }
    let busy = Progress::busy("removing blocks");
    let reverted = offline.chain.revert(args.num.into());
    drop(busy);
    let reverted = reverted.map_err(CliError::Chain)?;
    print(&format!(
        "best is #{} ({:?}) now\n",
        reverted.to.number, reverted.to.hash
    ))?;
    Ok(ExitCode::Done)
}

/// Checks a stored block once more, at its parent's state.
pub(super) fn check_block(args: &CheckBlockArgs) -> Result<ExitCode, CliError> {
    let offline = open(&args.place)?;
    let chain = &offline.chain;
    let not_stored = || CliError::NotStored {
        given: args.block.clone(),
    };
    let number = args.block.parse::<u32>().ok();
    let hash = match number {
        Some(number) => chain.canonical_hash(number).map_err(CliError::Chain)?,
        None => args.block.parse::<H256>().ok(),
    };
    let hash = hash.ok_or_else(not_stored)?;
    let checked = chain
        .check_again(hash)
        .map_err(|error| refusal(hash, error))?;
    let id = checked.ok_or_else(not_stored)?;
    if number.is_some_and(|number| number != id.number) {
        let what = "the index of numbers";
        return Err(CliError::Chain(BridgeError::new(StoreError::Damaged {
            what,
        })));
    }
    print(&format!(
        "#{} {hash:?} holds: header, seal, body, and the state root that executing it gives\n",
        id.number
    ))?;
    Ok(ExitCode::Done)
}

/// A block is bad only if something is wrong with the block: neither this machine's store nor its clock is the block's fault.
fn refusal(hash: H256, error: ImportError<Block>) -> CliError {
    match error {
        ImportError::Local(error) => CliError::Chain(error),
        ImportError::Invalid {
            fault: BlockFault::Header(HeaderFault::FromFuture { slot }),
            ..
        } => CliError::BlockFromFuture { hash, slot },
        error => CliError::BadBlock {
            hash,
            why: error.to_string(),
        },
    }
}

/// The chain of `args`, which has to be here.
pub(super) fn open(args: &PlaceArgs) -> Result<Offline, CliError> {
    let place = Place::of(args)?;
    if !place.folder.exists() {
        return Err(CliError::NoChain {
            chain: place.spec.id,
            folder: place.folder,
        });
    }
    Ok(Offline::open(&ChainFolder::at(&place.folder), &place.spec)?)
}
