//! The child that compiles.
//!
//! Its last two arguments are its bounds: address space in MiB and seconds of processor time. It reads a component from
//! its input and writes machine code to its output.

use std::io::{self, Read as _, Write as _};
use std::process::ExitCode;

use nix::sys::resource::{Resource, setrlimit};

use crate::engine;

/// Exit code for a component that is refused, with the reason on stderr.
pub(crate) const REFUSED: u8 = 1;
/// Exit code for everything else that goes wrong.
const BROKEN: u8 = 70;
/// Files that the child may have open: its pipes and what the system library needs.
const MAX_FILES: u64 = 32;

/// Compiles the component on stdin to stdout. For a program that was started by the host for this and nothing else.
#[must_use]
pub fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Refused(reason)) => fail(REFUSED, &reason),
        Err(Failure::Broken(reason)) => fail(BROKEN, &reason),
    }
}

enum Failure {
    Refused(String),
    Broken(String),
}

fn run() -> Result<(), Failure> {
    let broken = |what: &str, err: &dyn std::fmt::Display| Failure::Broken(format!("cannot {what}: {err}"));
    // Before anything foreign is read.
    let (memory_mib, cpu_s) = bounds().ok_or_else(|| Failure::Broken("this is for the host to start".into()))?;
    let memory = memory_mib.saturating_mul(1024 * 1024);
    for (resource, bound) in [
        (Resource::RLIMIT_AS, memory),
        (Resource::RLIMIT_CPU, cpu_s),
        (Resource::RLIMIT_NOFILE, MAX_FILES),
        (Resource::RLIMIT_CORE, 0),
        (Resource::RLIMIT_FSIZE, 0),
    ] {
        setrlimit(resource, bound, bound).map_err(|err| broken("limit itself", &err))?;
    }
    let mut component = Vec::new();
    let limit = crate::inspect::MAX_BYTES as u64 + 1;
    io::stdin().lock().take(limit).read_to_end(&mut component).map_err(|err| broken("read the component", &err))?;
    let engine = engine::compiling().map_err(|err| Failure::Broken(err.to_string()))?;
    let code = engine.precompile_component(&component).map_err(|err| Failure::Refused(format!("{err:#}")))?;
    let mut out = io::stdout().lock();
    out.write_all(&code).and_then(|()| out.flush()).map_err(|err| broken("write the code", &err))
}

fn bounds() -> Option<(u64, u64)> {
    let arguments: Vec<String> = std::env::args().collect();
    let [.., memory_mib, cpu_s] = arguments.as_slice() else { return None };
    Some((memory_mib.parse().ok()?, cpu_s.parse().ok()?))
}

fn fail(code: u8, reason: &str) -> ExitCode {
    // Nobody is left to hear that this failed.
    drop(writeln!(io::stderr(), "{reason}"));
    ExitCode::from(code)
}
