#![allow(
    clippy::cast_possible_truncation,
    reason = "the codec's derive casts the index of a variant"
)]

use codec::{Decode, DecodeWithMemTracking, Encode, EncodeLike, Error, Input};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sp_core::{H256, Pair, sr25519};
use sp_runtime::{
    OpaqueExtrinsic,
    traits::{ExtrinsicLike, LazyExtrinsic},
};

/// Longest extrinsic in bytes; anything longer does not decode.
const MOST_BYTES: usize = 1024;

/// What a block holds: a call behind a length prefix, as Substrate's extrinsics have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extrinsic(pub Call);

/// What an extrinsic does.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking)]
pub enum Call {
    /// The author's timestamp, in milliseconds since the Unix epoch. First in every block, exactly once, inside the
    /// block's slot.
    #[codec(index = 0)]
    SetTimestamp(u64),
    /// A signed transfer.
    #[codec(index = 1)]
    Transfer(Transfer),
}

/// A transfer and its signature.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking)]
pub struct Transfer {
    /// Who pays.
    pub from: sr25519::Public,
    /// Who receives.
    pub to: sr25519::Public,
    /// How much.
    pub amount: u128,
    /// How many transfers `from` has made before.
    pub nonce: u64,
    /// By `from`, over [`Transfer::message`].
    pub signature: sr25519::Signature,
}

impl Transfer {
    /// The bytes that are signed: receiver, amount, nonce, and the genesis hash, so that a transfer holds on one chain
    /// only.
    pub fn message(&self, genesis: H256) -> Vec<u8> {
        message(&self.to, self.amount, self.nonce, genesis)
    }
}

fn message(to: &sr25519::Public, amount: u128, nonce: u64, genesis: H256) -> Vec<u8> {
    ("transfer/1", to, amount, nonce, genesis).encode()
}

impl Extrinsic {
    /// A transfer signed with `from`.
    pub fn transfer(
        from: &sr25519::Pair,
        to: sr25519::Public,
        amount: u128,
        nonce: u64,
        genesis: H256,
    ) -> Self {
        let signature = from.sign(&message(&to, amount, nonce, genesis));
        Self(Call::Transfer(Transfer {
            from: from.public(),
            to,
            amount,
            nonce,
            signature,
        }))
    }
}

impl Encode for Extrinsic {
    fn encode(&self) -> Vec<u8> {
        self.0.encode().encode()
    }
}

impl EncodeLike for Extrinsic {}

impl Decode for Extrinsic {
    fn decode<I: Input>(input: &mut I) -> Result<Self, Error> {
        let length = codec::Compact::<u32>::decode(input)?.0;
        let length = usize::try_from(length).map_err(|_| Error::from("extrinsic too long"))?;
        if length > MOST_BYTES {
            return Err(Error::from("extrinsic too long"));
        }
        input.on_before_alloc_mem(length)?;
        let mut bytes = vec![0; length];
        input.read(&mut bytes)?;
        Self::decode_unprefixed(&bytes)
    }
}

impl DecodeWithMemTracking for Extrinsic {}

impl LazyExtrinsic for Extrinsic {
    fn decode_unprefixed(data: &[u8]) -> Result<Self, Error> {
        let mut input = data;
        let call = Call::decode(&mut input)?;
        if input.is_empty() {
            Ok(Self(call))
        } else {
            Err(Error::from("bytes left over behind the call"))
        }
    }
}

impl ExtrinsicLike for Extrinsic {
    fn is_bare(&self) -> bool {
        matches!(self.0, Call::SetTimestamp(_))
    }
}

impl From<Extrinsic> for OpaqueExtrinsic {
    fn from(extrinsic: Extrinsic) -> Self {
        Self::from_blob(extrinsic.0.encode())
    }
}

/// As hex, the way Substrate's RPC shows extrinsics.
impl Serialize for Extrinsic {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format!("0x{}", hex::encode(self.encode())))
    }
}

impl<'de> Deserialize<'de> for Extrinsic {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let digits = text.strip_prefix("0x").unwrap_or(&text);
        let bytes = hex::decode(digits).map_err(de::Error::custom)?;
        let mut input = bytes.as_slice();
        let extrinsic = Self::decode(&mut input).map_err(de::Error::custom)?;
        if input.is_empty() {
            Ok(extrinsic)
        } else {
            Err(de::Error::custom("bytes left over"))
        }
    }
}
