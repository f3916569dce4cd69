//! A node with the three-tier sync component. Replace [`runtime`] by your own to make it yours.

mod advice;
pub mod authoring;
pub mod benchmark;
pub mod block_file;
pub mod cli;
pub mod keystore;
pub mod localnet;
pub mod network;
pub mod pool;
mod port;
pub mod rpc;
pub mod runtime;
pub mod service;
pub mod status_view;
pub mod telemetry;
mod terminal;

use runtime::{Block, Header};
