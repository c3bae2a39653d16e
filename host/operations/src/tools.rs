//! Helm and the chart.

use std::path::PathBuf;

use hangar_config::Chart;
use hangar_helm::Helm;
use hangar_plan::hint::Hint as _;
use registry_client::{ArtifactKind, Limits, RegistryError, Store};
use registry_reference::Reference;

use crate::failure::{Cause, Failure};
use crate::plugin::client;
use crate::site::Site;

impl Site {
    /// Helm, where the workspace or the environment names it, else as it is found.
    pub(crate) async fn helm(&self) -> Result<Helm, Failure> {
        let scratch = self.paths.cache.join("tools-asked");
        std::fs::create_dir_all(&scratch)
            .map_err(|err| Failure::of(Cause::Outside, format!("cannot make `{}`", scratch.display()), err))?;
        let named = self.workspace.tools.helm.as_ref().or(self.environment.helm.as_ref());
        let helm = match named {
            Some(path) => Helm::at(path, &scratch).await,
            None => Helm::find(&self.tool_folders(), &scratch).await,
        };
        helm.map_err(|err| {
            let hint = err.hint();
            Failure::of(Cause::Refused, "cannot use helm", err).hint_maybe(hint)
        })
    }

    /// The chart on disk; one of a registry is pulled once and then by digest.
    pub(crate) async fn chart(&self) -> Result<PathBuf, Failure> {
        match &self.workspace.services.chart {
            Chart::Folder(path) => Ok(path.clone()),
            Chart::Oci(reference) => {
                let failed = |err: RegistryError| {
                    let hint = err.hint();
                    Failure::of(Cause::Outside, "cannot fetch the services' chart", err).hint_maybe(hint)
                };
                self.pulled_chart(reference, false).await.map_err(failed)
            }
        }
    }

    /// A chart of a registry, on disk.
    pub(crate) async fn pulled_chart(&self, reference: &Reference, dev: bool) -> Result<PathBuf, RegistryError> {
        let store = Store::open(self.paths.store())?;
        let client = client(dev, &self.environment);
        let kind = &ArtifactKind::HELM_CHART;
        Ok(client.pull_artifact(&store, reference, kind, Limits::default(), &|_| {}).await?.path)
    }
}
