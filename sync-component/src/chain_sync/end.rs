use super::{ResyncError, SourceFault};
use sp_runtime::traits::Block as BlockT;

/// Why a download from one source ended early.
pub(super) enum End<B: BlockT> {
    /// The source's fault: another one may go on.
    Fault(SourceFault<B>),
    /// Our own: nothing goes on.
    Local(ResyncError<B>),
}

impl<B: BlockT> From<SourceFault<B>> for End<B> {
    fn from(fault: SourceFault<B>) -> Self {
        Self::Fault(fault)
    }
}

impl<B: BlockT> From<ResyncError<B>> for End<B> {
    fn from(error: ResyncError<B>) -> Self {
        Self::Local(error)
    }
}
