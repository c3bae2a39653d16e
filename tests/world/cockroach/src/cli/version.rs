//! `cockroach version`.

use std::process::ExitCode;

use super::error::CliError;
use super::flags::{Flags, Spec, switch};
use super::print_out;
use crate::build_info::BuildInfo;

/// Flags of `version`.
pub const FLAGS: &[Spec] = &[switch("build-tag")];

/// Prints the release.
///
/// # Errors
///
/// None.
pub fn run(flags: &Flags) -> Result<ExitCode, CliError> {
    let build = BuildInfo::from_environment();
    if flags.is_on("build-tag") {
        print_out(&format!("{}\n", build.tag()));
        return Ok(ExitCode::SUCCESS);
    }
    let lines = [
        ("Build Tag:", build.tag()),
        ("Build Time:", build.time()),
        ("Distribution:", "CCL"),
        ("Platform:", "linux amd64 (x86_64-pc-linux-gnu)"),
        ("Go Version:", build.go_version()),
        ("C Compiler:", "gcc 6.5.0"),
        ("Build Commit ID:", "offline-world"),
        ("Build Type:", "release"),
        ("Enabled Assertions:", "false"),
    ];
    print_out(&lines.map(|(name, value)| format!("{name:<19} {value}\n")).concat());
    Ok(ExitCode::SUCCESS)
}
