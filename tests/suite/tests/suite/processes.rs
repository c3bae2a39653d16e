//! Processes that a command has started.

use std::fs;

use anyhow::{Context as _, Result};
use nix::errno::Errno;
use nix::sys::signal::Signal;
use nix::unistd::Pid;

/// One of them.
#[derive(Clone, Debug)]
pub(crate) struct Process {
    pub(crate) pid: i32,
    /// Of its program, the first fifteen characters.
    pub(crate) name: String,
}

/// All that a process has started, and what these have.
pub(crate) fn of(pid: i32) -> Vec<Process> {
    let all: Vec<(i32, Process)> = fs::read_dir("/proc").into_iter().flatten().flatten().filter_map(parse).collect();
    let mut found: Vec<Process> = Vec::new();
    let mut parents = vec![pid];
    while let Some(parent) = parents.pop() {
        for (_, child) in all.iter().filter(|(of, _)| *of == parent) {
            parents.push(child.pid);
            found.push(child.clone());
        }
    }
    found
}

/// The parent of a process, and itself.
fn parse(entry: fs::DirEntry) -> Option<(i32, Process)> {
    let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
    let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
    // The name stands in parentheses and may hold anything.
    let (before, after) = stat.rsplit_once(')')?;
    let name = before.split_once('(')?.1.to_owned();
    let parent = after.split_whitespace().nth(1)?.parse().ok()?;
    Some((parent, Process { pid, name }))
}

/// Kills a process at once; one that is gone is gone.
pub(crate) fn kill(pid: i32) -> Result<()> {
    match nix::sys::signal::kill(Pid::from_raw(pid), Signal::SIGKILL) {
        Ok(()) | Err(Errno::ESRCH) => Ok(()),
        Err(err) => Err(err).with_context(|| format!("cannot kill process {pid}")),
    }
}
