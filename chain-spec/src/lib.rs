//! What makes a chain: its identity, genesis, authorities and the settings of its sync (SPEC sections 0 and 9).
//!
//! ```
//! use chain_spec::{ChainSpec, Preset};
//!
//! let spec = ChainSpec::load("local")?;
//! assert_eq!(spec.authorities.len(), 4);
//!
//! // A chain of one's own starts from a preset's text, or from a spec written out.
//! let copy = ChainSpec::from_toml("my-chain.toml", &spec.to_toml())?;
//! assert_eq!(copy, spec);
//! assert!(Preset::Local.text().contains("[genesis.balances]"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A spec is read whole: everything that is wrong with it is reported at once, each problem with its key, its value,
//! what is accepted and where it stands.

mod addresses;
mod error;
mod explained;
mod genesis;
mod hex_text;
mod nodes;
mod presets;
mod read;
mod spec;
mod write;

pub use addresses::parse_address;
pub use error::ChainSpecError;
pub use genesis::Genesis;
pub use nodes::{NODE_ADDRESS, is_node_address};
pub use presets::Preset;
pub use spec::{ChainSpec, ChainType, Checkpoint};
