//! What a secret store answers.

use serde::{Deserialize, Serialize};

use crate::diagnostic::{Diagnostic, in_one_line};

/// One version of a secret. Never serialised, and its value never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    /// Version as the store names it.
    pub version: String,
    /// The value, opaque to the store.
    pub value: Vec<u8>,
}

/// One version of a secret, without its value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct VersionInfo {
    /// Version as the store names it.
    pub version: String,
    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub created_ms: u64,
    /// Whether `get` returns it when no version is named.
    pub current: bool,
    /// Destroyed versions are listed, without a value.
    pub destroyed: bool,
}

/// Why an answer could not be given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
pub enum StoreError {
    /// The configuration does not allow it.
    #[error("the configuration does not allow it: {}", in_one_line(.0))]
    Invalid(Vec<Diagnostic>),
    /// No such secret, or no such version.
    #[error("no such secret, or no such version")]
    NotFound,
    /// Another version is current; carries it (empty: there is none).
    #[error("{}", match .0.as_str() { "" => "there is no such secret".to_owned(), version => format!("version `{version}` is current") })]
    Conflict(String),
    /// The store or the grant refused; carries what was wanted.
    #[error("refused: {0}")]
    Denied(String),
    /// The value passes the store's bound; carries the bound in bytes.
    #[error("the value is larger than {0} bytes")]
    TooLarge(u64),
    /// The store could not be reached or is throttling; a later try may succeed. Carries milliseconds to wait, where told.
    #[error("the store cannot be reached")]
    Unavailable(Option<u32>),
    /// Anything else, in words for an operator. Never parsed by the host.
    #[error("{0}")]
    Other(String),
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Secret").field("version", &self.version).field("value", &"[redacted]").finish()
    }
}
