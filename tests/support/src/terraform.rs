use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tokio::process::Command;

use crate::needed::needed;

/// No command of a test takes longer, on the busiest machine.
const DEADLINE: Duration = Duration::from_secs(300);

/// Terraform as a person without `hangar` runs it, in one folder.
#[derive(Debug, Clone)]
pub struct Terraform {
    folder: PathBuf,
    cli_config: PathBuf,
    variables: Vec<(String, String)>,
}

/// One command of terraform, ended.
#[derive(Debug, Clone)]
pub struct Ended {
    /// Exit code; none if a signal ended it.
    pub code: Option<i32>,
    /// What it said, on both streams.
    pub said: String,
    /// Its data.
    pub stdout: String,
}

impl Terraform {
    /// Runs in `folder`, with the CLI configuration at `cli_config`.
    #[must_use]
    pub fn new(folder: &Path, cli_config: &Path) -> Self {
        Self { folder: folder.to_owned(), cli_config: cli_config.to_owned(), variables: Vec::new() }
    }

    /// Adds a variable of the environment, such as a provider's credential.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.into(), value.into()));
        self
    }

    /// Runs one command to its end. Nothing of this process's environment but PATH reaches it.
    ///
    /// # Errors
    ///
    /// If it does not start or does not end.
    #[expect(clippy::disallowed_methods, reason = "the tests run the program as an operator does")]
    pub async fn run(&self, arguments: &[&str]) -> Result<Ended> {
        let said = format!("terraform {}", arguments.join(" "));
        let mut command = Command::new(needed("HANGAR_TERRAFORM")?);
        command.current_dir(&self.folder).args(arguments).env_clear();
        command
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", &self.folder)
            .env("TF_IN_AUTOMATION", "1")
            .env("TF_INPUT", "0");
        command
            .env("CHECKPOINT_DISABLE", "1")
            .env("TF_CLI_ARGS", "-no-color")
            .env("TF_CLI_CONFIG_FILE", &self.cli_config);
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).kill_on_drop(true);
        let output = tokio::time::timeout(DEADLINE, command.output()).await;
        let output = output.with_context(|| format!("`{said}` did not end within {DEADLINE:?}"))?;
        let output = output.with_context(|| format!("cannot start `{said}`"))?;
        let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
        let said = format!("{said}\n{stdout}{}", String::from_utf8_lossy(&output.stderr));
        Ok(Ended { code: output.status.code(), said, stdout })
    }

    /// Runs one command that must do well.
    ///
    /// # Errors
    ///
    /// If it does not, with what it said.
    pub async fn done(&self, arguments: &[&str]) -> Result<Ended> {
        self.run(arguments).await?.exits(0)
    }

    /// Plans, and returns the plan as terraform shows it in JSON.
    ///
    /// # Errors
    ///
    /// If it cannot be planned.
    pub async fn planned(&self, arguments: &[&str]) -> Result<Value> {
        self.done(&[&["plan", "-out=plan"], arguments].concat()).await?;
        let shown = self.done(&["show", "-json", "plan"]).await?;
        serde_json::from_str(&shown.stdout).context("terraform's plan is no JSON")
    }
}

impl Ended {
    /// Returns the command if it ended with this code.
    ///
    /// # Errors
    ///
    /// Else what it said.
    pub fn exits(self, code: i32) -> Result<Self> {
        ensure!(self.code == Some(code), "ended with {:?}, wanted {code}: {}", self.code, self.said);
        Ok(self)
    }

    /// What it said with all blanks and line art alike, so that a test need not know where terraform breaks lines.
    #[must_use]
    pub fn words(&self) -> String {
        let is_blank = |symbol: char| symbol.is_whitespace() || "│╷╵".contains(symbol);
        self.said.split(is_blank).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
    }
}
