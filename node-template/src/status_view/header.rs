use codec::Decode;
use serde::Deserialize;
use sp_runtime::{ConsensusEngineId, DigestItem};

/// `chain_getHeader`, as far as this program reads it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HeaderView {
    /// Distance from genesis, `0x` and hex, as Substrate writes it.
    pub number: String,
    /// Hash of the block below, `0x` and hex.
    pub parent_hash: String,
    /// The digest.
    pub digest: DigestView,
}

/// The digest of a [`HeaderView`].
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct DigestView {
    /// SCALE encoded items, `0x` and hex.
    pub logs: Vec<String>,
}

const AURA: ConsensusEngineId = *b"aura";

impl HeaderView {
    /// The slot that the AURA item names; `None` at genesis, and in a header that is none of an AURA chain.
    pub fn slot(&self) -> Option<u64> {
        self.digest.logs.iter().find_map(|log| {
            let bytes = hex::decode(log.strip_prefix("0x")?).ok()?;
            match DigestItem::decode(&mut bytes.as_slice()).ok()? {
                DigestItem::PreRuntime(AURA, slot) => u64::decode(&mut slot.as_slice()).ok(),
                _ => None,
            }
        })
    }
}
