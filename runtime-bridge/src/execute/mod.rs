//! Executing blocks: the [`Runtime`] that a chain brings, and the [`State`] it works on.

mod recent;
mod runtime;
mod state;
#[cfg(test)]
mod tests;
mod trie;

pub use recent::RecentNodes;
pub use runtime::{AuthoritySet, BlockContext, ExecutionError, Runtime, SignedPayload};
pub use state::{State, StateChanges, StateError, StateReader};
pub use trie::{NewNodes, NodeSource, TrieState, first_state};
