//! Headers as clients of Substrate know them: the shape of their JSON, and the bytes whose hash is the block's.

use blake2::{Blake2b, Digest as _, digest::consts::U32};
use codec::{Decode, Encode};
use primitive_types::{H256, U256};
use serde::{Deserialize, Deserializer, de::Error};

/// A header.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Header {
    pub parent_hash: H256,
    #[codec(compact)]
    #[serde(deserialize_with = "number")]
    pub number: u32,
    pub state_root: H256,
    pub extrinsics_root: H256,
    pub digest: Digest,
}

/// What the author adds.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Digest {
    #[serde(deserialize_with = "items")]
    pub logs: Vec<Item>,
}

/// One item of a digest; the kinds that AURA has.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Item {
    #[codec(index = 5)]
    Seal([u8; 4], Vec<u8>),
    #[codec(index = 6)]
    PreRuntime([u8; 4], Vec<u8>),
}

impl Header {
    /// The block's hash.
    pub fn hash(&self) -> H256 {
        let digest: [u8; 32] = Blake2b::<U32>::digest(self.encode()).into();
        H256(digest)
    }
}

impl Digest {
    /// The engine of the item before the seal and that of the seal, if there is one of each and nothing else.
    pub fn engines(&self) -> Option<[String; 2]> {
        let name = |engine: &[u8; 4]| String::from_utf8_lossy(engine).into_owned();
        match self.logs.as_slice() {
            [Item::PreRuntime(slot, _), Item::Seal(seal, _)] => Some([name(slot), name(seal)]),
            _ => None,
        }
    }
}

/// A hexadecimal text, and nothing else.
fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let wide = U256::deserialize(deserializer)?;
    u32::try_from(wide).map_err(D::Error::custom)
}

/// Hexadecimal texts, each of the bytes of one item.
fn items<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Item>, D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    let item = |text: &String| {
        let digits = text.strip_prefix("0x").ok_or("no 0x")?;
        let bytes = hex::decode(digits).map_err(|error| error.to_string())?;
        let mut rest = bytes.as_slice();
        let item = Item::decode(&mut rest).map_err(|error| error.to_string())?;
        if rest.is_empty() {
            Ok(item)
        } else {
            Err("bytes are left".to_owned())
        }
    };
    let read: Result<Vec<Item>, String> = texts.iter().map(item).collect();
    read.map_err(D::Error::custom)
}
