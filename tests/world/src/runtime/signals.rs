//! Signals as a container's program finds them.

use std::{fs, io};

use nix::sys::signal::Signal;
use tokio::signal::unix::{SignalKind, signal};

/// Lets what this process starts begin with no signal ignored, as runtimes of containers do. Takes a tokio runtime.
///
/// A signal that is ignored, as SIGHUP is below `nohup`, stays ignored in a child, and a shell cannot even trap it; one
/// that is caught has its default there (`execve(2)`, `sh(1)`). The handler does nothing, so this process still ignores it.
pub(super) fn ignore_none_in_children() -> io::Result<()> {
    let status = fs::read_to_string("/proc/self/status")?;
    let ignored = ignored(&status).ok_or_else(|| io::Error::other("`/proc/self/status` has no `SigIgn`"))?;
    // The standard library ignores SIGPIPE in every program of Rust, and not in what that starts.
    for caught in Signal::iterator().filter(|number| *number != Signal::SIGPIPE) {
        if ignored >> (caught as i32 - 1) & 1 == 1 {
            drop(signal(SignalKind::from_raw(caught as i32))?);
        }
    }
    Ok(())
}

/// The mask of `proc(5)`, in base sixteen.
fn ignored(status: &str) -> Option<u64> {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"))?;
    u64::from_str_radix(mask.trim(), 16).ok()
}
