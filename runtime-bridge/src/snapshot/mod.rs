//! States by range with proofs, and chains that begin with one (SPEC section 7, `snapshot`).
//!
//! A proof is the nodes of the state trie that a depth-first walk meets on its way to the entries after some key, in that
//! order, each as often as the walk comes to it. Whoever receives it walks the same way, and takes each node only if it has
//! the hash that the walk asks for next. So nothing can be left out, added, repeated, altered or put elsewhere: the first
//! node that is not the next one ends it. Where the list ends the walk ends; that the state ends there only the walk says.
//!
//! A state is one trie: the walk goes below no root that a value holds, such as those of Substrate's `:child_storage:`.

mod building;
mod kept;
mod prove;
mod record;
#[cfg(test)]
mod tests;
mod verify;
mod walk;
mod whole;

pub(crate) use building::{Building, Extent};
pub(crate) use kept::nodes_of;
pub(crate) use prove::prove;
pub use record::{SnapshotRecord, StateRecord};
pub(crate) use verify::verify;
pub(crate) use walk::WalkEnd;
pub(crate) use whole::is_whole;
