use sp_core::H256;
use sync_component::settings::document::{Rule, text};

/// Bytes written as `0x` and pairs of hex digits.
pub(crate) fn parse(written: &str) -> Option<Vec<u8>> {
    hex::decode(written.strip_prefix("0x")?).ok()
}

/// As [`parse`] reads it.
pub(crate) fn write(bytes: &[u8]) -> String {
    format!("0x{}", hex::encode(bytes))
}

/// Any number of bytes.
pub(crate) fn bytes() -> Rule<Vec<u8>> {
    text("0x and pairs of hex digits", |_| true).try_map(|written| parse(&written))
}

/// A hash.
pub(crate) fn hash() -> Rule<H256> {
    text("a hash: 0x and 64 hex digits", |_| true).try_map(|written| {
        let bytes: [u8; 32] = parse(&written)?.try_into().ok()?;
        Some(H256(bytes))
    })
}
