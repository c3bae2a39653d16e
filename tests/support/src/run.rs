use std::os::unix::process::ExitStatusExt as _;
use std::process::Output;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

/// One command of `hangar`, ended.
#[derive(Debug, Clone)]
pub struct Run {
    /// As it was typed, for messages.
    pub command: String,
    /// Exit code; none if a signal ended it.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// Data.
    pub stdout: String,
    /// Everything else.
    pub stderr: String,
}

impl Run {
    pub(crate) fn new(command: String, output: &Output) -> Self {
        Self {
            command,
            code: output.status.code(),
            signal: output.status.signal(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Returns the run if all went well.
    ///
    /// # Errors
    ///
    /// Else what it said.
    pub fn done(self) -> Result<Self> {
        self.exits(0)
    }

    /// Returns the run if it ended with this code.
    ///
    /// # Errors
    ///
    /// Else how it ended and what it said.
    pub fn exits(self, code: i32) -> Result<Self> {
        ensure!(
            self.code == Some(code),
            "`{}` ended with {:?} (signal {:?}), wanted {code}\n{}\n{}",
            self.command,
            self.code,
            self.signal,
            self.stdout.trim(),
            self.stderr.trim()
        );
        Ok(self)
    }

    /// Returns the run if SIGKILL ended it, as an armed fail point does.
    ///
    /// # Errors
    ///
    /// Else how it ended and what it said.
    pub fn is_killed(self) -> Result<Self> {
        ensure!(
            self.signal == Some(9),
            "`{}` was not killed: it ended with {:?}\n{}",
            self.command,
            self.code,
            self.stderr.trim()
        );
        Ok(self)
    }

    /// Returns every value of this kind that `--json` printed, in order.
    #[must_use]
    pub fn values(&self, kind: &str) -> Vec<Value> {
        let objects = self.stdout.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        objects.filter(|object| object["kind"] == kind).map(|mut object| object["value"].take()).collect()
    }

    /// Returns the value of this kind that `--json` printed.
    ///
    /// # Errors
    ///
    /// If there is none.
    pub fn value(&self, kind: &str) -> Result<Value> {
        let objects = self.stdout.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let found = objects.into_iter().find(|object| object["kind"] == kind);
        let mut found = found.with_context(|| format!("`{}` printed no `{kind}`: {}", self.command, self.stdout))?;
        Ok(found["value"].take())
    }
}
