//! One line of the journal.

use hangar_durable::failpoint;
use hangar_plan::step::StepKey;
use rusqlite::{Connection, Row, params};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::operation::OperationId;
use super::{Journal, JournalError, now_ms};
use crate::redact::redact_value;

/// What a line says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EntryKind {
    /// A step is about to act.
    Intent,
    /// A step in flight has come so far.
    Progress,
    /// A step has ended, well or not.
    Result,
    /// What the world showed of a step in doubt.
    Observed,
    /// A step is in doubt no more: what was decided on what was seen.
    Resolved,
    /// Something worth keeping.
    Note,
    /// The operation is over.
    End,
}

impl EntryKind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Intent => "intent",
            Self::Progress => "progress",
            Self::Result => "result",
            Self::Observed => "observed",
            Self::Resolved => "resolved",
            Self::Note => "note",
            Self::End => "end",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Intent, Self::Progress, Self::Result, Self::Observed, Self::Resolved, Self::Note, Self::End]
            .into_iter()
            .find(|kind| kind.as_str() == text)
    }

    /// Fail points before, inside and after the write.
    fn points(self) -> [&'static str; 3] {
        match self {
            Self::Intent => ["journal.intent.before", "journal.intent.inside", "journal.intent.after"],
            Self::Progress => ["journal.progress.before", "journal.progress.inside", "journal.progress.after"],
            Self::Result => ["journal.result.before", "journal.result.inside", "journal.result.after"],
            Self::Observed | Self::Resolved => {
                ["journal.observed.before", "journal.observed.inside", "journal.observed.after"]
            }
            Self::Note => ["journal.note.before", "journal.note.inside", "journal.note.after"],
            Self::End => ["journal.end.before", "journal.end.inside", "journal.end.after"],
        }
    }
}

/// A line to be written.
#[derive(Debug, Clone, PartialEq)]
pub struct NewEntry {
    /// The operation it belongs to.
    pub operation: OperationId,
    /// The step it is about, where it is about one.
    pub step: Option<StepKey>,
    /// Attempt of the step, from 1; 0 where it is about none.
    pub attempt: u32,
    /// What it says.
    pub kind: EntryKind,
    /// Names what the step is asked to do: equal texts, equal work.
    pub idem: String,
    /// The rest, free of secrets.
    pub body: Value,
}

/// A line as it stands.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Entry {
    /// Position in the journal; only grows.
    pub seq: i64,
    /// The operation it belongs to.
    pub operation: OperationId,
    /// The step it is about, where it is about one.
    pub step: Option<StepKey>,
    /// Attempt of the step, from 1; 0 where it is about none.
    pub attempt: u32,
    /// What it says.
    pub kind: EntryKind,
    /// Names what the step is asked to do.
    pub idem: String,
    /// The rest.
    pub body: Value,
    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub at_ms: u64,
}

impl Journal {
    /// Appends lines, all or none. They are on disk when this returns.
    ///
    /// # Errors
    ///
    /// [`JournalError::Access`]; nothing was then written.
    pub async fn append(&self, entries: Vec<NewEntry>) -> Result<(), JournalError> {
        let redacted = entries.into_iter().map(|entry| self.prepare(entry)).collect::<Vec<_>>();
        self.write(move |connection| insert(connection, &redacted)).await
    }

    /// Returns the lines of one operation, oldest first.
    ///
    /// # Errors
    ///
    /// [`JournalError::Access`].
    pub async fn entries(&self, operation: &OperationId) -> Result<Vec<Entry>, JournalError> {
        let operation = operation.clone();
        self.read(move |connection| {
            let mut query = connection.prepare_cached("SELECT * FROM entries WHERE operation = ?1 ORDER BY seq")?;
            query.query_map([operation.as_str()], to_entry)?.collect()
        })
        .await
    }

    fn prepare(&self, entry: NewEntry) -> NewEntry {
        NewEntry { body: redact_value(&*self.redactor, entry.body), ..entry }
    }
}

pub(super) fn insert(connection: &mut Connection, entries: &[NewEntry]) -> rusqlite::Result<()> {
    let pass = |which: usize| entries.iter().for_each(|entry| failpoint::hit(entry.kind.points()[which]));
    pass(0);
    let transaction = connection.transaction()?;
    for entry in entries {
        insert_one(&transaction, entry)?;
    }
    pass(1);
    transaction.commit()?;
    pass(2);
    Ok(())
}

pub(super) fn insert_one(connection: &Connection, entry: &NewEntry) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(
        "INSERT INTO entries (operation, step, attempt, kind, idem, body, at_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    statement.execute(params![
        entry.operation.as_str(),
        entry.step.as_ref().map(StepKey::as_str),
        entry.attempt,
        entry.kind.as_str(),
        entry.idem,
        entry.body.to_string(),
        to_sql(now_ms()),
    ])?;
    Ok(())
}

pub(super) fn to_entry(row: &Row<'_>) -> rusqlite::Result<Entry> {
    let step: Option<String> = row.get("step")?;
    let kind: String = row.get("kind")?;
    let body: String = row.get("body")?;
    Ok(Entry {
        seq: row.get("seq")?,
        operation: OperationId::from_journal(row.get("operation")?),
        step: step.map(|text| StepKey::new(text).map_err(unreadable)).transpose()?,
        attempt: row.get("attempt")?,
        kind: EntryKind::parse(&kind).ok_or_else(|| unreadable(UnknownKind(kind)))?,
        idem: row.get("idem")?,
        body: serde_json::from_str(&body).map_err(unreadable)?,
        at_ms: from_sql(row.get("at_ms")?),
    })
}

#[derive(Debug, thiserror::Error)]
#[error("unknown kind of entry `{0}`")]
struct UnknownKind(String);

pub(super) fn unreadable(err: impl std::error::Error + Send + Sync + 'static) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, Box::new(err))
}

/// SQLite has signed numbers only; none of ours comes near the end of them.
pub(super) fn to_sql(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(super) fn from_sql(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::EntryKind;

    #[test]
    fn every_kind_is_read_as_it_was_written() {
        let all = ["intent", "progress", "result", "observed", "resolved", "note", "end"];
        for name in all {
            assert_eq!(EntryKind::parse(name).expect("it is known").as_str(), name);
        }
        assert_eq!(EntryKind::parse("rollback"), None);
    }
}
