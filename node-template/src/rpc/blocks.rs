//! Blocks and their numbers, as Substrate's tools write them.

use crate::Block;
use serde::{Deserialize, Deserializer, Serialize, de::Error};
use sp_core::H256;

/// Most numbers in one call. Too low: tools that fetch many hashes at once are refused; too high: one call keeps the
/// store busy.
pub(super) const NUMBERS_MAX: usize = 1_024;

/// The argument of `chain_getBlockHash`: one number or a list of them.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(
    untagged,
    expecting = "the number of a block is expected, plain or as 0x and hex, or a list of them"
)]
pub enum BlockNumbers {
    /// A list; the answer is one, too.
    List(Vec<BlockNumber>),
    /// One.
    One(BlockNumber),
}

/// A number, plain or as `0x` and hex.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockNumber(pub u64);

impl<'de> Deserialize<'de> for BlockNumber {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Plain(u64),
            Hex(String),
        }
        let text = match Written::deserialize(deserializer)? {
            Written::Plain(number) => return Ok(Self(number)),
            Written::Hex(text) => text,
        };
        let number = text
            .strip_prefix("0x")
            .and_then(|digits| u64::from_str_radix(digits, 16).ok());
        number
            .map(Self)
            .ok_or_else(|| D::Error::custom("a block number is a number, or 0x and hex digits"))
    }
}

/// The answer of `chain_getBlockHash`; `null` above the tip.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum BlockHashes {
    /// For a list.
    List(Vec<Option<H256>>),
    /// For one number.
    One(Option<H256>),
}

/// The answer of `chain_getBlock`: a signed block, as Substrate calls it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockView {
    /// The block; its seal is in the header's digest.
    pub block: Block,
    /// Always `null`: this chain has no finality gadget whose justifications it would hold.
    pub justifications: Option<()>,
}
