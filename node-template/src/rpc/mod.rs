//! JSON-RPC over HTTP and WebSocket, in Substrate's shapes (SPEC section 12).

mod answers;
mod api;
mod blocks;
mod methods;
mod server;

#[cfg(test)]
mod tests;

pub use answers::{Health, NodeFacts, PeerInfo, PeersExpected, StrategyEntry, SyncState};
pub use blocks::{BlockHashes, BlockNumber, BlockNumbers};
pub use methods::Rpc;
pub use server::{RpcStartError, Server};
