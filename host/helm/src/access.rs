//! How Helm reaches the Kubernetes API.

use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret as _, SecretString};

use crate::error::HelmError;

/// How Helm reaches the Kubernetes API.
#[derive(Debug, Clone)]
pub struct ClusterAccess {
    /// A kubeconfig with one context. Written for each run, readable by us alone, and removed after it.
    pub kubeconfig: SecretString,
    /// A bearer token, which then stands in Helm's environment and on no disk.
    pub token: Option<SecretString>,
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
