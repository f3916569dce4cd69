//! Executing blocks: the [`Runtime`] that a chain brings, and the [`State`] it works on.

mod runtime;
mod state;
mod trie;

pub use runtime::{AuthoritySet, BlockContext, ExecutionError, Runtime, SignedPayload};
pub use state::{State, StateChanges, StateError, StateReader};
pub use trie::{NewNodes, TrieState, first_state};
