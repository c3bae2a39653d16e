//! SQL errors, with the codes and texts of the database.

use crate::raft::RaftError;

/// What a client is told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SqlError {
    pub code: &'static str,
    pub message: String,
    pub detail: Option<String>,
    pub hint: Option<String>,
}

impl SqlError {
    /// An error with a code and a text.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), detail: None, hint: None }
    }

    /// Adds advice.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds detail.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// `42P01`.
    pub fn undefined_table(name: &str) -> Self {
        Self::new("42P01", format!("relation {name:?} does not exist"))
    }

    /// `42703`.
    pub fn undefined_column(name: &str) -> Self {
        Self::new("42703", format!("column {name:?} does not exist"))
    }

    /// `42883`.
    pub fn undefined_function(name: &str) -> Self {
        Self::new("42883", format!("unknown function: {name}()"))
    }

    /// `3D000`.
    pub fn undefined_database(name: &str) -> Self {
        Self::new("3D000", format!("database {name:?} does not exist"))
    }

    /// `42601`.
    pub fn syntax(near: &str) -> Self {
        Self::new("42601", format!("at or near {near:?}: syntax error"))
    }

    /// `0A000`: the database can do it, this one cannot.
    pub fn unsupported(what: impl std::fmt::Display) -> Self {
        Self::new("0A000", format!("unimplemented in the offline world: {what}"))
    }

    /// `40001`.
    pub fn restart() -> Self {
        Self::new(
            "40001",
            "restart transaction: TransactionRetryWithProtoRefreshError: TransactionRetryError: retry txn (RETRY_SERIALIZABLE)",
        )
        .with_hint("See: https://www.cockroachlabs.com/docs/v24.1/transaction-retry-error-reference.html#retry_serializable")
    }

    /// `57014`.
    pub fn timed_out() -> Self {
        Self::new("57014", "query execution canceled due to statement timeout")
    }

    /// `25P02`.
    pub fn aborted() -> Self {
        Self::new("25P02", "current transaction is aborted, commands ignored until end of transaction block")
    }

    /// `42501` of releases that close their internals.
    pub fn unsafe_internals() -> Self {
        Self::new("42501", "Access to crdb_internal and system is restricted.").with_hint(
            "These interfaces are unsupported in production. To proceed, set the session variable \
             allow_unsafe_internals = true (not recommended), or contact Cockroach Labs for a supported alternative.",
        )
    }
}

impl From<RaftError> for SqlError {
    fn from(err: RaftError) -> Self {
        Self::new("XXUUU", err.to_string())
    }
}
