//! Helm and the chart.

use std::path::PathBuf;

use hangar_config::{Chart, LockedChart, Signer};
use hangar_helm::Helm;
use hangar_plan::hint::Hint as _;
use registry_client::{ArtifactKind, Limits, Pulled, RegistryError, Store};
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

    /// The chart on disk; one of a registry is what the lock has pinned, whatever its tag says by now.
    pub(crate) async fn chart(&self) -> Result<PathBuf, Failure> {
        let reference = match &self.workspace.services.chart {
            Chart::Folder(path) => return Ok(path.clone()),
            Chart::Oci(reference) => reference,
        };
        let Some(pinned) = self.pinned_chart(reference)? else {
            return Err(Failure::refused(format!("chart `{reference}` is not pinned"))
                .hint_is("`hangar init` fetches it and pins its digest in hangar.lock"));
        };
        Ok(self.services_chart(&pinned).await?.path)
    }

    /// Fetches the chart of the services and pins it, if it comes from a registry and is not pinned yet. Returns what it is
    /// pinned to.
    ///
    /// # Errors
    ///
    /// Why it could not be had, or the lock not be written; it is then as it was.
    pub async fn pin_chart(&self) -> Result<Option<String>, Failure> {
        let Chart::Oci(reference) = &self.workspace.services.chart else { return Ok(None) };
        let pinned = self.pinned_chart(reference)?;
        let pulled = self.services_chart(pinned.as_ref().unwrap_or(reference)).await?;
        if pinned.is_none() {
            let mut lock = self.lock()?;
            lock.chart = Some(LockedChart {
                source: reference.to_string(),
                manifest_digest: pulled.manifest_digest,
                signer: Signer::Unsigned,
            });
            lock.save(&self.paths.lock())
                .map_err(|err| Failure::of(Cause::Outside, "cannot write the lock of the chart", err))?;
        }
        Ok(Some(format!("{reference} ({})", pulled.manifest_digest)))
    }

    fn pinned_chart(&self, reference: &Reference) -> Result<Option<Reference>, Failure> {
        let locked = self.lock()?.chart.filter(|locked| locked.source == reference.to_string());
        Ok(locked.map(|locked| reference.pinned(locked.manifest_digest)))
    }

    async fn services_chart(&self, reference: &Reference) -> Result<Pulled, Failure> {
        let pulled = self.pulled_chart(reference, self.workspace.services.dev).await;
        pulled.map_err(|err| {
            let failure = Failure::of_registry("cannot fetch the services' chart", err);
            let known = failure.hint().map(ToOwned::to_owned);
            failure.hint_is("check `services { chart }` in hangar.hcl: registry, path and tag").hint_maybe(known)
        })
    }

    /// A chart of a registry, on disk.
    pub(crate) async fn pulled_chart(&self, reference: &Reference, dev: bool) -> Result<Pulled, RegistryError> {
        let store = Store::open(self.paths.store())?;
        let client = client(dev, &self.environment);
        let kind = &ArtifactKind::HELM_CHART;
        client.pull_artifact(&store, reference, kind, Limits::default(), &|_| {}).await
    }
}
