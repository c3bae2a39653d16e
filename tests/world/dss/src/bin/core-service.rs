//! The `core-service` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    world_dss::core_service::main(&std::env::args().skip(1).collect::<Vec<_>>())
}
