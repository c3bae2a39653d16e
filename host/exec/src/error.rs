//! Why a child could not be started, followed or found.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use hangar_durable::WriteError;

/// Why a child could not be started, followed or found.
#[derive(Debug, thiserror::Error)]
pub enum ExecError {
    /// The program could not be started.
    #[error("cannot start `{}`", program.display())]
    Spawn {
        /// The program.
        program: PathBuf,
        /// What the system said.
        #[source]
        err: io::Error,
    },
    /// The spool holds the output of another child; a spool serves one.
    #[error("`{}` already holds the output of a child", spool.display())]
    SpoolUsed {
        /// Folder of the spool.
        spool: PathBuf,
    },
    /// A file of the spool could not be opened or read.
    #[error("cannot use `{}`", path.display())]
    Spool {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        err: io::Error,
    },
    /// The child runs, or ran, but could not be put on record; it has been asked to stop.
    #[error("cannot put the child `{}` on record", program.display())]
    Record {
        /// The program.
        program: PathBuf,
        /// What could not be written.
        #[source]
        err: WriteError,
    },
    /// The processes of this machine could not be read.
    #[error("cannot look at the processes of this machine")]
    Processes(#[source] io::Error),
    /// It did not end in time and was killed.
    #[error("`{}` did not end within {} s", program.display(), after.as_secs())]
    Deadline {
        /// The program.
        program: PathBuf,
        /// How long it had.
        after: Duration,
    },
}

impl ExecError {
    pub(crate) fn spool(path: impl Into<PathBuf>, err: io::Error) -> Self {
        Self::Spool { path: path.into(), err }
    }
}
