//! One program under the names of the database's: the name it is called by says which it is.

use std::process::ExitCode;

fn main() -> ExitCode {
    world_yugabyte::cli::main(std::env::args().collect())
}
