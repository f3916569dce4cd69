//! Tier 3: the full resync, which only an operator starts (SPEC section 7).
//!
//! A second chain is built and validated in *staging* beside the live one, the voters are asked whether it is theirs, and
//! the two stores are exchanged. This room decides; files are moved by whoever implements [`Staging`].

mod asking;
mod end;
mod error;
mod flow;
mod full_chain;
mod guides;
mod journal;
mod manager;
mod multi_source;
mod order;
mod poll;
mod progress;
mod snapshot;
mod sources;
mod stray;
mod vote;

#[cfg(test)]
mod tests;

pub use error::{ResyncError, SourceFault};
pub use full_chain::FullChain;
pub use journal::{
    BackupName, Found, Held, Journal, JournalError, OutOfOrder, Recovery, RestoreRun, ResyncRun,
    Run, Stage, StoreId, Swap, recovery,
};
pub use manager::{ChainSyncManager, ResyncJob, Staging};
pub use multi_source::MultiSource;
pub use order::{BadRequest, OperatorsOrder, ResyncRequest};
pub use poll::Voters;
pub use progress::{Counted, Progress, ResyncStage, ResyncWatch};
pub use snapshot::Snapshot;
pub use sources::{Source, Voucher};
pub use vote::{Ballot, NotVoted, Place, StagedChain, Votes, voted_block};
