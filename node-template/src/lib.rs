//! A node with the three-tier sync component. Replace [`runtime`] by your own to make it yours.

pub mod cli;
pub mod localnet;
pub mod status_view;
