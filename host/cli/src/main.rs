//! `hangar`: deploys DSS instances through plugins and joins them into pools.

use std::process::ExitCode;

mod args;
mod commands;
mod duration;
mod exit;
mod output;
mod picture;
mod progress;

fn main() -> ExitCode {
    args::run()
}
