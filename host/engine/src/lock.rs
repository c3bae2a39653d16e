//! One run at a time in one folder.

use std::fmt;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use hangar_durable::{ProcessId, failpoint};
use serde::{Deserialize, Serialize};

use crate::error::EngineError;
use crate::journal::now_ms;

/// Longest time that a lock is tried for whose owner is dead.
const MOMENT: Duration = Duration::from_secs(1);

/// Who holds, or last held, a lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Owner {
    /// Format of this record.
    pub version: u32,
    /// The process.
    pub process: ProcessId,
    /// Name of its machine.
    pub host: String,
    /// The command it runs, without its secrets.
    pub command: String,
    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub since_ms: u64,
}

impl Owner {
    fn current(command: &str) -> io::Result<Self> {
        Ok(Self {
            version: 1,
            process: ProcessId::current()?,
            host: host_name(),
            command: command.to_owned(),
            since_ms: now_ms(),
        })
    }

    /// Whether it is surely dead: it was started on this machine, and runs no more.
    #[must_use]
    pub fn is_provably_dead(&self) -> bool {
        self.host == host_name() && !self.process.is_alive()
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` (process {} on `{}`)", self.command, self.process.pid, self.host)
    }
}

/// How a lock stands, for one who only looks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LockState {
    /// Nobody holds it.
    Free,
    /// Nobody holds it, but its last owner died without giving it back.
    Abandoned(Owner),
    /// Somebody holds it; none if the owner has not written its name yet.
    Held(Option<Owner>),
}

/// A lock on a folder, held until it is dropped or the process ends.
///
/// The kernel keeps it (`flock`), so a dead owner frees it at once and two owners cannot be. The file only says who.
#[derive(Debug)]
pub struct Lock {
    file: File,
    former: Option<Owner>,
}

impl Lock {
    /// Takes the lock of a folder, which must exist. A lock that a dead process left is taken over;
    /// [`former`](Self::former) tells.
    ///
    /// # Errors
    ///
    /// [`EngineError::Locked`] while another process holds it; [`EngineError::LockedElsewhere`] if its last owner ran on
    /// another machine and never gave it back: on a shared file system that machine may still be at it.
    pub fn take(folder: &Path, command: &str) -> Result<Self, EngineError> {
        failpoint::hit("engine.lock.before");
        let path = path_in(folder);
        let failed = |err| EngineError::Folder { path: path.clone(), err };
        let mut file = open(&path).map_err(failed)?;
        if let Held::By(owner) = acquire(&mut file).map_err(failed)? {
            return Err(EngineError::Locked { folder: folder.to_owned(), owner: owner.map(Box::new) });
        }
        let former = read(&mut file).map_err(failed)?;
        if let Some(owner) = former.as_ref().filter(|owner| owner.host != host_name()) {
            return Err(EngineError::LockedElsewhere { folder: folder.to_owned(), owner: Box::new(owner.clone()) });
        }
        failpoint::hit("engine.lock.taken");
        let owner = Owner::current(command).map_err(failed)?;
        write(&mut file, &to_json(&owner)).map_err(failed)?;
        failpoint::hit("engine.lock.after");
        Ok(Self { file, former })
    }

    /// The dead process that had left the lock.
    #[must_use]
    pub fn former(&self) -> Option<&Owner> {
        self.former.as_ref()
    }

    /// Looks at the lock of a folder and leaves it as it is.
    ///
    /// # Errors
    ///
    /// [`EngineError::Folder`] if its file cannot be read.
    pub fn look(folder: &Path) -> Result<LockState, EngineError> {
        let path = path_in(folder);
        let failed = |err| EngineError::Folder { path: path.clone(), err };
        let mut file = match File::open(&path) {
            Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(LockState::Free),
            opened => opened.map_err(failed)?,
        };
        let owner = read(&mut file).map_err(failed)?;
        match (file.try_lock_shared(), owner) {
            (Ok(()), None) => Ok(LockState::Free),
            (Ok(()), Some(owner)) => Ok(LockState::Abandoned(owner)),
            (Err(TryLockError::WouldBlock), owner) => Ok(LockState::Held(owner)),
            (Err(TryLockError::Error(err)), _) => Err(failed(err)),
        }
    }

    /// Forgets an owner that died without giving the lock back, wherever it ran. For a person who knows.
    ///
    /// # Errors
    ///
    /// [`EngineError::Locked`] while a process holds it: that is never broken.
    pub fn forget_abandoned(folder: &Path) -> Result<(), EngineError> {
        let path = path_in(folder);
        let failed = |err| EngineError::Folder { path: path.clone(), err };
        let mut file = open(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => write(&mut file, b"").map_err(failed),
            Err(TryLockError::WouldBlock) => Err(EngineError::Locked {
                folder: folder.to_owned(),
                owner: read(&mut file).map_err(failed)?.map(Box::new),
            }),
            Err(TryLockError::Error(err)) => Err(failed(err)),
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // If the name cannot be taken out, the next owner notes a takeover; nothing worse.
        write(&mut self.file, b"").ok();
        // Said outright: a child between fork and exec still has the file open, and closing ours would free nothing.
        self.file.unlock().ok();
        failpoint::hit("engine.lock.released");
    }
}

enum Held {
    ByUs,
    By(Option<Owner>),
}

/// A tool that a host was just starting when it was killed has the host's files open for the moment between fork and
/// exec, and so holds a lock whose owner is dead. It lets go by itself.
fn acquire(file: &mut File) -> io::Result<Held> {
    let end = Instant::now() + MOMENT;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(Held::ByUs),
            Err(TryLockError::Error(err)) => return Err(err),
            Err(TryLockError::WouldBlock) => {}
        }
        let owner = read(file)?;
        let may_pass = owner.as_ref().is_none_or(Owner::is_provably_dead);
        if !may_pass || Instant::now() >= end {
            return Ok(Held::By(owner));
        }
        thread::sleep(Duration::from_millis(2));
    }
}

fn path_in(folder: &Path) -> PathBuf {
    folder.join("lock")
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}

/// A name that a kill has cut short tells nothing; that is not worth an error.
fn read(file: &mut File) -> io::Result<Option<Owner>> {
    let mut text = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut text)?;
    Ok(serde_json::from_slice(&text).ok())
}

/// In place, since the lock is on this very file and a renamed one would be another.
fn write(file: &mut File, text: &[u8]) -> io::Result<()> {
    file.rewind()?;
    file.set_len(0)?;
    file.write_all(text)?;
    file.sync_all()
}

fn to_json(owner: &Owner) -> Vec<u8> {
    serde_json::to_vec(owner).expect("a record of numbers and texts has a JSON form")
}

fn host_name() -> String {
    nix::unistd::gethostname().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failing set-up is a failing test")]
mod tests;
