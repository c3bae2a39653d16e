//! What was meant, what was done, and what is not known.

mod attempt;
mod child;
mod entry;
mod fact;
mod operation;
mod schema;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use hangar_plan::hint::Hint;
use rusqlite::Connection;

pub use attempt::{Attempt, Doubt, Ended};
pub use child::ChildEntry;
pub use entry::{Entry, EntryKind, NewEntry};
pub use fact::Fact;
pub use operation::{OperationId, OperationState, OperationSummary};

use crate::redact::Redactor;

/// Why the journal could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The file could not be opened or made.
    #[error("cannot open the journal `{}`", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What the database said.
        #[source]
        err: rusqlite::Error,
    },
    /// The file is damaged. It is left as it is.
    #[error("the journal `{}` is damaged: {detail}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where, in the database's words.
        detail: String,
    },
    /// The file is a database of something else.
    #[error("`{}` is not a journal of this program", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// A later version of this program wrote it.
    #[error("the journal `{}` has version {found}, this program knows up to {known}", path.display())]
    Future {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// The newest version known here.
        known: u32,
    },
    /// It could not be read or written.
    #[error("cannot {what} the journal `{}`", path.display())]
    Access {
        /// The file.
        path: PathBuf,
        /// `read` or `write`.
        what: &'static str,
        /// What the database said.
        #[source]
        err: rusqlite::Error,
    },
    /// A fact was changed by someone else since it was read.
    #[error("fact `{scope}/{key}` has version {found}, not {expected}")]
    Conflict {
        /// Scope of the fact.
        scope: String,
        /// Key of the fact.
        key: String,
        /// The version the writer knew.
        expected: u64,
        /// The version it has; 0 if it is not there.
        found: u64,
    },
}

impl Hint for JournalError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Damaged { path, .. } => Some(format!(
                "keep a copy of `{0}`, move it away together with `{0}-wal`, and run the command again: with an empty \
                 journal every step is looked at before it acts",
                path.display()
            )),
            Self::Foreign { path } => Some(format!("move `{}` away, or name another folder", path.display())),
            Self::Future { .. } => Some("use the version of this program that wrote it, or a later one".to_owned()),
            Self::Access { what: "write", .. } => {
                Some("free some space or make the folder writable, and run the command again".to_owned())
            }
            _ => None,
        }
    }
}

/// What was meant, what was done, and what is not known, in one SQLite file.
///
/// Every write is on disk when its call returns (write-ahead log, `synchronous = FULL`). Copies share one connection.
/// One process writes at a time, which the lock beside it sees to; any number may read.
#[derive(Clone)]
pub struct Journal {
    path: Arc<PathBuf>,
    connection: Arc<Mutex<Connection>>,
    redactor: Arc<dyn Redactor>,
    lineage: Arc<str>,
}

impl Journal {
    /// Opens the journal, or makes an empty one.
    ///
    /// # Errors
    ///
    /// [`JournalError::Damaged`], [`JournalError::Foreign`] and [`JournalError::Future`] leave the file as it is;
    /// [`JournalError::Open`] for all else.
    pub fn open(path: &Path, redactor: Arc<dyn Redactor>) -> Result<Self, JournalError> {
        let (connection, lineage) = schema::open(path)?;
        Ok(Self::over(path, connection, redactor, lineage))
    }

    /// Opens an existing journal to read it, also while another process writes. Writing to it fails.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open); a missing file is [`JournalError::Open`].
    pub fn open_to_read(path: &Path, redactor: Arc<dyn Redactor>) -> Result<Self, JournalError> {
        let (connection, lineage) = schema::open_to_read(path)?;
        Ok(Self::over(path, connection, redactor, lineage))
    }

    /// Random name of this journal, made once.
    #[must_use]
    pub fn lineage(&self) -> &str {
        &self.lineage
    }

    fn over(path: &Path, connection: Connection, redactor: Arc<dyn Redactor>, lineage: String) -> Self {
        Self {
            path: Arc::new(path.to_owned()),
            connection: Arc::new(Mutex::new(connection)),
            redactor,
            lineage: lineage.into(),
        }
    }

    async fn read<T: Send + 'static>(
        &self,
        query: impl FnOnce(&mut Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, JournalError> {
        self.call("read", query).await
    }

    async fn write<T: Send + 'static>(
        &self,
        change: impl FnOnce(&mut Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, JournalError> {
        self.call("write", change).await
    }

    /// The disk may take its time, so no task of the runtime waits for it.
    async fn call<T: Send + 'static>(
        &self,
        what: &'static str,
        with: impl FnOnce(&mut Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, JournalError> {
        let connection = Arc::clone(&self.connection);
        let called = tokio::task::spawn_blocking(move || {
            let mut connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
            with(&mut connection)
        });
        let answered = called.await.expect("a query neither panics nor is cancelled");
        answered.map_err(|err| JournalError::Access { path: self.path.to_path_buf(), what, err })
    }
}

impl std::fmt::Debug for Journal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Journal").field("path", &self.path).finish_non_exhaustive()
    }
}

/// Milliseconds since 1970-01-01T00:00:00Z.
pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
