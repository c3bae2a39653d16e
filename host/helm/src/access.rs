//! How Helm reaches the Kubernetes API.

use std::error::Error;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures::future::BoxFuture;
use secrecy::{ExposeSecret as _, SecretString};

use crate::error::HelmError;

/// How Helm reaches the Kubernetes API.
#[derive(Clone)]
pub struct ClusterAccess {
    /// A kubeconfig with one context. Written for each run, readable by us alone, and removed after it.
    pub kubeconfig: SecretString,
    /// Gives the bearer token that is good now, which then stands in Helm's environment and on no disk.
    pub token: Option<GiveToken>,
}

/// Gives a token; the error tells why there is none.
pub type GiveToken =
    Arc<dyn Fn() -> BoxFuture<'static, Result<SecretString, Box<dyn Error + Send + Sync>>> + Send + Sync>;

impl fmt::Debug for ClusterAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClusterAccess").field("has_token", &self.token.is_some()).finish_non_exhaustive()
    }
}

/// The file of a kubeconfig; gone when dropped. One that a killed host left is overwritten by the next run.
pub(crate) struct KubeconfigFile(PathBuf);

impl KubeconfigFile {
    pub(crate) fn write(folder: &Path, access: &ClusterAccess) -> Result<Self, HelmError> {
        let path = folder.join("kubeconfig");
        hangar_durable::write_private(&path, access.kubeconfig.expose_secret().as_bytes())
            .map_err(|err| HelmError::Write { path: path.clone(), err })?;
        Ok(Self(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for KubeconfigFile {
    fn drop(&mut self) {
        // What cannot be removed is overwritten or swept with the folder.
        std::fs::remove_file(&self.0).ok();
    }
}
