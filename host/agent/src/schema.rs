//! The lock under which one member at a time changes the pool's schemas, and what may be changed.
//!
//! The lock is a row of a table in the pool's own database, since nothing else is common to its members. Its owner may take it
//! again; anybody may once its time is up. Time is the caller's: the clocks of a pool are within half a second of each other.

use std::time::Duration;

use tokio::time::Instant;
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::Type;

use crate::{AgentError, Datastore, now_ms};

mod version;

pub use version::{Change, Version, Wanted};

const TABLE: &str = "CREATE TABLE IF NOT EXISTS hangar_schema_lock (name TEXT PRIMARY KEY, owner TEXT NOT NULL, until_ms INT8 NOT NULL)";
const TAKE: &str = "INSERT INTO hangar_schema_lock (name, owner, until_ms) VALUES ('schema', $1, $2) \
    ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, until_ms = excluded.until_ms \
    WHERE hangar_schema_lock.owner = $1 OR hangar_schema_lock.until_ms < $3";
const HOLDER: &str = "SELECT owner, until_ms FROM hangar_schema_lock WHERE name = 'schema'";
const GIVE: &str = "DELETE FROM hangar_schema_lock WHERE name = 'schema' AND owner = $1";
const VERSION: &str = "SELECT schema_version FROM schema_versions WHERE onerow_enforcer = TRUE";

/// How often somebody who waits looks again.
const LOOK: Duration = Duration::from_secs(1);

/// What one member is about to do to the pool's schemas.
#[derive(Debug, Clone)]
pub struct Migration {
    /// Where the pool's data is.
    pub datastore: Datastore,
    /// Database that holds the lock.
    pub database: String,
    /// Who we are, by a name that nobody else in the pool has.
    pub owner: String,
    /// How long the lock is ours.
    pub lease: Duration,
    /// How long to wait for the database and for the lock.
    pub patience: Duration,
    /// The schemas.
    pub wanted: Vec<Wanted>,
    /// Whether a schema may become older than it is.
    pub allow_downgrade: bool,
}

/// Why the schemas are left as they are.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    /// Another member is at it.
    #[error("the pool's schemas are locked by `{owner}` for another {} s", left.as_secs())]
    Locked {
        /// Who.
        owner: String,
        /// Until the lock is anybody's.
        left: Duration,
    },
    /// What would happen was not asked for.
    #[error("{}", version::refusal(changes))]
    Refused {
        /// What would happen.
        changes: Vec<Change>,
    },
    /// A schema is not what it was to become.
    #[error("schema `{name}` is at {found}, not at {wanted}")]
    Unfinished {
        /// Its name.
        name: String,
        /// Found; `none` if there is none.
        found: String,
        /// Wanted.
        wanted: Version,
    },
    /// The database could not be asked.
    #[error(transparent)]
    Agent(#[from] AgentError),
}

/// Takes the lock, and says what each schema is about to become.
///
/// Waits for a database that does not answer and for a lock that another holds. A lock that we hold already is ours for
/// longer. What must not be done is refused, with the lock given back and nothing else changed.
///
/// # Errors
///
/// [`SchemaError::Locked`] and [`SchemaError::Agent`] when patience is at its end, [`SchemaError::Refused`].
pub async fn lock(migration: &Migration) -> Result<Vec<Change>, SchemaError> {
    let deadline = Instant::now() + migration.patience;
    let client = loop {
        match take(migration).await {
            Ok(client) => break client,
            Err(SchemaError::Agent(err)) if !err.may_pass() => return Err(err.into()),
            Err(err) if Instant::now() + LOOK > deadline => return Err(err),
            Err(_) => tokio::time::sleep(LOOK).await,
        }
    };
    let mut changes = Vec::with_capacity(migration.wanted.len());
    for wanted in &migration.wanted {
        let found = version(&migration.datastore, &wanted.name).await?;
        changes.push(Change { wanted: wanted.clone(), found });
    }
    if changes.iter().all(|change| change.is_allowed(migration.allow_downgrade)) {
        return Ok(changes);
    }
    give(migration, &client).await?;
    changes.retain(|change| !change.is_allowed(migration.allow_downgrade));
    Err(SchemaError::Refused { changes })
}

/// Gives the lock back once every schema is what it was to become. A lock that is not ours any more is left alone.
///
/// # Errors
///
/// [`SchemaError::Unfinished`], with the lock kept until its time is up.
pub async fn unlock(migration: &Migration) -> Result<(), SchemaError> {
    for wanted in &migration.wanted {
        let found = version(&migration.datastore, &wanted.name).await?;
        if found != Some(wanted.version) {
            let found = found.map_or("none".to_owned(), |version| version.to_string());
            return Err(SchemaError::Unfinished { name: wanted.name.clone(), found, wanted: wanted.version });
        }
    }
    let client = migration.datastore.connect(&migration.database).await?;
    Ok(give(migration, &client).await?)
}

/// Takes the lock if it is free or ours.
async fn take(migration: &Migration) -> Result<Client, SchemaError> {
    let sql = AgentError::sql(&migration.datastore.host);
    let client = migration.datastore.connect(&migration.database).await?;
    let now = i64::try_from(now_ms()).unwrap_or(i64::MAX);
    let until = now.saturating_add(i64::try_from(migration.lease.as_millis()).unwrap_or(i64::MAX));
    let taken = async {
        client.batch_execute(TABLE).await?;
        let take = client.prepare_typed(TAKE, &[Type::TEXT, Type::INT8, Type::INT8]).await?;
        if client.execute(&take, &[&migration.owner, &until, &now]).await? == 1 {
            return Ok(None);
        }
        let holder = client.query_opt(HOLDER, &[]).await?;
        // Given back since: the next look takes it.
        Ok(Some(holder.map_or((String::new(), now), |row| (row.get(0), row.get(1)))))
    };
    match taken.await.map_err(sql)? {
        None => Ok(client),
        Some((owner, until)) => {
            let left = Duration::from_millis(u64::try_from(until - now).unwrap_or(0));
            Err(SchemaError::Locked { owner, left })
        }
    }
}

async fn give(migration: &Migration, client: &Client) -> Result<(), AgentError> {
    let given = client.execute(GIVE, &[&migration.owner]).await;
    given.map(drop).map_err(AgentError::sql(&migration.datastore.host))
}

/// The version of a schema; none if there is no such database, or nothing in it yet.
async fn version(datastore: &Datastore, name: &str) -> Result<Option<Version>, AgentError> {
    let absent = [SqlState::INVALID_CATALOG_NAME, SqlState::UNDEFINED_TABLE, SqlState::INVALID_SCHEMA_NAME];
    let is_absent = |err: &AgentError| err.sql_state().is_some_and(|state| absent.contains(state));
    let asked = async {
        let client = datastore.connect(name).await?;
        client.query_opt(VERSION, &[]).await.map_err(AgentError::sql(&datastore.host))
    };
    let row = match asked.await {
        Ok(row) => row,
        Err(err) if is_absent(&err) => None,
        Err(err) => return Err(err),
    };
    let Some(row) = row else { return Ok(None) };
    let text: String = row.get(0);
    let version = text.parse().map_err(|_| AgentError::Answer { what: format!("schema `{name}`"), answer: text })?;
    Ok(Some(version))
}
