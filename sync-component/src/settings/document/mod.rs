//! A settings file as a tree that knows where each part stands, and everything that is wrong with it at once.
//!
//! The `[sync]` table and the whole chain spec are read through this, from TOML or from JSON. A reader takes keys from a
//! [`Section`] by [`Rule`]; whatever does not fit is noted and reading goes on, so that one start shows all there is to
//! correct. Only where the text itself is broken (its syntax) the content is not looked at: half a tree would be
//! reported as missing keys that are there.

mod file;
mod free;
mod json;
mod nearest;
mod node;
mod problem;
mod rule;
mod section;
mod toml_text;

#[cfg(test)]
mod tests;

pub use file::{Document, DocumentError, Format, MAX_DOCUMENT_BYTES};
pub use free::free_table;
pub use node::{Entry, Node, NodeValue};
pub use problem::{Fault, Location, Problem, ProblemReport, Problems};
pub use rule::{Rule, decimal, integer_or_text, one_of, text, truth, whole};
pub use section::Section;
