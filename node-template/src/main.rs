//! The executable; everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    node_template::cli::main(std::env::args_os()).into()
}
