use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, Command};

use crate::description::Description;
use crate::needed::{hangar, is_set};
use crate::run::Run;

/// No command of a test takes longer, on the busiest machine, unless the test says so.
const DEADLINE: Duration = Duration::from_secs(300);

/// A workspace of one organisation, with a cache and a configuration of its own, as on a machine of its own.
#[derive(Debug, Clone)]
pub struct Workspace {
    /// Name of the organisation.
    pub name: String,
    /// The folder of `hangar.hcl`.
    pub folder: PathBuf,
    home: PathBuf,
    deadline: Duration,
}

impl Workspace {
    /// Lays a workspace down in `root`, beside those of others.
    ///
    /// # Errors
    ///
    /// If a file cannot be written.
    pub fn lay_down(root: &Path, description: &Description) -> Result<Self> {
        let name = description.name.clone();
        let (folder, home) = (root.join(&name), root.join("homes").join(&name));
        for folder in [&folder, &home] {
            fs::create_dir_all(folder).with_context(|| format!("cannot make `{}`", folder.display()))?;
        }
        // A command may wait for another that dies hundreds of times.
        let deadline = if is_set("HANGAR_SUITE_ALL_POINTS") { 12 * DEADLINE } else { DEADLINE };
        let workspace = Self { name, folder, home, deadline };
        workspace.write("hangar.hcl", &description.to_string())?;
        workspace.write("services.yaml", description.database.services())?;
        Ok(workspace)
    }

    /// The same workspace, whose commands may take this long.
    #[must_use]
    pub fn with_deadline(self, deadline: Duration) -> Self {
        Self { deadline, ..self }
    }

    /// Writes a file of the workspace.
    ///
    /// # Errors
    ///
    /// If that cannot be done.
    pub fn write(&self, file: &str, text: &str) -> Result<()> {
        let path = self.folder.join(file);
        fs::write(&path, text).with_context(|| format!("cannot write `{}`", path.display()))
    }

    /// Replaces text in a file of the workspace that must hold it.
    ///
    /// # Errors
    ///
    /// If it is not there.
    pub fn edit(&self, file: &str, from: &str, to: &str) -> Result<()> {
        let path = self.folder.join(file);
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read `{}`", path.display()))?;
        anyhow::ensure!(text.contains(from), "`{}` does not hold `{from}`:\n{text}", path.display());
        self.write(file, &text.replace(from, to))
    }

    /// Where this organisation's machine keeps its cache: nothing secret.
    #[must_use]
    pub fn cache(&self) -> PathBuf {
        self.home.join("cache")
    }

    /// Where this organisation's machine keeps what is its own: keys that seal, and who signed in.
    #[must_use]
    pub fn config(&self) -> PathBuf {
        self.home.join("config")
    }

    /// Runs one command of `hangar` in the workspace, to its end.
    ///
    /// # Errors
    ///
    /// If it does not start, or does not end.
    pub async fn run(&self, arguments: &[&str]) -> Result<Run> {
        self.run_with(arguments, &[]).await
    }

    /// As [`Workspace::run`], killed where it passes a fail point.
    ///
    /// # Errors
    ///
    /// If it does not start, or does not end.
    pub async fn run_killed_at(&self, point: &str, arguments: &[&str]) -> Result<Run> {
        self.run_with(arguments, &[("HANGAR_FAIL_POINT", point)]).await?.is_killed()
    }

    /// As [`Workspace::run`], with more variables.
    ///
    /// # Errors
    ///
    /// If it does not start, or does not end.
    pub async fn run_with(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Result<Run> {
        self.start(arguments, variables)?.ended().await
    }

    /// Starts one command of `hangar` in the workspace, with more variables. It is killed when this is dropped.
    ///
    /// # Errors
    ///
    /// If it does not start.
    #[expect(clippy::disallowed_methods, reason = "the tests run the program as an operator does")]
    pub fn start(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Result<Started> {
        let said = format!("{}: hangar {}", self.name, arguments.join(" "));
        let mut command = Command::new(hangar()?);
        command.arg("-C").arg(&self.folder).args(arguments);
        for name in ["HANGAR_FAIL_POINT", "HANGAR_FAIL_LIST", "HANGAR_FAIL_CHILDREN", "HANGAR_LOG"] {
            command.env_remove(name);
        }
        command.env("HANGAR_CACHE_DIR", self.cache()).env("HANGAR_CONFIG_DIR", self.config());
        command.env("CI", "true").env("NO_COLOR", "1").envs(variables.iter().copied());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let child = command.spawn().with_context(|| format!("cannot start `{said}`"))?;
        Ok(Started { child, said, deadline: self.deadline, heard: String::new() })
    }
}

/// A command of `hangar` at work.
#[derive(Debug)]
pub struct Started {
    child: Child,
    said: String,
    deadline: Duration,
    /// What was read of its standard error so far.
    heard: String,
}

impl Started {
    /// Waits until it says this on its standard error. It goes on.
    ///
    /// # Errors
    ///
    /// If it ends, or goes on for too long, without.
    pub async fn says(&mut self, text: &str) -> Result<()> {
        let said = tokio::time::timeout(self.deadline, self.hears(text)).await;
        let said = said.with_context(|| format!("`{}` did not say `{text}` in time:\n{}", self.said, self.heard))?;
        said.with_context(|| format!("`{}` never said `{text}`:\n{}", self.said, self.heard))
    }

    async fn hears(&mut self, text: &str) -> Result<()> {
        let stream = self.child.stderr.as_mut().context("its standard error is piped")?;
        let mut bytes = [0; 4096];
        while !self.heard.contains(text) {
            let n_read = stream.read(&mut bytes).await?;
            anyhow::ensure!(n_read > 0, "it has ended");
            self.heard.push_str(&String::from_utf8_lossy(&bytes[..n_read]));
        }
        Ok(())
    }

    /// Id of its process.
    #[must_use]
    pub fn pid(&self) -> i32 {
        self.child.id().and_then(|pid| i32::try_from(pid).ok()).expect("it was not waited for yet")
    }

    /// Waits for its end.
    ///
    /// # Errors
    ///
    /// If it does not end.
    pub async fn ended(self) -> Result<Run> {
        let Self { child, said, deadline, heard } = self;
        let output = tokio::time::timeout(deadline, child.wait_with_output()).await;
        let output = output.with_context(|| format!("`{said}` did not end within {deadline:?}"))?;
        let mut run = Run::new(said.clone(), &output.with_context(|| format!("cannot hear the end of `{said}`"))?);
        run.stderr.insert_str(0, &heard);
        Ok(run)
    }
}
