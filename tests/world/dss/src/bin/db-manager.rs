//! The `db-manager` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    world_dss::db_manager::main(&std::env::args().skip(1).collect::<Vec<_>>())
}
