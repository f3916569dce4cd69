use crate::Genesis;
use sp_consensus_aura::{SlotDuration, sr25519::AuthorityId};
use sp_core::H256;
use sync_component::SyncSettings;

/// A checked chain specification. Every node of a chain needs the same one.
#[derive(Clone, Debug, PartialEq)]
pub struct ChainSpec {
    /// `name`: for people.
    pub name: String,
    /// `id`: names the folder below `chains/`; letters, digits, `-`, `_`, `.`.
    pub id: String,
    /// `type`.
    pub chain_type: ChainType,
    /// `[properties]`: for wallets; served as it is.
    pub properties: toml::Table,
    /// `authorities`: SS58 addresses in slot order; at least one, none twice.
    pub authorities: Vec<AuthorityId>,
    /// `slot_duration_ms`.
    pub slot_duration: SlotDuration,
    /// `[genesis]`.
    pub genesis: Genesis,
    /// `bootnodes`: multiaddresses that end in `/p2p/<peer id>`.
    pub bootnodes: Vec<String>,
    /// `reserved_nodes`: as bootnodes; connected always, and declared trusted.
    pub reserved_nodes: Vec<String>,
    /// `bad_blocks`: hashes that are never valid.
    pub bad_blocks: Vec<H256>,
    /// `[[checkpoints]]`: the only valid block at a height.
    pub checkpoints: Vec<Checkpoint>,
    /// `[sync]`.
    pub sync: SyncSettings,
}

/// `type`: Substrate's kinds of chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChainType {
    /// `Development`: one machine, one node.
    Development,
    /// `Local`: one machine, several nodes.
    Local,
    /// `Live`: a real network.
    Live,
}

/// A block that every valid chain holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Its number; at least 1.
    pub number: u32,
    /// Its hash.
    pub hash: H256,
}
