//! The executable; everything is in the library.

use std::process::ExitCode;
use tikv_jemallocator::Jemalloc;

#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

fn main() -> ExitCode {
    node_template::cli::main(std::env::args_os()).into()
}
