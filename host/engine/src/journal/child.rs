//! Processes that steps have started.

use std::path::{Path, PathBuf};

use hangar_durable::{ProcessId, failpoint};
use hangar_plan::step::StepKey;
use rusqlite::params;
use serde::Serialize;

use super::entry::{from_sql, to_sql, unreadable};
use super::operation::OperationId;
use super::{Journal, JournalError, now_ms};

/// A process that a step has started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChildEntry {
    /// The operation.
    pub operation: OperationId,
    /// The step.
    pub step: StepKey,
    /// Number of the attempt that the step is at, a look before it included.
    pub attempt: u32,
    /// The process.
    pub process: ProcessId,
    /// Folder of its output.
    pub spool: PathBuf,
    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub started_ms: u64,
}

impl Journal {
    /// Puts a process on record.
    pub(crate) async fn record_child(
        &self,
        operation: &OperationId,
        step: &StepKey,
        attempt: u32,
        process: &ProcessId,
        spool: &Path,
    ) -> Result<(), JournalError> {
        let (operation, step, process) = (operation.clone(), step.clone(), process.clone());
        let spool = spool.to_string_lossy().into_owned();
        self.write(move |connection| {
            failpoint::hit("journal.child.before");
            let transaction = connection.transaction()?;
            transaction.execute(
                "INSERT INTO children (operation, step, attempt, pid, start_time, boot_id, spool, started_ms)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                params![
                    operation.as_str(),
                    step.as_str(),
                    attempt,
                    process.pid,
                    to_sql(process.start_time),
                    process.boot_id,
                    spool,
                    to_sql(now_ms()),
                ],
            )?;
            failpoint::hit("journal.child.inside");
            transaction.commit()?;
            failpoint::hit("journal.child.after");
            Ok(())
        })
        .await
    }

    /// Returns the processes on record that live, oldest first.
    ///
    /// # Errors
    ///
    /// [`JournalError::Access`].
    pub async fn living_children(&self) -> Result<Vec<ChildEntry>, JournalError> {
        let recorded = self.children().await?;
        Ok(recorded.into_iter().filter(|child| child.process.is_alive()).collect())
    }

    /// Returns every process on record, oldest first.
    ///
    /// # Errors
    ///
    /// [`JournalError::Access`].
    pub async fn children(&self) -> Result<Vec<ChildEntry>, JournalError> {
        self.read(|connection| {
            let mut query = connection.prepare_cached("SELECT * FROM children ORDER BY number")?;
            let rows = query.query_map([], |row| {
                Ok(ChildEntry {
                    operation: OperationId::from_journal(row.get("operation")?),
                    step: StepKey::new(row.get::<_, String>("step")?).map_err(unreadable)?,
                    attempt: row.get("attempt")?,
                    process: ProcessId {
                        pid: row.get("pid")?,
                        start_time: from_sql(row.get("start_time")?),
                        boot_id: row.get("boot_id")?,
                    },
                    spool: PathBuf::from(row.get::<_, String>("spool")?),
                    started_ms: from_sql(row.get("started_ms")?),
                })
            })?;
            rows.collect()
        })
        .await
    }
}
