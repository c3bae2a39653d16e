//! Why a command failed, as it is printed.

use std::fmt;

use crate::certs::CertsError;

/// A failure, with what the database appends to it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CliError {
    message: String,
    code: Option<String>,
    detail: Option<String>,
    hint: Option<String>,
}

impl CliError {
    /// A plain failure.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), ..Self::default() }
    }

    /// A failure of SQL.
    pub fn sql(message: &str, code: &str, detail: Option<&str>, hint: Option<&str>) -> Self {
        Self {
            message: message.to_owned(),
            code: Some(code.to_owned()),
            detail: detail.map(str::to_owned),
            hint: hint.map(str::to_owned),
        }
    }

    /// Adds advice.
    #[must_use]
    pub fn with_hint(mut self, hint: &str) -> Self {
        self.hint = Some(hint.to_owned());
        self
    }

    /// A server that could not be reached.
    pub fn cannot_dial(cause: &str) -> Self {
        Self::new(format!(
            "cannot dial server.\nIs the server running?\nIf the server is running, check --host client-side and \
             --advertise server-side.\n\n{cause}"
        ))
    }
}

impl From<CertsError> for CliError {
    fn from(err: CertsError) -> Self {
        Self::new(format!(
            "cannot load certificates.\nCheck your certificate settings, set --certs-dir, or use --insecure for \
             insecure clusters.\n\n{err}"
        ))
    }
}

impl fmt::Display for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ERROR: {}", self.message)?;
        for (name, value) in [("SQLSTATE", &self.code), ("DETAIL", &self.detail), ("HINT", &self.hint)] {
            if let Some(value) = value {
                write!(f, "\n{name}: {value}")?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for CliError {}
