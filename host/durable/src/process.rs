//! Telling one process from another, also after a crash or a restart of the machine.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::process;

use serde::{Deserialize, Serialize};

/// Names, in the environment of a child that `host/exec` starts, the folder its output goes to.
pub const SPOOL_VARIABLE: &str = "HANGAR_SPOOL";

/// A process that is never mistaken for a later one with the same number.
///
/// Linux gives process numbers out again, so a number alone proves nothing; number, start time and boot together do
/// (`proc(5)`: field 22 of `/proc/PID/stat`, and `/proc/sys/kernel/random/boot_id`).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProcessId {
    /// Process number.
    pub pid: i32,
    /// Clock ticks between boot and start.
    pub start_time: u64,
    /// Random id that the kernel takes at boot.
    pub boot_id: String,
}

impl ProcessId {
    /// Returns who we are.
    ///
    /// # Errors
    ///
    /// Where there is no `/proc`.
    pub fn current() -> io::Result<Self> {
        let pid = i32::try_from(process::id()).map_err(io::Error::other)?;
        Self::of(pid)?.ok_or_else(|| io::Error::other("/proc does not show this process"))
    }

    /// Returns who has this number now; none if nobody has. A process that has ended and was not yet reaped counts.
    ///
    /// # Errors
    ///
    /// Where `/proc` cannot be read.
    pub fn of(pid: i32) -> io::Result<Option<Self>> {
        let Some(stat) = Stat::read(pid)? else {
            return Ok(None);
        };
        Ok(Some(Self { pid, start_time: stat.start_time, boot_id: boot_id()? }))
    }

    /// Whether it still runs. One that has ended and was not yet reaped does not.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        let same_boot = boot_id().is_ok_and(|now| now == self.boot_id);
        let stat = Stat::read(self.pid).ok().flatten();
        same_boot && stat.is_some_and(|stat| stat.start_time == self.start_time && stat.runs())
    }

    /// Whether it was started since this machine last booted; if not, it is surely dead.
    #[must_use]
    pub fn is_of_this_boot(&self) -> bool {
        boot_id().is_ok_and(|now| now == self.boot_id)
    }
}

/// What `/proc/PID/stat` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stat {
    /// One letter, such as `R` or `Z`.
    pub state: char,
    /// Process group.
    pub group: i32,
    /// Clock ticks between boot and start.
    pub start_time: u64,
}

impl Stat {
    /// Reads the line of one process; none if there is no such process.
    ///
    /// # Errors
    ///
    /// Where `/proc` cannot be read or says something else than `proc(5)`.
    pub fn read(pid: i32) -> io::Result<Option<Self>> {
        let path = format!("/proc/{pid}/stat");
        match fs::read(&path) {
            Ok(line) => Self::parse(&String::from_utf8_lossy(&line))
                .map(Some)
                .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, format!("cannot read `{path}`"))),
            // A process may end between the opening and the reading; the kernel then answers ESRCH.
            Err(err) if is_gone(&err) && Path::new("/proc/self/stat").exists() => Ok(None),
            Err(err) => Err(err),
        }
    }

    /// The name, in brackets, may itself hold blanks and brackets, so counting starts after the last one.
    fn parse(line: &str) -> Option<Self> {
        let (_, rest) = line.rsplit_once(')')?;
        let mut fields = rest.split_ascii_whitespace();
        let state = fields.next()?.chars().next()?;
        let group = fields.nth(1)?.parse().ok()?;
        let start_time = fields.nth(16)?.parse().ok()?;
        Some(Self { state, group, start_time })
    }

    fn runs(&self) -> bool {
        !matches!(self.state, 'Z' | 'X' | 'x')
    }
}

/// Whether this process ignores a signal, so that what it starts would ignore it too (`proc(5)`: `SigIgn` of
/// `/proc/self/status`).
///
/// # Errors
///
/// Where there is no `/proc`.
pub fn ignores_signal(number: i32) -> io::Result<bool> {
    let status = fs::read_to_string("/proc/self/status")?;
    let ignored = ignored_signals(&status).ok_or_else(|| io::Error::other("`/proc/self/status` has no `SigIgn`"))?;
    Ok((1..=64).contains(&number) && ignored >> (number - 1) & 1 == 1)
}

fn ignored_signals(status: &str) -> Option<u64> {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"))?;
    u64::from_str_radix(mask.trim(), 16).ok()
}

/// Returns the living leaders of process groups that were started with this variable, and its value in each.
///
/// Processes of other users cannot be read and are not among them. A process that has just been forked still has its
/// parent's environment for a moment.
///
/// # Errors
///
/// Where `/proc` cannot be read.
pub fn leaders_with(variable: &str) -> io::Result<Vec<(ProcessId, PathBuf)>> {
    let prefix = [variable.as_bytes(), b"="].concat();
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let entry = entry?;
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else { continue };
        let Ok(environment) = fs::read(entry.path().join("environ")) else { continue };
        let Some(value) = environment.split(|byte| *byte == 0).find_map(|line| line.strip_prefix(prefix.as_slice()))
        else {
            continue;
        };
        // Its own children have its environment too; the child that was started is the one that leads the group.
        let leads = Stat::read(pid)?.is_some_and(|stat| stat.group == pid && stat.runs());
        if let Some(process) = ProcessId::of(pid)?.filter(|_| leads) {
            found.push((process, PathBuf::from(OsStr::from_bytes(value))));
        }
    }
    Ok(found)
}

fn is_gone(err: &io::Error) -> bool {
    err.kind() == io::ErrorKind::NotFound || err.raw_os_error() == Some(nix::libc::ESRCH)
}

fn boot_id() -> io::Result<String> {
    Ok(fs::read_to_string("/proc/sys/kernel/random/boot_id")?.trim().to_owned())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failing set-up is a failing test")]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_alive() {
        assert!(ProcessId::current().unwrap().is_alive());
    }

    #[test]
    fn a_number_given_out_again_is_not_the_same_process() {
        let now = ProcessId::current().unwrap();
        let before = ProcessId { start_time: now.start_time - 1, ..now.clone() };
        let other_boot = ProcessId { boot_id: "another".to_owned(), ..now };
        assert!(!before.is_alive());
        assert!(!other_boot.is_alive());
        assert!(!other_boot.is_of_this_boot());
    }

    #[test]
    fn a_name_with_brackets_and_blanks_does_not_shift_the_fields() {
        let line = "7 (a) b (c) S 1 7 7 0 -1 4 0 0 0 0 0 0 0 0 20 0 1 0 4242 0 0";
        assert_eq!(Stat::parse(line), Some(Stat { state: 'S', group: 7, start_time: 4242 }));
    }

    #[test]
    fn ignored_signals_are_a_mask_in_base_sixteen() {
        let status = "Name:\tsh\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000000006\nSigCgt:\t0000000000000001\n";
        assert_eq!(ignored_signals(status), Some(0b110));
        assert_eq!(ignored_signals("Name:\tsh\n"), None);
        // What Rust programs start with.
        assert!(ignores_signal(nix::libc::SIGPIPE).unwrap());
    }

    #[test]
    fn nobody_has_a_number_beyond_the_largest() {
        assert_eq!(ProcessId::of(i32::MAX).unwrap(), None);
    }
}
