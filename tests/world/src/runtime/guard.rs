use std::ffi::OsString;
use std::io::Read;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, Stdio};

use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

/// Runs `command` in a process group of its own until it ends or our standard input does; then kills the whole group.
/// Returns the exit code.
pub fn run(command: &[OsString]) -> i32 {
    let Ok(myself) = std::env::current_exe() else { return complain("cannot find the runner") };
    let spawned =
        Command::new(myself).arg("bound").arg("--").args(command).process_group(0).stdin(Stdio::null()).spawn();
    let mut child = match spawned {
        Ok(child) => child,
        Err(err) => return complain(&err.to_string()),
    };
    let group = Pid::from_raw(child.id().cast_signed());
    std::thread::spawn(move || {
        drop(std::io::stdin().read_to_end(&mut Vec::new()));
        let _ = killpg(group, Signal::SIGKILL);
    });
    let status = child.wait();
    let _ = killpg(group, Signal::SIGKILL);
    status.map_or(70, |status| status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0)))
}

/// Becomes `command`, which will die with our parent. Returns only if it could not.
pub fn become_bound(command: &[OsString]) -> i32 {
    let _ = set_pdeathsig(Signal::SIGKILL);
    let Some((program, arguments)) = command.split_first() else { return complain("no command") };
    let err = Command::new(program).args(arguments).exec();
    complain(&format!("cannot start `{}`: {err}", program.display()))
}

/// A guard's standard error is the log of what it guards.
#[expect(clippy::print_stderr, reason = "the log is where the world looks for last words")]
fn complain(why: &str) -> i32 {
    eprintln!("hangar-world: {why}");
    70
}
