//! The real Helm, and our chart.

use std::path::PathBuf;

use anyhow::Result;
use hangar_helm::Helm;

/// The version of Kubernetes that charts are rendered for.
pub(crate) const KUBE_VERSION: &str = "v1.34.3";

/// Where rendered charts are kept from one run of the tests to the next: the same chart and values give the same text.
pub(crate) fn cache() -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("rendered")
}

pub(crate) async fn helm() -> Result<Helm> {
    std::fs::create_dir_all(cache())?;
    Ok(Helm::at(test_support::helm()?, &cache()).await?)
}

pub(crate) fn chart_path() -> PathBuf {
    test_support::repository().join("deploy/services/helm/dss")
}
