//! What the tool complains of.

use std::fmt;

use hangar_plan::infrastructure::ToolDiagnostic;
use serde::{Deserialize, Serialize};

/// How much it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// It stops the run.
    Error,
    /// It does not.
    Warning,
    /// A severity of a later tool.
    #[serde(other)]
    Unknown,
}

/// What the tool complains of, and where. Values of expressions are left out: they may be private.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnostic {
    /// How much it matters.
    pub severity: Severity,
    /// In a few words.
    pub summary: String,
    /// At length; may be empty.
    #[serde(default)]
    pub detail: String,
    /// Address of the resource it is about.
    #[serde(default)]
    pub address: Option<String>,
    /// Where in the module.
    #[serde(default)]
    pub range: Option<Range>,
}

/// Where in the module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Range {
    /// File, relative to the module.
    pub filename: String,
    /// Where it starts.
    pub start: Position,
}

/// A place in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// Line, from 1.
    pub line: u64,
    /// Column, from 1.
    pub column: u64,
}

impl Diagnostic {
    /// Whether it stops the run.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// As plugins are asked about it.
    #[must_use]
    pub fn to_plan(&self) -> ToolDiagnostic {
        ToolDiagnostic {
            severity: if self.is_error() { "error" } else { "warning" }.to_owned(),
            summary: self.summary.clone(),
            detail: self.detail.clone(),
            address: self.address.clone(),
        }
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.summary.trim())?;
        if let Some(address) = &self.address {
            write!(f, " at `{address}`")?;
        }
        if let Some(range) = &self.range {
            write!(f, " ({}:{}:{})", range.filename, range.start.line, range.start.column)?;
        }
        match self.detail.lines().map(str::trim).find(|line| !line.is_empty()) {
            Some(first) => write!(f, ": {first}"),
            None => Ok(()),
        }
    }
}
