//! The template's own runtime: balances and a timestamp. A builder replaces this folder with theirs and changes the
//! aliases here; nothing else of the node names a call or a storage key.
//!
//! | storage key | value |
//! |---|---|
//! | `aura:authorities` | SCALE list of the authorities' public keys, in slot order |
//! | `timestamp:now` | SCALE u64, milliseconds since the Unix epoch |
//! | `chain:slot_duration` | SCALE u64, milliseconds: part of the genesis hash, so that nodes with another one are another network |
//! | `account:` and 32 bytes of public key | SCALE [`Account`] |

mod extrinsic;
mod pool_rules;
mod rules;
#[cfg(test)]
mod tests;

pub use extrinsic::{Call, Extrinsic, Transfer};
pub use rules::{Account, TemplateRuntime, account_key};

use sp_runtime::{generic, traits::BlakeTwo256};

/// The chain's headers.
pub type Header = generic::Header<u32, BlakeTwo256>;

/// The chain's blocks.
pub type Block = generic::Block<Header, Extrinsic>;
