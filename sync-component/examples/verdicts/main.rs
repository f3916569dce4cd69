//! Prints `docs/verdicts.md`: how often each Tier 1 strategy clears what it must not, and refuses what it need not, against
//! liars and laggards.
//!
//! ```text
//! cargo run --locked --example verdicts > sync-component/docs/verdicts.md
//! ```
//!
//! Takes no arguments; the same version prints the same.
#![allow(clippy::print_stdout, reason = "what is printed is what it is for")]

#[allow(
    dead_code,
    unused_imports,
    reason = "`tests/verdicts.rs` looks at single counts too"
)]
mod lab;

use lab::{Plan, markdown, survey};

fn main() {
    print!("{}", markdown(&survey(&Plan::default())));
}
