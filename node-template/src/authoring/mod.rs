//! Authoring: in each slot of ours, ask the gate, build on the block that it cleared, seal, import (SPEC sections 1
//! and 5). The component announces what was imported.

mod author;
mod error;
mod foreign;
mod slots;

#[cfg(test)]
mod tests;

pub use author::Author;
pub use error::{AuthorError, SlotLost};
pub use foreign::KeyUsedElsewhere;
pub use slots::{Moment, Slots};

use crate::runtime::{Block, TemplateRuntime};

/// The chain that authoring builds on.
pub type Chain = runtime_bridge::RuntimeBridge<Block, TemplateRuntime>;
