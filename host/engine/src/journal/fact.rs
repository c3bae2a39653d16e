//! Small things to be remembered.

use hangar_durable::failpoint;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::entry::{from_sql, to_sql};
use super::{Journal, JournalError, now_ms};

/// A small thing to be remembered, such as the state of a plugin. Not redacted: its writer keeps secrets out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// Its bytes.
    pub value: Vec<u8>,
    /// Number of its last change, from 1.
    pub version: u64,
}

/// What a conditional change came to.
enum Changed {
    To(u64),
    Conflict(u64),
}

impl Journal {
    /// Returns a fact; none if it is not there.
    ///
    /// # Errors
    ///
    /// [`JournalError::Access`].
    pub async fn fact(&self, scope: &str, key: &str) -> Result<Option<Fact>, JournalError> {
        let (scope, key) = (scope.to_owned(), key.to_owned());
        self.read(move |connection| get(connection, &scope, &key)).await
    }

    /// Returns the facts of one scope by key.
    ///
    /// # Errors
    ///
    /// [`JournalError::Access`].
    pub async fn facts(&self, scope: &str) -> Result<Vec<(String, Fact)>, JournalError> {
        let scope = scope.to_owned();
        self.read(move |connection| {
            let mut query =
                connection.prepare_cached("SELECT key, value, version FROM facts WHERE scope = ?1 ORDER BY key")?;
            let rows = query.query_map([scope], |row| {
                Ok((row.get(0)?, Fact { value: row.get(1)?, version: from_sql(row.get(2)?) }))
            })?;
            rows.collect()
        })
        .await
    }

    /// Writes a fact and returns its new version. `expected` is the version the writer knows, 0 for none.
    ///
    /// # Errors
    ///
    /// [`JournalError::Conflict`] if it has another version; nothing was then written.
    pub async fn put_fact(&self, scope: &str, key: &str, value: Vec<u8>, expected: u64) -> Result<u64, JournalError> {
        self.change_fact(scope, key, Some(value), expected).await
    }

    /// Removes a fact that has the version the caller knows.
    ///
    /// # Errors
    ///
    /// As [`put_fact`](Self::put_fact).
    pub async fn remove_fact(&self, scope: &str, key: &str, expected: u64) -> Result<(), JournalError> {
        self.change_fact(scope, key, None, expected).await.map(drop)
    }

    /// Brings a fact to a value, or removes it for none; one that is so already is not touched.
    ///
    /// # Errors
    ///
    /// [`JournalError::Conflict`] if somebody else has changed it in the meantime; nothing was then written.
    pub async fn set_fact(&self, scope: &str, key: &str, value: Option<&[u8]>) -> Result<(), JournalError> {
        let known = self.fact(scope, key).await?;
        if known.as_ref().map(|fact| fact.value.as_slice()) == value {
            return Ok(());
        }
        let version = known.map_or(0, |fact| fact.version);
        self.change_fact(scope, key, value.map(<[u8]>::to_vec), version).await.map(drop)
    }

    async fn change_fact(
        &self,
        scope: &str,
        key: &str,
        value: Option<Vec<u8>>,
        expected: u64,
    ) -> Result<u64, JournalError> {
        let (scope_given, key_given) = (scope.to_owned(), key.to_owned());
        let changed =
            self.write(move |connection| change(connection, &scope_given, &key_given, value, expected)).await?;
        match changed {
            Changed::To(version) => Ok(version),
            Changed::Conflict(found) => {
                Err(JournalError::Conflict { scope: scope.to_owned(), key: key.to_owned(), expected, found })
            }
        }
    }
}

fn get(connection: &Connection, scope: &str, key: &str) -> rusqlite::Result<Option<Fact>> {
    connection
        .query_row("SELECT value, version FROM facts WHERE scope = ?1 AND key = ?2", params![scope, key], |row| {
            Ok(Fact { value: row.get(0)?, version: from_sql(row.get(1)?) })
        })
        .optional()
}

fn change(
    connection: &mut Connection,
    scope: &str,
    key: &str,
    value: Option<Vec<u8>>,
    expected: u64,
) -> rusqlite::Result<Changed> {
    failpoint::hit("journal.fact.before");
    let transaction = connection.transaction()?;
    let found = get(&transaction, scope, key)?.map_or(0, |fact| fact.version);
    if found != expected {
        return Ok(Changed::Conflict(found));
    }
    match value {
        None => transaction.execute("DELETE FROM facts WHERE scope = ?1 AND key = ?2", params![scope, key])?,
        Some(value) => transaction.execute(
            "INSERT INTO facts VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT DO UPDATE SET value = excluded.value, version = excluded.version, at_ms = excluded.at_ms",
            params![scope, key, value, to_sql(found + 1), to_sql(now_ms())],
        )?,
    };
    failpoint::hit("journal.fact.inside");
    transaction.commit()?;
    failpoint::hit("journal.fact.after");
    Ok(Changed::To(found + 1))
}
