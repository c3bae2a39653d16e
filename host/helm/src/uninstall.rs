//! Taking a release away: only a teardown does.

use std::path::Path;
use std::time::Duration;

use hangar_durable::failpoint;

use crate::access::KubeconfigFile;
use crate::attempts::Attempts;
use crate::error::HelmError;
use crate::refusal;
use crate::release::ReleaseName;
use crate::releases::Releases;

impl Releases {
    /// Takes a release and its history away; one that is not there is gone. What a StatefulSet claimed stays, as does the
    /// namespace. `folder` is that of this step, as for an upgrade.
    ///
    /// # Errors
    ///
    /// As for an upgrade; the same call goes on with what is left.
    pub async fn uninstall(
        &self,
        namespace: &str,
        release: &ReleaseName,
        folder: &Path,
        deadline: Duration,
    ) -> Result<(), HelmError> {
        let attempts = Attempts::new(folder, deadline);
        attempts.outlive().await?;
        if self.latest(namespace, release).await?.is_none() {
            return Ok(());
        }
        hangar_durable::private_dir(folder).map_err(|err| HelmError::Write { path: folder.to_owned(), err })?;
        let kubeconfig = KubeconfigFile::write(folder, &self.access)?;
        let command = self
            .helm
            .cluster_command(folder, &self.access, kubeconfig.path())
            .await?
            .args(["uninstall", release.as_str(), "--namespace", namespace, "--ignore-not-found"])
            .args(["--timeout", &format!("{}s", deadline.as_secs())]);
        failpoint::hit("helm.uninstall.before");
        let mut child = attempts.start(command).await?;
        let ended = attempts.end(&mut child).await?;
        failpoint::hit("helm.uninstall.after");
        if ended.exit.is_success() { Ok(()) } else { Err(refusal::read(&ended.stderr, &ended.exit.to_string())) }
    }
}
