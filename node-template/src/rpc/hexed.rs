use serde::{Deserialize, Deserializer, de::Error};

/// Bytes that a caller sends: `0x`, and two digits for each. A digit too few makes them other bytes, so it is refused, where
/// Substrate puts a zero before them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hexed(pub(super) Vec<u8>);

impl<'de> Deserialize<'de> for Hexed {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let digits = text
            .strip_prefix("0x")
            .ok_or_else(|| D::Error::custom("0x and two hex digits for each byte are expected"))?;
        // It says which digit is none, or that their number is odd.
        hex::decode(digits).map(Self).map_err(D::Error::custom)
    }
}
