//! The releases of one cluster: what stands.

use hangar_plan::strategy::observation::{self, Observation};
use kube::Client;

use crate::access::ClusterAccess;
use crate::error::HelmError;
use crate::manifest::Manifest;
use crate::record::{Record, Storage};
use crate::release::{Marks, ReleaseName, Status};
use crate::tool::Helm;

/// The releases of one cluster, seen and changed as one identity.
#[derive(Clone)]
pub struct Releases {
    pub(crate) helm: Helm,
    pub(crate) client: Client,
    pub(crate) access: ClusterAccess,
}

impl Releases {
    /// Names the cluster twice: the client for looking, the access for Helm.
    #[must_use]
    pub fn new(helm: Helm, client: Client, access: ClusterAccess) -> Self {
        Self { helm, client, access }
    }

    /// The Helm that is used.
    #[must_use]
    pub fn helm(&self) -> &Helm {
        &self.helm
    }

    /// How it reaches the cluster.
    #[must_use]
    pub fn access(&self) -> &ClusterAccess {
        &self.access
    }

    /// Every revision that is kept of a release, newest first; empty if there is no such release.
    ///
    /// # Errors
    ///
    /// [`HelmError::Storage`].
    pub async fn history(&self, namespace: &str, release: &ReleaseName) -> Result<Vec<Record>, HelmError> {
        self.storage(namespace).history(release).await
    }

    /// The newest revision; none if there is no such release.
    ///
    /// # Errors
    ///
    /// [`HelmError::Storage`].
    pub async fn latest(&self, namespace: &str, release: &ReleaseName) -> Result<Option<Record>, HelmError> {
        Ok(self.history(namespace, release).await?.into_iter().next())
    }

    /// Who made the release that stands, in words, if it is none of ours.
    ///
    /// # Errors
    ///
    /// [`HelmError::Storage`].
    pub async fn foreign(
        &self,
        namespace: &str,
        release: &ReleaseName,
        marks: &Marks,
    ) -> Result<Option<String>, HelmError> {
        Ok(self.latest(namespace, release).await?.and_then(|record| record.foreign(marks)))
    }

    /// The newest revision as a strategy sees it; [`Observation::Absent`] if there is no such release.
    ///
    /// # Errors
    ///
    /// [`HelmError::Storage`], [`HelmError::Unreadable`].
    pub async fn observe(&self, namespace: &str, release: &ReleaseName) -> Result<Observation, HelmError> {
        let Some(record) = self.latest(namespace, release).await? else { return Ok(Observation::Absent) };
        let document = self.storage(namespace).document(release, record.revision).await?;
        Ok(Observation::Release(observation::Release {
            status: record.status.as_str().to_owned(),
            revision: record.revision,
            chart_version: document.chart_version(),
            values_digest: record.values_digest,
        }))
    }

    /// What the newest revision consists of; nothing if there is no such release.
    ///
    /// # Errors
    ///
    /// [`HelmError::Storage`], [`HelmError::Unreadable`].
    pub async fn manifest(&self, namespace: &str, release: &ReleaseName) -> Result<Manifest, HelmError> {
        match self.latest(namespace, release).await? {
            Some(record) => self.stored(namespace, release, record.revision).await,
            None => Ok(Manifest::default()),
        }
    }

    /// What stands by Helm's own account: the newest revision that was applied, else the newest at all.
    pub(crate) async fn standing(&self, namespace: &str, release: &ReleaseName) -> Result<Manifest, HelmError> {
        let history = self.history(namespace, release).await?;
        let deployed = history.iter().find(|record| record.status == Status::Deployed);
        match deployed.or(history.first()) {
            Some(record) => self.stored(namespace, release, record.revision).await,
            None => Ok(Manifest::default()),
        }
    }

    async fn stored(&self, namespace: &str, release: &ReleaseName, revision: u32) -> Result<Manifest, HelmError> {
        Manifest::parse(self.storage(namespace).document(release, revision).await?.manifest())
    }

    pub(crate) fn storage(&self, namespace: &str) -> Storage {
        Storage::new(&self.client, namespace)
    }
}
