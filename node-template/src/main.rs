//! The executable; everything is in the library.

use std::process::ExitCode;
use tikv_jemallocator::Jemalloc;

// The system's holds back most of what a sync needed for a moment: `sync-component/docs/adr` has the figures.
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

fn main() -> ExitCode {
    node_template::cli::main(std::env::args_os()).into()
}
