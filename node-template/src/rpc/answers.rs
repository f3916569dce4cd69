use crate::{Block, network::ListenAddresses};
use serde::{Deserialize, Serialize};
use sp_runtime::traits::NumberFor;
use sync_component::{
    orchestrator::PeerReport,
    registry::{Selection, StrategyInfo},
    wire::Roles,
};

/// What does not change while the node runs.
#[derive(Clone, Debug)]
pub struct NodeFacts {
    /// The chain, as its spec names it.
    pub chain: ChainFacts,
    /// What this node does.
    pub roles: Roles,
    /// Our identity, in base 58.
    pub peer_id: String,
    /// Where peers reach us.
    pub addresses: ListenAddresses,
    /// Whether peers are to be expected.
    pub peers_expected: PeersExpected,
    /// The best block at the start.
    pub starting_block: NumberFor<Block>,
    /// Longest block of the chain, encoded, in bytes.
    pub block_bytes: usize,
    /// The registry's strategies, those in use marked.
    pub strategies: Vec<StrategyInfo>,
}

/// What the chain spec says for people and wallets.
#[derive(Clone, Debug)]
pub struct ChainFacts {
    /// `name`.
    pub name: String,
    /// `type`.
    pub kind: &'static str,
    /// `[properties]`.
    pub properties: serde_json::Value,
}

/// Whether a node should have peers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeersExpected {
    /// It is one of a network.
    Yes,
    /// It is isolated, or its chain needs no others.
    No,
}

/// `system_health`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Health {
    /// Connected peers of our chain.
    pub peers: usize,
    /// Whether a verified target lies more than `tier1_max_gap` above us.
    pub is_syncing: bool,
    /// Whether peers are to be expected.
    pub should_have_peers: bool,
}

/// `system_syncState`; heights.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SyncState {
    /// Our best block at the start.
    pub starting_block: u64,
    /// Our best block now.
    pub current_block: u64,
    /// The highest block that we know to exist.
    pub highest_block: u64,
}

/// One entry of `system_peers`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PeerInfo {
    /// Its identity, in base 58.
    pub peer_id: String,
    /// `AUTHORITY` or `FULL`, as it says.
    pub roles: String,
    /// Hash of the block that it claims as its best.
    pub best_hash: String,
    /// Height of that block.
    pub best_number: u64,
}

impl From<&PeerReport<Block>> for PeerInfo {
    fn from(report: &PeerReport<Block>) -> Self {
        Self {
            peer_id: report.peer.to_string(),
            roles: roles(report.roles).to_owned(),
            best_hash: format!("{:?}", report.best.hash),
            best_number: report.best.height(),
        }
    }
}

fn roles(roles: Roles) -> &'static str {
    match roles {
        Roles::Authority => "AUTHORITY",
        Roles::Full => "FULL",
    }
}

/// One entry of `sync_strategies`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StrategyEntry {
    /// 1, 2 or 3.
    pub tier: u8,
    /// Its name in the registry.
    pub name: String,
    /// Whether the settings select it.
    pub selected: bool,
}

impl From<&StrategyInfo> for StrategyEntry {
    fn from(info: &StrategyInfo) -> Self {
        Self {
            tier: info.tier.number(),
            name: info.name.clone(),
            selected: info.selection == Selection::Selected,
        }
    }
}
