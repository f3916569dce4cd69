//! JSON-RPC over HTTP and WebSocket, in Substrate's shapes (SPEC section 12).

mod accept;
mod answers;
mod api;
mod blocks;
mod body;
mod bounded;
mod connection;
mod cors;
mod gate;
mod hexed;
mod line;
mod methods;
mod peers;
mod places;
mod present;
mod readiness;
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
pub use present::{Live, Present};
pub use resync::{BackupView, CountedView, LastRunView, PlanView, ResyncParams, ResyncView};
pub use server::{Access, RpcStartError, Server, Serving};
pub use token::{MethodsOffered, Token};
