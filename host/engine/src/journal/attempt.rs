//! What is known of earlier attempts.

use std::path::PathBuf;

use hangar_plan::step::StepKey;
use rusqlite::{Connection, OptionalExtension as _, params};
use serde::Serialize;
use serde_json::Value;

use super::entry::{EntryKind, to_entry, unreadable};
use super::operation::OperationId;
use super::{Journal, JournalError};

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ended {
    /// It did what it should.
    Well,
    /// It failed, or was found not to have done it.
    Badly,
}

/// One earlier attempt at a step, in this operation or an older one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Attempt {
    /// The operation it was part of.
    pub operation: OperationId,
    /// Its number within that operation, from 1.
    pub number: u32,
    /// Names what the step was asked to do: equal texts, equal work.
    pub idem: String,
    /// Folder that it wrote to.
    pub folder: PathBuf,
    /// How it ended; none if nobody knows.
    pub ended: Option<Ended>,
}

/// A step in doubt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Doubt {
    /// The step.
    pub step: StepKey,
    /// The operation that tried.
    pub operation: OperationId,
    /// Number of the attempt.
    pub attempt: u32,
}

/// An attempt as the journal knows it, without its folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LastAttempt {
    pub(crate) operation: OperationId,
    pub(crate) number: u32,
    pub(crate) idem: String,
    pub(crate) ended: Option<Ended>,
}

impl Journal {
    /// Returns every step whose last intent has no outcome yet, in any operation.
    ///
    /// # Errors
    ///
    /// [`JournalError::Access`].
    pub async fn doubts(&self) -> Result<Vec<Doubt>, JournalError> {
        self.read(|connection| {
            let mut query = connection.prepare_cached(
                "SELECT i.step, i.operation, i.attempt FROM entries i
                 WHERE i.kind = 'intent'
                   AND i.seq = (SELECT max(seq) FROM entries WHERE step = i.step AND kind = 'intent')
                   AND NOT EXISTS (SELECT 1 FROM entries WHERE step = i.step AND kind IN ('result', 'resolved') AND seq > i.seq)
                 ORDER BY i.seq",
            )?;
            let rows = query.query_map([], |row| {
                Ok(Doubt {
                    step: StepKey::new(row.get::<_, String>(0)?).map_err(unreadable)?,
                    operation: OperationId::from_journal(row.get(1)?),
                    attempt: row.get(2)?,
                })
            })?;
            rows.collect()
        })
        .await
    }

    pub(crate) async fn last_attempt(&self, step: &StepKey) -> Result<Option<LastAttempt>, JournalError> {
        let step = step.clone();
        self.read(move |connection| last_attempt(connection, &step)).await
    }

    /// Number of attempts at a step within one operation.
    pub(crate) async fn n_attempts(&self, operation: &OperationId, step: &StepKey) -> Result<u32, JournalError> {
        let (operation, step) = (operation.clone(), step.clone());
        self.read(move |connection| {
            connection.query_row(
                "SELECT coalesce(max(attempt), 0) FROM entries WHERE step = ?2 AND kind = 'intent' AND operation = ?1",
                params![operation.as_str(), step.as_str()],
                |row| row.get(0),
            )
        })
        .await
    }

    /// What a step gave when it last ended well in this operation, asked to do the same; none if it has not.
    pub(crate) async fn output(
        &self,
        operation: &OperationId,
        step: &StepKey,
        idem: &str,
    ) -> Result<Option<Value>, JournalError> {
        let (operation, step, idem) = (operation.clone(), step.clone(), idem.to_owned());
        self.read(move |connection| {
            let last = connection
                .query_row(
                    "SELECT * FROM entries WHERE step = ?2 AND kind = 'result' AND operation = ?1 AND idem = ?3
                     ORDER BY seq DESC LIMIT 1",
                    params![operation.as_str(), step.as_str(), idem],
                    to_entry,
                )
                .optional()?;
            Ok(last.and_then(|entry| entry.body.get("output").cloned()))
        })
        .await
    }
}

fn last_attempt(connection: &Connection, step: &StepKey) -> rusqlite::Result<Option<LastAttempt>> {
    let last_of = |kinds: &str, after: i64| {
        let query = format!(
            "SELECT * FROM entries WHERE step = ?1 AND kind IN ({kinds}) AND seq > ?2 ORDER BY seq DESC LIMIT 1"
        );
        connection.query_row(&query, params![step.as_str(), after], to_entry).optional()
    };
    let Some(intent) = last_of("'intent'", 0)? else { return Ok(None) };
    let outcome = last_of("'result', 'resolved'", intent.seq)?;
    let ended = outcome.map(|entry| {
        let is_well = entry.kind == EntryKind::Result && entry.body.get("output").is_some();
        if is_well { Ended::Well } else { Ended::Badly }
    });
    Ok(Some(LastAttempt { operation: intent.operation, number: intent.attempt, idem: intent.idem, ended }))
}
