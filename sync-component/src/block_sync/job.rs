use crate::{
    block_id::{BlockId, height},
    error::{Blame, LocalFault, NetworkError},
    headers::{Delivery, VerifiedTip},
    ports::{BlockFault, BridgeError, JobLost},
};
use sp_runtime::traits::Block as BlockT;
use std::sync::Arc;
use tokio::sync::watch;

/// What one session fetches: the blocks of verified headers above a stored block, at most `tier2_max_gap` of them. A job of the
/// background goes on with what is verified meanwhile ([`FetchJob::headers_above`]): windows in a row.
#[derive(Clone, Debug)]
pub struct FetchJob<B: BlockT> {
    /// The stored block that the first one follows.
    pub base: BlockId<B>,
    /// Highest block of our best chain that the run builds on; `base` unless it is a branch.
    pub ancestor: BlockId<B>,
    run: VerifiedTip<B>,
    onward: Option<Onward<B>>,
}

/// The verified run that a session follows, as it grows: the newest one.
pub(crate) type Onward<B> = watch::Receiver<Option<VerifiedTip<B>>>;

impl<B: BlockT> FetchJob<B> {
    /// The first `most` blocks of `run`.
    pub fn new(run: &VerifiedTip<B>, most: u64) -> Self {
        let most = usize::try_from(most).unwrap_or(usize::MAX).max(1);
        Self {
            base: run.base,
            ancestor: run.ancestor,
            run: run.first(most).unwrap_or_else(|| run.clone()),
            onward: None,
        }
    }

    /// The same, that goes on while `onward` shows more of the chain: windows in a row, without a pause between them
    /// (`join_windows`).
    pub(crate) fn going_on(self, onward: Onward<B>) -> Self {
        Self {
            onward: Some(onward),
            ..self
        }
    }

    /// The verified headers above `reached`, the last one that is known: what came since the session began, windows in a row.
    /// None if the session ends there, as far as is known now.
    pub fn headers_above(&mut self, reached: &BlockId<B>) -> Vec<Arc<B::Header>> {
        let Some(onward) = &mut self.onward else {
            return Vec::new();
        };
        let newest = onward.borrow_and_update();
        let above = newest.as_ref().and_then(|run| run.above(reached));
        above.unwrap_or_default().to_vec()
    }

    /// The same as one run with what is below it, if there is more than `reached`.
    pub(crate) fn run_beyond(&mut self, reached: &BlockId<B>) -> Option<VerifiedTip<B>> {
        let newest = self.onward.as_mut()?.borrow_and_update();
        let run = newest.as_ref()?;
        let goes_on = run.above(reached).is_some_and(|above| !above.is_empty());
        goes_on.then(|| run.clone())
    }

    /// The verified run whose blocks are to be fetched.
    pub(crate) fn run(&self) -> &VerifiedTip<B> {
        &self.run
    }

    /// Returns when [`FetchJob::headers_above`] may say something new; never if it will not.
    pub async fn grown(&mut self) {
        if let Some(onward) = &mut self.onward
            && onward.changed().await.is_ok()
        {
            return;
        }
        std::future::pending::<()>().await;
    }

    /// The verified headers whose blocks are to be fetched, rising; at least one.
    pub fn headers(&self) -> &[Arc<B::Header>] {
        self.run.headers()
    }

    /// The last block of the session.
    pub fn target(&self) -> BlockId<B> {
        self.run.tip()
    }

    /// Whether blocks of ours leave the best chain if this becomes it, `ours` being our tip.
    pub fn is_branch(&self, ours: &BlockId<B>) -> bool {
        self.ancestor != *ours
    }
}

/// Why a session ended before its target. Blocks imported until then stay.
#[derive(Clone, Debug, thiserror::Error)]
pub enum FetchError<B: BlockT> {
    /// No peer delivered this block; asked were all that claim it, until `tier2_max_retries` failed.
    #[error(
        "no peer delivered block {id}: {attempts} attempts failed, {busy} of {peers} peers were busy"
    )]
    NotDelivered {
        /// The block.
        id: BlockId<B>,
        /// Attempts that failed.
        attempts: u32,
        /// Peers that claim to have it and were asked.
        peers: usize,
        /// How many of them were busy: while one is, nothing is withheld.
        busy: usize,
    },
    /// Nobody was asked: whoever is connected and has this block says to serve blocks from a higher one on only.
    #[error(
        "whoever is connected and has block {id} serves no blocks below {lowest}: connect a peer that has every block, or have this node begin with the network's state, by `resync --strategy snapshot`"
    )]
    BeginAbove {
        /// The block.
        id: BlockId<B>,
        /// The lowest block that any of them serves.
        lowest: u64,
    },
    /// The body delivered does not belong to the verified header; its sender was charged.
    #[error("the body delivered for block {id} does not belong to its header")]
    WrongBody {
        /// The block.
        id: BlockId<B>,
    },
    /// The block is not valid here and nobody can be charged: our own fault is possible. It is parked.
    #[error("block {id} is refused: {fault}")]
    Unplaceable {
        /// The block.
        id: BlockId<B>,
        /// What is wrong with it.
        fault: BlockFault,
        /// Whether a second peer delivered the same bytes.
        delivery: Delivery,
    },
    /// The block lies in our future by now: a clock was set back. It is put off.
    #[error("block {id} lies in the future; it is tried again, but check this machine's clock")]
    FromFuture {
        /// The block.
        id: BlockId<B>,
    },
    /// The branch can no longer be taken: the chain moved on meanwhile. The next round finds another target.
    #[error("the target was overtaken: block {id} no longer fits our chain")]
    Overtaken {
        /// The block that did not fit.
        id: BlockId<B>,
    },
    /// A fault of ours.
    #[error(transparent)]
    Local(#[from] LocalFault),
}

impl<B: BlockT> FetchError<B> {
    /// Whose fault it is.
    pub fn blame(&self) -> Blame {
        match self {
            Self::Local(_) => Blame::Local,
            _ => Blame::Unknown,
        }
    }
}

impl<B: BlockT> From<BridgeError> for FetchError<B> {
    fn from(error: BridgeError) -> Self {
        Self::Local(error.into())
    }
}

impl<B: BlockT> From<JobLost> for FetchError<B> {
    fn from(error: JobLost) -> Self {
        Self::Local(error.into())
    }
}

impl<B: BlockT> From<FetchError<B>> for NetworkError {
    fn from(error: FetchError<B>) -> Self {
        match error {
            FetchError::NotDelivered { id, .. }
            | FetchError::BeginAbove { id, .. }
            | FetchError::WrongBody { id }
            | FetchError::Unplaceable { id, .. }
            | FetchError::FromFuture { id }
            | FetchError::Overtaken { id } => Self::BlockNotFound {
                number: height::<B>(id.number),
            },
            FetchError::Local(fault) => Self::Local(fault),
        }
    }
}
