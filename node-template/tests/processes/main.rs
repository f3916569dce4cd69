//! Runs the executable as its users do: real processes, real ports on loopback, real files.
//!
//! One test binary, since each of them links the whole node. Tests wait on conditions with deadlines, and every port is
//! one that the system gave.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on should stop where it is"
)]

mod alone;
mod bad_flags;
mod bad_input;
mod below_snapshot;
mod benchmark;
mod block_files;
mod busy_import;
mod commands;
mod dead_fork;
mod dev_node;
mod discovery;
mod doors;
mod exposition;
mod full_disk;
mod full_disk_running;
mod harness;
mod keys;
mod kill_loop;
mod load;
mod localnet;
mod mdns;
mod metrics;
mod public_addr;
mod quorum;
mod resync;
mod resync_twice;
mod resync_voted;
mod rpc;
mod rpc_input;
mod rpc_provider;
mod seals;
mod snapshot_kept;
mod start_files;
mod status_codes;
mod stored;
mod subxt;
mod swap_transfers;
mod torture;
mod tour;
mod transactions;
mod watch;
