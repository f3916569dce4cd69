//! What a node is made of.

mod config;
mod dev_key;
pub(crate) mod private_file;

pub use config::{AuthoringRule, BaseFolder, Duty, NetworkConfig, NodeKey, RunConfig};
pub use dev_key::DevKey;
