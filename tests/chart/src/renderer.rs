//! The real Helm, and what it rendered before.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Result, bail, ensure};
use hangar_helm::Manifest;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::Rendered;

/// The version of Kubernetes that the chart is rendered for.
const KUBE_VERSION: &str = "v1.34.3";

/// Where the chart lies.
#[must_use]
pub fn chart() -> PathBuf {
    test_support::repository().join("deploy/services/helm/dss")
}

/// Renders the chart. What was rendered once from the same chart and values is read again.
#[derive(Debug)]
pub struct Renderer {
    helm: PathBuf,
    chart: String,
    cache: PathBuf,
}

impl Renderer {
    /// A renderer of the chart as it is now.
    ///
    /// # Errors
    ///
    /// If there is no Helm.
    pub fn new() -> Result<Self> {
        let cache = test_support::repository().join("target/tmp/rendered-chart");
        std::fs::create_dir_all(&cache)?;
        Ok(Self { helm: test_support::helm()?, chart: digest(&chart())?, cache })
    }

    /// Renders it as release `dss` in namespace `uss1`.
    ///
    /// # Errors
    ///
    /// What Helm says where it refuses.
    pub fn render(&self, values: &Value) -> Result<Rendered> {
        self.render_as("dss", "uss1", values)
    }

    /// Renders it.
    ///
    /// # Errors
    ///
    /// What Helm says where it refuses.
    pub fn render_as(&self, release: &str, namespace: &str, values: &Value) -> Result<Rendered> {
        let key = [&self.chart, release, namespace, &values.to_string()].join("\n");
        let path = self.cache.join(hex::encode(Sha256::digest(key)));
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(_) => {
                let text = self.template(release, namespace, values)?;
                // Whole or not at all: tests run beside each other.
                let file = tempfile::NamedTempFile::new_in(&self.cache)?;
                std::fs::write(file.path(), &text)?;
                file.persist(&path)?;
                text
            }
        };
        Ok(Rendered { manifest: Manifest::parse(&text)? })
    }

    /// What Helm says where it refuses.
    ///
    /// # Errors
    ///
    /// If it renders.
    pub fn refusal(&self, values: &Value) -> Result<String> {
        match self.render(values) {
            Ok(_) => bail!("it renders: {values}"),
            Err(err) => Ok(format!("{err:#}")),
        }
    }

    fn template(&self, release: &str, namespace: &str, values: &Value) -> Result<String> {
        let file = tempfile::NamedTempFile::new()?;
        std::fs::write(file.path(), values.to_string())?;
        let arguments = ["template", release, "--namespace", namespace, "--kube-version", KUBE_VERSION, "--values"];
        self.run(&[&arguments[..], &[&file.path().to_string_lossy(), &chart().to_string_lossy()]].concat())
    }

    /// Runs Helm, and returns what it prints.
    ///
    /// # Errors
    ///
    /// What Helm says where it fails.
    #[expect(clippy::disallowed_methods, reason = "a test's own tool, which ends by itself")]
    pub fn run(&self, arguments: &[&str]) -> Result<String> {
        let home = tempfile::tempdir()?;
        let mut command = Command::new(&self.helm);
        command.args(arguments).env_clear().env("HOME", home.path()).stdin(Stdio::null());
        let output = command.output()?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        ensure!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
        Ok(text(&output.stdout))
    }
}

fn digest(folder: &Path) -> Result<String> {
    let mut hash = Sha256::new();
    for entry in walkdir::WalkDir::new(folder).sort_by_file_name() {
        let entry = entry?;
        if entry.file_type().is_file() {
            hash.update(entry.path().as_os_str().as_encoded_bytes());
            hash.update(std::fs::read(entry.path())?);
        }
    }
    Ok(hex::encode(hash.finalize()))
}
