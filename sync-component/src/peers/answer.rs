use crate::{
    error::Blame,
    ports::RequestFailure,
    wire::{DecodeError, RefusedReason},
};
use std::time::Duration;

/// A peer's answer to a range request, other than items.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RangeAnswer<T> {
    /// Contiguous from the requested start, on the parent named; at least one.
    Items(Vec<T>),
    /// The peer does not have it. No offence.
    NotFound,
    /// Ask again after this time.
    Busy(Duration),
}

/// Why a request brought no usable answer.
#[derive(Clone, Debug, thiserror::Error)]
pub enum RequestError {
    /// No bytes came.
    #[error(transparent)]
    Failed(#[from] RequestFailure),
    /// The reply does not decode.
    #[error("the reply is broken: {0}")]
    Broken(#[from] DecodeError),
    /// The reply decodes and does not answer the question.
    #[error("the reply does not answer the question: {0}")]
    OffTopic(OffTopic),
    /// The peer called our request ill-formed.
    #[error("the peer refused the request: {0:?}")]
    Refused(RefusedReason),
    /// The peer is busy.
    #[error("the peer is busy for {} ms", .0.as_millis())]
    Busy(Duration),
}

/// In what way a reply misses the question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OffTopic {
    /// A reply of another kind.
    #[error("it is of another kind")]
    Kind,
    /// Another genesis hash than the protocol's name carries.
    #[error("its genesis hash is another")]
    Genesis,
    /// Items that do not start where asked, or do not follow each other.
    #[error("the items are not the range asked for")]
    Range,
    /// None, or more than asked for.
    #[error("the number of items is wrong")]
    Count,
}

impl RequestError {
    /// Whose fault it is.
    pub fn blame(&self) -> Blame {
        match self {
            Self::Broken(_) | Self::OffTopic(_) | Self::Failed(RequestFailure::BrokenEnvelope) => {
                Blame::Peer
            }
            Self::Failed(RequestFailure::TooManyInFlight) => Blame::Local,
            Self::Failed(_) | Self::Refused(_) | Self::Busy(_) => Blame::Unknown,
        }
    }
}

impl<T> RangeAnswer<T> {
    /// The items, if there are any.
    pub fn into_items(self) -> Option<Vec<T>> {
        match self {
            Self::Items(items) => Some(items),
            Self::NotFound | Self::Busy(_) => None,
        }
    }
}
