//! The folder that takes a child's output and tells who the child is.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use hangar_durable::{ProcessId, WriteError};
use nix::errno::Errno;
use nix::fcntl::{FallocateFlags, fallocate};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::child::Exit;
use crate::error::ExecError;

/// The folder that takes one child's output and tells who the child is.
///
/// Holds `stdout`, `stderr`, `child.json` once the child runs and `exit.json` once the host has seen it end; all are
/// readable by the owner alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spool {
    dir: PathBuf,
}

/// One of the two outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// Who the child of a spool is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChildRecord {
    /// Format of this record.
    pub version: u32,
    /// The process; it leads a group of the same number.
    pub process: ProcessId,
    /// The program, without its arguments.
    pub program: PathBuf,
    /// Whether it is interrupted when the host dies.
    pub stops_with_host: bool,
}

impl Spool {
    /// Names a spool. The folder is made when a child is started into it.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into() }
    }

    /// The folder.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The file of one output.
    #[must_use]
    pub fn path(&self, stream: Stream) -> PathBuf {
        self.dir.join(match stream {
            Stream::Stdout => "stdout",
            Stream::Stderr => "stderr",
        })
    }

    /// Who the child is; none before one is on record.
    ///
    /// # Errors
    ///
    /// [`ExecError::Spool`] if the record cannot be read or makes no sense.
    pub fn child(&self) -> Result<Option<ChildRecord>, ExecError> {
        self.read(&self.child_file())
    }

    /// How the child ended; none while it runs, or if nobody saw it end.
    ///
    /// # Errors
    ///
    /// [`ExecError::Spool`] if the record cannot be read or makes no sense.
    pub fn exit(&self) -> Result<Option<Exit>, ExecError> {
        self.read(&self.exit_file())
    }

    pub(crate) fn record_child(&self, record: &ChildRecord) -> Result<(), WriteError> {
        hangar_durable::write_private(&self.child_file(), &to_json(record))
    }

    pub(crate) fn record_exit(&self, exit: Exit) -> Result<(), WriteError> {
        hangar_durable::write_private(&self.exit_file(), &to_json(&exit))
    }

    /// Makes the folder and its two output files, which must not be there yet, with room for this many bytes of the first.
    pub(crate) fn open_new(&self, room: u64) -> Result<(File, File), ExecError> {
        hangar_durable::private_dir(&self.dir).map_err(|failed| ExecError::spool(&self.dir, failed.err))?;
        let stdout = self.open_stream(Stream::Stdout)?;
        reserve(&stdout, room).map_err(|err| ExecError::spool(self.path(Stream::Stdout), err))?;
        Ok((stdout, self.open_stream(Stream::Stderr)?))
    }

    /// Whether a child was ever about to be started.
    pub(crate) fn was_opened(&self) -> bool {
        self.path(Stream::Stdout).exists()
    }

    fn open_stream(&self, stream: Stream) -> Result<File, ExecError> {
        let path = self.path(stream);
        // Appending, so that a shell child's redirections or a second writer never overwrite each other.
        OpenOptions::new().create_new(true).append(true).mode(0o600).open(&path).map_err(|err| match err.kind() {
            io::ErrorKind::AlreadyExists => ExecError::SpoolUsed { spool: self.dir.clone() },
            _ => ExecError::spool(path, err),
        })
    }

    fn child_file(&self) -> PathBuf {
        self.dir.join("child.json")
    }

    fn exit_file(&self) -> PathBuf {
        self.dir.join("exit.json")
    }

    fn read<T: DeserializeOwned>(&self, path: &Path) -> Result<Option<T>, ExecError> {
        match fs::read(path) {
            Err(err) if err.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(err) => Err(ExecError::spool(path, err)),
            Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|err| ExecError::spool(path, err.into())),
        }
    }
}

/// Takes room for a file without making it longer. Only that there is none is an error.
fn reserve(file: &File, bytes: u64) -> io::Result<()> {
    let Ok(length) = nix::libc::off_t::try_from(bytes) else { return Ok(()) };
    if length == 0 {
        return Ok(());
    }
    match fallocate(file, FallocateFlags::FALLOC_FL_KEEP_SIZE, 0, length) {
        Err(Errno::ENOSPC) => Err(Errno::ENOSPC.into()),
        // Not every file system can.
        _ => Ok(()),
    }
}

fn to_json(record: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(record).expect("records of numbers, texts and paths have a JSON form")
}
