//! Rendering a chart, with what was rendered once kept.

use std::fs;
use std::path::Path;
use std::time::Duration;

use hangar_durable::failpoint;
use sha2::{Digest as _, Sha256};

use crate::chart::Chart;
use crate::error::HelmError;
use crate::manifest::Manifest;
use crate::refusal;
use crate::release::ReleaseName;
use crate::tool::Helm;
use crate::values::Values;

/// Rendering is a matter of a second; a template that loops is not.
const DEADLINE: Duration = Duration::from_secs(60);

/// What is rendered.
#[derive(Debug, Clone, Copy)]
pub struct Render<'a> {
    /// Name of the release.
    pub release: &'a ReleaseName,
    /// Namespace.
    pub namespace: &'a str,
    /// The chart.
    pub chart: &'a Chart,
    /// Values over the chart's own.
    pub values: &'a Values,
    /// Version of the Kubernetes API, such as `v1.34.3`.
    pub kube_version: &'a str,
}

impl Helm {
    /// Renders a chart without a cluster. What was rendered from the same chart, values, names and versions before comes
    /// from `cache`, a folder of ours; a file there that cannot be read is rendered anew.
    ///
    /// # Errors
    ///
    /// [`HelmError::ValuesRefused`], [`HelmError::Template`], [`HelmError::KubeVersion`].
    pub async fn render(&self, render: &Render<'_>, cache: &Path) -> Result<Manifest, HelmError> {
        let path = cache.join(format!("{}.json", render.key(self)));
        if let Ok(kept) = fs::read(&path)
            && let Some(manifest) = Manifest::from_kept(&kept)
        {
            return Ok(manifest);
        }
        failpoint::hit("helm.render.before");
        let manifest = Manifest::parse(&self.render_anew(render, cache).await?)?;
        // A cache that cannot be written costs time and nothing else.
        if let Err(err) = hangar_durable::write_private(&path, &manifest.to_kept()) {
            tracing::warn!(path = %path.display(), error = %err, "rendered chart not kept");
        }
        Ok(manifest)
    }

    async fn render_anew(&self, render: &Render<'_>, cache: &Path) -> Result<String, HelmError> {
        let made = hangar_durable::private_dir(cache);
        made.map_err(|err| HelmError::Write { path: cache.to_owned(), err })?;
        let scratch = tempfile::tempdir_in(cache).map_err(|err| exec_error(cache, err))?;
        let values = scratch.path().join("values.json");
        hangar_durable::write_private(&values, render.values.to_file().as_bytes())
            .map_err(|err| HelmError::Write { path: values.clone(), err })?;
        let command = self
            .command(scratch.path())
            .args(["template", render.release.as_str()])
            .arg(render.chart.path())
            .args([
                "--namespace",
                render.namespace,
                "--kube-version",
                render.kube_version,
                "--include-crds",
                "--skip-tests",
            ])
            .arg("--values")
            .arg(&values);
        let output = command.output(scratch.path(), DEADLINE).await?;
        let stderr = String::from_utf8_lossy(&output.stderr);
        if !output.exit.is_success() {
            return Err(refusal::read(&stderr, &output.exit.to_string()));
        }
        String::from_utf8(output.stdout).map_err(|err| HelmError::Template { detail: err.to_string() })
    }
}

impl Render<'_> {
    /// Names all that the rendering depends on.
    fn key(&self, helm: &Helm) -> String {
        let mut hasher = Sha256::new();
        let (values, version) = (self.values.digest_bytes(), helm.version().to_string());
        let texts = [self.release.as_str(), self.namespace, self.kube_version, &version].map(str::as_bytes);
        for part in texts.into_iter().chain([self.chart.digest_bytes().as_slice(), &values]) {
            hasher.update((part.len() as u64).to_be_bytes());
            hasher.update(part);
        }
        hex::encode(hasher.finalize())
    }
}

fn exec_error(folder: &Path, err: std::io::Error) -> HelmError {
    HelmError::Exec(hangar_exec::ExecError::Spool { path: folder.to_owned(), err })
}
