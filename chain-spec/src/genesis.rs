use sp_core::sr25519;
use std::collections::BTreeMap;

/// `[genesis]`: the state before block 1.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Genesis {
    /// `[genesis.balances]`: account (SS58 address) to balance.
    pub balances: BTreeMap<sr25519::Public, u128>,
    /// `[genesis.raw]`: storage entries by key, both hex, for a runtime that needs more. They must not collide with the
    /// runtime's own keys.
    pub raw: BTreeMap<Vec<u8>, Vec<u8>>,
}
