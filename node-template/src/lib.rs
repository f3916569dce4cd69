//! A node with the three-tier sync component. Replace `runtime` by your own to make it yours.

pub mod cli;
pub mod localnet;
pub mod network;
pub mod rpc;
pub mod service;
pub mod status_view;
pub mod telemetry;

type Header = sp_runtime::generic::Header<u32, sp_runtime::traits::BlakeTwo256>;
type Block = sp_runtime::generic::Block<Header, sp_runtime::OpaqueExtrinsic>;
