//! How a node's position is shown to people and programs: one JSON shape, one text, one set of exit codes
//! (SPEC sections 10 to 12). The RPC sends [`StatusView`], `node-template status` and `localnet` read it.

mod client;
mod header;
mod node_file;
mod session;
mod text;
mod view;

#[cfg(test)]
mod tests;

pub use client::{ClientError, Health, NodeClient};
pub use header::{DigestView, HeaderView};
pub use node_file::{NodeFile, NodeFileError};
pub(crate) use session::Session;
pub(crate) use text::{Hashes, LABEL, counted, short_hash};
pub use view::{BlockView, DutyView, NoteView, ProgressView, StatusView, VerdictKind};
