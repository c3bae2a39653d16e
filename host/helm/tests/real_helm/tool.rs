//! The real Helm, and our chart.

use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use hangar_helm::Helm;

/// The version of Kubernetes that charts are rendered for.
pub(crate) const KUBE_VERSION: &str = "v1.34.3";

/// Where rendered charts are kept from one run of the tests to the next: the same chart and values give the same text.
pub(crate) fn cache() -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("rendered")
}

/// The Helm that the set-up has built or found.
#[expect(clippy::disallowed_methods, reason = "tests are told where the tools are by the environment")]
pub(crate) fn helm_path() -> Result<PathBuf> {
    let named = std::env::var_os("HANGAR_HELM").map(PathBuf::from);
    let built = || Some(PathBuf::from(std::env::var_os("HOME")?).join("go/bin/helm"));
    let path = named.or_else(built).context("neither HANGAR_HELM nor HOME is set")?;
    ensure!(
        path.is_file(),
        "no helm at `{}`: `cargo xtask test` sets up every tool and runs all tests",
        path.display()
    );
    Ok(path)
}

pub(crate) async fn helm() -> Result<Helm> {
    std::fs::create_dir_all(cache())?;
    Ok(Helm::at(helm_path()?, &cache()).await?)
}

pub(crate) fn chart_path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../deploy/services/helm/dss")
}
