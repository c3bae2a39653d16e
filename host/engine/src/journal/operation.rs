//! One run of one plan.

use std::fmt;

use hangar_durable::failpoint;
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::entry::{EntryKind, NewEntry, from_sql, insert_one, to_sql, unreadable};
use super::{Journal, JournalError, now_ms};
use crate::operation::Work;
use crate::redact::redact_value;

/// Name of one operation; later ones sort after earlier ones.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OperationId(String);

impl OperationId {
    fn new() -> Self {
        Self(Uuid::now_v7().to_string())
    }

    pub(super) fn from_journal(text: String) -> Self {
        Self(text)
    }

    /// The name as text, fit for a folder.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for OperationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where an operation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OperationState {
    /// Not over: it runs, or a run of the same plan takes it up again.
    Open,
    /// Every step was done.
    Done,
    /// It was left unfinished and another plan took its place.
    Superseded,
}

/// An operation as it stands.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OperationSummary {
    /// Its name.
    pub id: OperationId,
    /// The command it ran.
    pub command: String,
    /// Digest of its plan.
    pub digest: String,
    /// Its plan, as it was shown.
    pub plan: Value,
    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub started_ms: u64,
    /// Milliseconds since 1970-01-01T00:00:00Z; none while it is open.
    pub ended_ms: Option<u64>,
    /// Where it stands.
    pub state: OperationState,
}

/// How an operation came to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Begun {
    pub(crate) id: OperationId,
    pub(crate) resumed: bool,
}

impl Journal {
    /// Returns the newest operation; none in an empty journal.
    ///
    /// # Errors
    ///
    /// [`JournalError::Access`].
    pub async fn last_operation(&self) -> Result<Option<OperationSummary>, JournalError> {
        self.read(|connection| newest(connection)).await
    }

    /// Returns the newest operations, newest first.
    ///
    /// # Errors
    ///
    /// [`JournalError::Access`].
    pub async fn operations(&self, n_most: u32) -> Result<Vec<OperationSummary>, JournalError> {
        self.read(move |connection| {
            let mut query = connection.prepare_cached("SELECT * FROM operations ORDER BY number DESC LIMIT ?1")?;
            query.query_map([n_most], to_summary)?.collect()
        })
        .await
    }

    /// Takes up the open operation if it has the same plan; otherwise ends it and begins a new one.
    pub(crate) async fn begin(&self, work: &Work) -> Result<Begun, JournalError> {
        let work = Work { plan: redact_value(&*self.redactor, work.plan.clone()), ..work.clone() };
        self.write(move |connection| begin(connection, &work)).await
    }

    pub(crate) async fn finish(&self, id: &OperationId) -> Result<(), JournalError> {
        let id = id.clone();
        self.write(move |connection| {
            failpoint::hit("journal.end.before");
            let transaction = connection.transaction()?;
            end(&transaction, &id, OperationState::Done)?;
            failpoint::hit("journal.end.inside");
            transaction.commit()?;
            failpoint::hit("journal.end.after");
            Ok(())
        })
        .await
    }
}

fn begin(connection: &mut Connection, work: &Work) -> rusqlite::Result<Begun> {
    failpoint::hit("journal.operation.before");
    let transaction = connection.transaction()?;
    let open = newest(&transaction)?.filter(|last| last.state == OperationState::Open);
    let begun = match open {
        Some(open) if open.digest == work.digest => Begun { id: open.id, resumed: true },
        open => {
            if let Some(open) = open {
                end(&transaction, &open.id, OperationState::Superseded)?;
            }
            let id = OperationId::new();
            transaction.execute(
                "INSERT INTO operations (id, command, digest, plan, started_ms, state) VALUES (?1, ?2, ?3, ?4, ?5, 'open')",
                params![id.as_str(), work.command, work.digest, work.plan.to_string(), to_sql(now_ms())],
            )?;
            Begun { id, resumed: false }
        }
    };
    failpoint::hit("journal.operation.inside");
    transaction.commit()?;
    failpoint::hit("journal.operation.after");
    Ok(begun)
}

fn end(connection: &Connection, id: &OperationId, state: OperationState) -> rusqlite::Result<()> {
    let (name, now) = (to_text(state), to_sql(now_ms()));
    connection
        .execute("UPDATE operations SET state = ?2, ended_ms = ?3 WHERE id = ?1", params![id.as_str(), name, now])?;
    let entry = NewEntry {
        operation: id.clone(),
        step: None,
        attempt: 0,
        kind: EntryKind::End,
        idem: String::new(),
        body: json!({ "state": name }),
    };
    insert_one(connection, &entry)
}

fn newest(connection: &Connection) -> rusqlite::Result<Option<OperationSummary>> {
    connection.query_row("SELECT * FROM operations ORDER BY number DESC LIMIT 1", [], to_summary).optional()
}

fn to_summary(row: &Row<'_>) -> rusqlite::Result<OperationSummary> {
    let plan: String = row.get("plan")?;
    let state: String = row.get("state")?;
    Ok(OperationSummary {
        id: OperationId(row.get("id")?),
        command: row.get("command")?,
        digest: row.get("digest")?,
        plan: serde_json::from_str(&plan).map_err(unreadable)?,
        started_ms: from_sql(row.get("started_ms")?),
        ended_ms: row.get::<_, Option<i64>>("ended_ms")?.map(from_sql),
        state: match state.as_str() {
            "done" => OperationState::Done,
            "superseded" => OperationState::Superseded,
            _ => OperationState::Open,
        },
    })
}

fn to_text(state: OperationState) -> &'static str {
    match state {
        OperationState::Open => "open",
        OperationState::Done => "done",
        OperationState::Superseded => "superseded",
    }
}
