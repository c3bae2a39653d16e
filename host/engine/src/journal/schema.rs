//! The file, its version and its soundness.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Duration;

use hangar_durable::failpoint;
use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};
use uuid::Uuid;

use super::JournalError;

/// Newest version of the tables below.
const VERSION: u32 = 1;

/// Marks the file as ours: `HNGR`.
const APPLICATION: u32 = 0x484e_4752;

/// A reader may hold a page for a moment.
const PATIENCE: Duration = Duration::from_secs(5);

const TABLES: &str = "
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;

-- One run of one plan. Open while `ended_ms` is null.
CREATE TABLE operations (
    number      INTEGER PRIMARY KEY AUTOINCREMENT,
    id          TEXT NOT NULL UNIQUE,
    command     TEXT NOT NULL,
    digest      TEXT NOT NULL,
    plan        TEXT NOT NULL,
    started_ms  INTEGER NOT NULL,
    ended_ms    INTEGER,
    state       TEXT NOT NULL CHECK (state IN ('open', 'done', 'superseded'))
) STRICT;

-- Only ever appended to. An intent with no later result or resolution of its step is in doubt.
CREATE TABLE entries (
    seq         INTEGER PRIMARY KEY AUTOINCREMENT,
    operation   TEXT NOT NULL REFERENCES operations (id),
    step        TEXT,
    attempt     INTEGER NOT NULL,
    kind        TEXT NOT NULL CHECK (kind IN ('intent', 'progress', 'result', 'observed', 'resolved', 'note', 'end')),
    idem        TEXT NOT NULL,
    body        TEXT NOT NULL,
    at_ms       INTEGER NOT NULL
) STRICT;
CREATE INDEX entries_of_step ON entries (step, kind, seq);
CREATE INDEX entries_of_operation ON entries (operation, seq);

CREATE TABLE children (
    number      INTEGER PRIMARY KEY AUTOINCREMENT,
    operation   TEXT NOT NULL REFERENCES operations (id),
    step        TEXT NOT NULL,
    attempt     INTEGER NOT NULL,
    pid         INTEGER NOT NULL,
    start_time  INTEGER NOT NULL,
    boot_id     TEXT NOT NULL,
    spool       TEXT NOT NULL,
    started_ms  INTEGER NOT NULL
) STRICT;

-- Small things to be remembered, each with the number of its last change.
CREATE TABLE facts (
    scope       TEXT NOT NULL,
    key         TEXT NOT NULL,
    value       BLOB NOT NULL,
    version     INTEGER NOT NULL,
    at_ms       INTEGER NOT NULL,
    PRIMARY KEY (scope, key)
) STRICT, WITHOUT ROWID;
";

pub(super) fn open(path: &Path) -> Result<(Connection, String), JournalError> {
    make_private(path).map_err(|err| opening(path, to_sqlite(&err)))?;
    let mut connection = Connection::open(path).map_err(|err| opening(path, err))?;
    set_up(&connection).map_err(|err| opening(path, err))?;
    // A change that reads first and then finds that another has written is refused at once; one that announces itself waits.
    connection.set_transaction_behavior(TransactionBehavior::Immediate);
    if is_empty(&connection).map_err(|err| opening(path, err))? {
        create(&mut connection).map_err(|err| opening(path, err))?;
        // The names of the file and of its log must outlast a power cut as well.
        sync_folder(path).map_err(|err| opening(path, to_sqlite(&err)))?;
    }
    let lineage = check(path, &connection)?;
    Ok((connection, lineage))
}

pub(super) fn open_to_read(path: &Path) -> Result<(Connection, String), JournalError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(|err| opening(path, err))?;
    connection.busy_timeout(PATIENCE).map_err(|err| opening(path, err))?;
    let lineage = check(path, &connection)?;
    Ok((connection, lineage))
}

/// SQLite gives its log and index the mode of the file, so the mode is set before SQLite sees it.
fn make_private(path: &Path) -> io::Result<()> {
    OpenOptions::new().create(true).append(true).mode(0o600).open(path).map(drop)
}

fn set_up(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(PATIENCE)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // In WAL mode only FULL syncs the log at each commit; NORMAL would lose the newest intents in a power cut.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)
}

fn is_empty(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row("SELECT count(*) = 0 FROM sqlite_schema", [], |row| row.get(0))
}

fn create(connection: &mut Connection) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    transaction.execute_batch(TABLES)?;
    transaction.execute("INSERT INTO meta VALUES ('lineage', ?1)", [Uuid::new_v4().to_string()])?;
    transaction.pragma_update(None, "application_id", APPLICATION)?;
    transaction.pragma_update(None, "user_version", VERSION)?;
    failpoint::hit("journal.create.inside");
    transaction.commit()
}

fn check(path: &Path, connection: &Connection) -> Result<String, JournalError> {
    let number =
        |name| connection.pragma_query_value(None, name, |row| row.get::<_, u32>(0)).map_err(|err| opening(path, err));
    if number("application_id")? != APPLICATION {
        return Err(JournalError::Foreign { path: path.to_owned() });
    }
    let found = number("user_version")?;
    if found > VERSION {
        return Err(JournalError::Future { path: path.to_owned(), found, known: VERSION });
    }
    let verdict: String =
        connection.pragma_query_value(None, "quick_check", |row| row.get(0)).map_err(|err| opening(path, err))?;
    if verdict != "ok" {
        return Err(JournalError::Damaged { path: path.to_owned(), detail: verdict });
    }
    connection
        .query_row("SELECT value FROM meta WHERE key = 'lineage'", [], |row| row.get(0))
        .map_err(|err| opening(path, err))
}

fn opening(path: &Path, err: rusqlite::Error) -> JournalError {
    match err.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            JournalError::Damaged { path: path.to_owned(), detail: err.to_string() }
        }
        _ => JournalError::Open { path: path.to_owned(), err },
    }
}

fn to_sqlite(err: &io::Error) -> rusqlite::Error {
    let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CANTOPEN);
    rusqlite::Error::SqliteFailure(code, Some(err.to_string()))
}

fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    fs::File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failing set-up is a failing test")]
mod tests {
    use super::*;

    /// Without this the newest intents may be gone after a power cut, and a step be taken twice.
    #[test]
    fn every_commit_is_synced_to_disk() {
        let dir = tempfile::tempdir().unwrap();
        let (connection, _) = open(&dir.path().join("journal.db")).unwrap();
        let pragma =
            |name| connection.pragma_query_value(None, name, |row| row.get::<_, rusqlite::types::Value>(0)).unwrap();
        assert_eq!(pragma("synchronous"), rusqlite::types::Value::Integer(2));
        assert_eq!(pragma("journal_mode"), rusqlite::types::Value::Text("wal".to_owned()));
    }

    #[test]
    fn nobody_else_can_read_it() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let (connection, _) = open(&dir.path().join("journal.db")).unwrap();
        for entry in fs::read_dir(dir.path()).unwrap() {
            let entry = entry.unwrap();
            assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o077, 0, "{:?}", entry.file_name());
        }
        drop(connection);
    }

    #[test]
    fn a_lineage_is_made_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal.db");
        let (_, first) = open(&path).unwrap();
        assert_eq!(open(&path).unwrap().1, first);
        assert_eq!(open_to_read(&path).unwrap().1, first);
    }

    #[test]
    fn a_later_version_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal.db");
        open(&path).unwrap().0.pragma_update(None, "user_version", 99).unwrap();
        let refused = open(&path).unwrap_err();
        assert!(refused.to_string().ends_with("has version 99, this program knows up to 1"), "{refused}");
    }

    #[test]
    fn another_programs_database_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal.db");
        Connection::open(&path).unwrap().execute_batch("CREATE TABLE other (x)").unwrap();
        assert!(matches!(open(&path).unwrap_err(), JournalError::Foreign { .. }));
    }

    #[test]
    fn a_damaged_file_is_refused_and_left_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal.db");
        drop(open(&path).unwrap());
        let mut bytes = fs::read(&path).unwrap();
        for byte in &mut bytes[4096..] {
            *byte ^= 0x5a;
        }
        fs::write(&path, &bytes).unwrap();
        let refused = open(&path).unwrap_err();
        assert!(matches!(refused, JournalError::Damaged { .. }), "{refused}");
        assert_eq!(fs::read(&path).unwrap(), bytes);

        fs::write(&path, b"this is no database, however long one looks at it").unwrap();
        let refused = open(&path).unwrap_err();
        assert!(matches!(refused, JournalError::Damaged { .. }), "{refused}");
    }

    #[test]
    fn the_folder_that_is_synced_is_the_one_the_file_lies_in() {
        sync_folder(Path::new("journal.db")).unwrap();
        let dir = tempfile::tempdir().unwrap();
        sync_folder(&dir.path().join("journal.db")).unwrap();
        let missing = sync_folder(&dir.path().join("away").join("journal.db")).unwrap_err();
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
    }
}
