//! What an operator's own `kubectl` needs: the way to the cluster, and a token for each call.

use std::path::Path;

use hangar_kube::{Access, kubeconfig};
use secrecy::SecretString;

use crate::failure::{Cause, Failure};
use crate::session::{Session, kube};

/// Prints the credential of the cluster, for the program that a kubeconfig runs.
pub const TOKEN_COMMAND: &str = "cluster-token";

impl Session {
    /// A kubeconfig that runs this very program in `workspace` for each token. It holds no secret. Written to `file`, if one is
    /// named.
    ///
    /// # Errors
    ///
    /// [`Failure`], also where no infrastructure stands yet; a file that was there is then left as it was.
    pub async fn kubeconfig(&self, workspace: &Path, file: Option<&Path>) -> Result<String, Failure> {
        let access = self.standing_access().await?;
        let instance = &self.site.workspace.instance;
        let folder = workspace.to_string_lossy();
        let arguments = ["-C", &folder, TOKEN_COMMAND];
        let (name, namespace) = (instance.name.as_str(), instance.namespace.as_str());
        let text = kubeconfig::running(&access, name, namespace, &self.program, &arguments);
        if let Some(path) = file {
            hangar_durable::write_private(path, text.as_bytes())
                .map_err(|err| Failure::of(Cause::Outside, format!("cannot write `{}`", path.display()), err))?;
        }
        Ok(text)
    }

    /// What `kubectl` takes from the program that it runs: a secret.
    ///
    /// # Errors
    ///
    /// [`Failure`], also where no infrastructure stands yet.
    pub async fn cluster_token(&self) -> Result<SecretString, Failure> {
        kubeconfig::given(&self.standing_access().await?).await.map_err(kube)
    }

    /// The way to the cluster of the last `up`. Nothing is asked of the cluster, and no lock is taken.
    async fn standing_access(&self) -> Result<Access, Failure> {
        let runtime = self.site.runtime(self.program.clone())?;
        let stands = self.standing(&self.site.journal()?).await?;
        self.access(&self.site.provider(&runtime).await?, &stands).await
    }
}
