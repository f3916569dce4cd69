//! Executing blocks: the [`Runtime`] that a chain brings, and the [`State`] it works on.

mod runtime;
mod state;

pub use runtime::{BlockContext, ExecutionError, Runtime, SignedPayload};
pub use state::{State, StateError, StateReader};
