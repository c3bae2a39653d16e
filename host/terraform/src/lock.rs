//! Who holds the state lock.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::stream::Diagnostic;

/// What both tools call the failure; `the_lock_of_a_living_run_is_explained` fails when a new one says it otherwise.
const SUMMARY: &str = "Error acquiring the state lock";

/// Who holds a state lock, as far as the tool tells. It tells it only in the text of a diagnostic.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateLock {
    /// Its id, which `force-unlock` asks for.
    pub id: String,
    /// User and machine, such as `ana@build-3`.
    pub who: String,
    /// What that run does, such as `apply`.
    pub operation: String,
    /// Since when, as the tool writes it.
    pub created: String,
}

impl StateLock {
    /// Reads the lock out of a diagnostic; none if it is about something else.
    #[must_use]
    pub fn in_diagnostic(diagnostic: &Diagnostic) -> Option<Self> {
        if diagnostic.summary != SUMMARY {
            return None;
        }
        let mut lock = Self::default();
        for line in diagnostic.detail.lines() {
            let Some((name, value)) = line.trim().split_once(':') else { continue };
            let value = value.trim();
            match name {
                "ID" => lock.id = value.to_owned(),
                "Who" => lock.who = value.to_owned(),
                // `OperationTypeApply`
                "Operation" => lock.operation = value.trim_start_matches("OperationType").to_lowercase(),
                "Created" => lock.created = value.split('.').next().unwrap_or(value).to_owned(),
                _ => {}
            }
        }
        Some(lock)
    }
}

impl fmt::Display for StateLock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.who.is_empty() {
            return f.write_str("another run");
        }
        write!(f, "{} ({}, since {} UTC)", self.who, self.operation, self.created)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::Severity;

    fn diagnostic(summary: &str, detail: &str) -> Diagnostic {
        let (summary, detail) = (summary.to_owned(), detail.to_owned());
        Diagnostic { severity: Severity::Error, summary, detail, address: None, range: None }
    }

    #[test]
    fn the_owner_is_read_out_of_the_text() {
        let detail = "Error message: resource temporarily unavailable\nLock Info:\n  ID:        a7cf5879\n  \
                      Path:      ../terraform.tfstate\n  Operation: OperationTypeApply\n  Who:       ana@build-3\n  \
                      Version:   1.11.4\n  Created:   2026-11-27 23:25:33.202491996 +0000 UTC\n  Info:      \n\n\nTerraform acquires a lock";
        let lock = StateLock::in_diagnostic(&diagnostic(SUMMARY, detail)).expect("a lock");
        assert_eq!(lock.id, "a7cf5879");
        assert_eq!(lock.to_string(), "ana@build-3 (apply, since 2026-11-27 23:25:33 UTC)");
    }

    #[test]
    fn a_lock_that_tells_nothing_is_still_a_lock() {
        let lock = StateLock::in_diagnostic(&diagnostic(SUMMARY, "no info")).expect("a lock");
        assert_eq!(lock.to_string(), "another run");
        assert_eq!(StateLock::in_diagnostic(&diagnostic("Saved plan is stale", "")), None);
    }
}
