//! The database's process, found by name in the pod's shared PID namespace.

use std::fs;
use std::io;
use std::path::Path;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// What `/proc/PID/comm` keeps of a name (`TASK_COMM_LEN` without its end).
const COMM: usize = 15;

/// Clock ticks a second in `/proc`: fixed for programs on every architecture we build for (`USER_HZ`).
const TICKS: u64 = 100;

/// Processes of one name.
#[derive(Debug, Clone)]
pub(super) struct Processes {
    name: String,
}

/// One process. Ids come again, so the time of its start belongs to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Process {
    pub(super) pid: i32,
    /// Milliseconds since 1970, to about a second.
    pub(super) started_ms: u64,
}

impl Processes {
    pub(super) fn named(name: &str) -> Self {
        Self { name: name.to_owned() }
    }

    /// All of them that run now, but for ourselves.
    pub(super) fn find(&self) -> io::Result<Vec<Process>> {
        let booted_ms = booted_ms()?;
        let own = i32::try_from(std::process::id()).unwrap_or(0);
        let mut found = Vec::new();
        for entry in fs::read_dir("/proc")? {
            let path = entry?.path();
            let pid = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.parse().ok());
            let Some(pid) = pid.filter(|pid| *pid != own) else { continue };
            // One that ends while it is looked at is none.
            if self.is_named(&path)
                && let Some(ticks) = started_ticks(&path)
            {
                found.push(Process { pid, started_ms: booted_ms + ticks * 1000 / TICKS });
            }
        }
        Ok(found)
    }

    fn is_named(&self, path: &Path) -> bool {
        let comm = fs::read_to_string(path.join("comm")).unwrap_or_default();
        let kept: String = self.name.chars().take(COMM).collect();
        let exe = fs::read_link(path.join("exe")).ok();
        let is_exe = exe.as_deref().and_then(Path::file_name).is_some_and(|name| name == self.name.as_str());
        comm.trim_end() == kept || is_exe
    }
}

impl Process {
    /// Tells it to read its files again.
    pub(super) fn hang_up(self) -> Result<(), nix::Error> {
        kill(Pid::from_raw(self.pid), Signal::SIGHUP)
    }
}

fn booted_ms() -> io::Result<u64> {
    let stat = fs::read_to_string("/proc/stat")?;
    let seconds = stat.lines().find_map(|line| line.strip_prefix("btime ")?.trim().parse::<u64>().ok());
    seconds.map(|seconds| seconds * 1000).ok_or_else(|| io::Error::other("no `btime` in /proc/stat"))
}

/// Field 22 of `/proc/PID/stat`; a zombie has none for us. The name, field 2, may hold anything but ends at the last `)`.
fn started_ticks(path: &Path) -> Option<u64> {
    let stat = fs::read_to_string(path.join("stat")).ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace();
    let state = fields.next()?;
    if matches!(state, "Z" | "X") {
        return None;
    }
    fields.nth(18)?.parse().ok()
}
