//! The `cockroach` command: a node, and the tools that talk to one.

use std::process::ExitCode;

fn main() -> ExitCode {
    world_cockroach::cli::main(std::env::args().collect())
}
