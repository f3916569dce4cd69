//! The block store: columns of a key-value database, and the folder that holds it (SPEC sections 1 and 7).
//!
//! | column | key | value |
//! |---|---|---|
//! | [`column::META`] | `head` | SCALE of [`Head`] |
//! | [`column::META`] | `snapshot` | SCALE of [`SnapshotRecord`](crate::snapshot::SnapshotRecord); only in a chain that begins with one |
//! | [`column::HEADER`] | number, u64 big-endian, and block hash | SCALE header |
//! | [`column::BODY`] | the same | SCALE list of extrinsics; none below a snapshot |
//! | [`column::INDEX`] | number, u64 big-endian | hash of the best chain's block |
//! | [`column::STATE`] | hash of a trie node | the node; old ones stay (archive) |
//! | [`column::NUMBER`] | block hash | number, u64 |

mod error;
mod folder;
#[cfg(test)]
mod folder_tests;
mod head;
mod lock;
mod tables;

pub use error::StoreError;
pub(crate) use folder::draft_of;
pub use folder::{FORMAT, LogLimit, Marker, open_folder};
pub use head::Head;
pub use lock::{Lock, LockError};
pub use tables::{Base, Changes, Store, column};
