//! JSON-RPC over HTTP and WebSocket, in Substrate's shapes (SPEC section 12).

mod answers;
mod api;
mod blocks;
mod cors;
mod gate;
mod methods;
mod peers;
mod resync;
mod server;
mod subscriptions;
mod token;

#[cfg(test)]
mod tests;

pub use answers::{
    ChainFacts, Health, NodeFacts, PeerInfo, PeersExpected, StrategyEntry, SyncState,
};
pub use blocks::{BlockHashes, BlockNumber, BlockNumbers, BlockView};
pub use cors::{NotAnOrigin, Origin, Origins};
pub use methods::Rpc;
pub use peers::{BanView, PeerView};
pub use resync::{BackupView, LastRunView, PlanView, ResyncParams, ResyncView};
pub use server::{Access, RpcStartError, Server, Serving};
pub use token::{MethodsOffered, Token};
