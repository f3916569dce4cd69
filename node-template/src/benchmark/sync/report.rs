//! What the process that measures and its workers say to each other: an order on the command line, reports as lines of JSON.

use super::{import::ImportOrder, join::JoinOrder, serve::ServeOrder};
use serde::{Deserialize, Serialize};
use sp_core::H256;
use std::collections::BTreeMap;

/// What a worker does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// It serves the chain.
    Serve(ServeOrder),
    /// It joins.
    Join(JoinOrder),
    /// It imports from a file.
    Import(ImportOrder),
}

/// The block that a chain ends with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::benchmark) struct Tip {
    /// Its number.
    pub number: u32,
    /// Its hash.
    pub hash: H256,
}

/// What a worker says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Report {
    /// It serves at these addresses.
    Serving(Vec<String>),
    /// So many blocks are there.
    Blocks(u64),
    /// All of them, from a file.
    Imported(Imported),
    /// All of them, from peers.
    Joined(Joined),
    /// It has stopped serving.
    Served(Served),
    /// It cannot.
    Failed(String),
}

/// An import from a file.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Imported {
    /// How long it took.
    pub seconds: f64,
}

/// A sync.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Joined {
    /// From the first request to the last import.
    pub seconds: f64,
    /// From the first request to the first import.
    pub lead_seconds: f64,
    /// CPU time of the process.
    pub cpu_seconds: f64,
    /// Most memory that it held.
    pub peak_rss_bytes: u64,
    /// Bytes of message bodies that came.
    pub bytes_received: u64,
    /// Seconds in each stage, over all threads.
    pub stages: BTreeMap<String, f64>,
}

/// Serving.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Served {
    /// CPU time of the process.
    pub cpu_seconds: f64,
    /// Bytes of message bodies that left.
    pub bytes_sent: u64,
}
