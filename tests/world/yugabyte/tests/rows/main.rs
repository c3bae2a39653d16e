//! Masters, tablet servers and tools as processes of their own, held to what the real ones do.

#![expect(clippy::disallowed_methods, reason = "these tests start the programs they test")]

mod command_line;
mod forming;
mod leaving;
mod site;
mod sql;
mod trust;

use std::process::ExitCode;

/// Not a test of its own: with the variable set, this process is a program of the database.
#[test]
fn program() {
    let Ok(args) = std::env::var(site::ARGS) else { return };
    let code = world_yugabyte::cli::main(args.split('\n').map(str::to_owned).collect());
    assert_eq!(code, ExitCode::SUCCESS);
}
