use sp_core::{crypto::Ss58Codec, sr25519};
use sync_component::settings::document::{Rule, text};

/// An SS58 address is some 48 letters long; decoding takes time that grows with the square of the length.
const LONGEST: usize = 64;

pub(crate) const ACCEPTED: &str = "an SS58 address (sr25519)";

/// Reads the SS58 address of an account, of any network: the key counts, not the prefix. `None` if it is none. What is longer
/// than any address is not decoded, so that nobody can make it take long.
pub fn parse_address(address: &str) -> Option<sr25519::Public> {
    if address.len() > LONGEST {
        return None;
    }
    let (public, _prefix) = sr25519::Public::from_ss58check_with_version(address).ok()?;
    Some(public)
}

/// An SS58 address.
pub(crate) fn address() -> Rule<sr25519::Public> {
    text(ACCEPTED, |_| true).try_map(|address| parse_address(&address))
}
