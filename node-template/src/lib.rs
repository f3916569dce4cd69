//! A node with the three-tier sync component. Replace `runtime` by your own to make it yours.

pub mod cli;
pub mod localnet;
pub mod service;
pub mod status_view;

type Block = sp_runtime::generic::Block<
    sp_runtime::generic::Header<u32, sp_runtime::traits::BlakeTwo256>,
    sp_runtime::OpaqueExtrinsic,
>;
