//! One command at work: its ties to the outside, and its ways to the cluster, the secrets and the pool.

use std::path::PathBuf;
use std::sync::Arc;

use hangar_engine::{Level, Progress};
use hangar_kube::{Access, Cluster};
use hangar_pki::envelope::InstallationKey;
use hangar_plan::grant::Kind;
use hangar_plan::infrastructure::Infrastructure;
use hangar_plan::plan::Plan;
use hangar_plan::step::StepKey;
use hangar_runtime::Runtime;
use serde::Serialize;

use crate::adapters::PluginStore;
use crate::cluster;
use crate::failure::{Cause, Failure};
use crate::infrastructure::{self, Provider};
use crate::pooling::{Membership, Pooling};
use crate::site::Site;
use crate::vault::Vault;

/// Shown the plan, says whether to go on.
pub type Approve = Box<dyn Fn(&Plan) -> Result<bool, Failure> + Send + Sync>;

/// A command's ties to the outside: who runs it, who hears of it, who says yes.
pub struct Session {
    /// The workspace.
    pub site: Site,
    /// This very program, which compiles plugins in a child of its own.
    pub program: PathBuf,
    /// Hears what goes on.
    pub progress: Arc<dyn Progress>,
    /// Hears what is waited for outside of steps.
    pub waiting: Arc<dyn Fn(&str) + Send + Sync>,
    /// Shown the plan, says whether to go on.
    pub approve: Approve,
    /// Whether what others made of the services may be taken over.
    pub adopt: bool,
    /// Addresses of resources that hold data or are known to partners, and that may be replaced or removed all the same.
    pub allow_replace: Vec<String>,
}

/// What a run came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It was so already.
    Unchanged,
    /// It is so now.
    Done,
    /// The operator said no.
    Declined,
}

impl Session {
    pub(crate) async fn access(&self, provider: &Provider, stands: &Infrastructure) -> Result<Access, Failure> {
        let recipe = provider.provider.cluster_token(&provider.config, stands).await.map_err(infrastructure::failed)?;
        let slots = Arc::new(self.site.slots());
        cluster::access(&stands.api, self.site.workspace.cluster.as_ref(), &recipe, &slots).await
    }

    pub(crate) async fn cluster(&self, provider: &Provider, stands: &Infrastructure) -> Result<Cluster, Failure> {
        Ok(self.connection(provider, stands).await?.1)
    }

    /// The way to the cluster, taken once in a command.
    pub(crate) async fn connection(
        &self,
        provider: &Provider,
        stands: &Infrastructure,
    ) -> Result<(Access, Cluster), Failure> {
        if let Some(kept) = self.site.kept.connection(stands) {
            return Ok(kept);
        }
        let access = self.access(provider, stands).await?;
        let cluster = cluster::connect(&access).await?;
        self.site.kept.set_connection(stands, access.clone(), cluster.clone());
        Ok((access, cluster))
    }

    /// The organisation's secrets.
    pub(crate) async fn vault(&self, runtime: &Runtime) -> Result<Arc<Vault>, Failure> {
        let block = &self.site.workspace.secrets;
        let plugin = self.site.load_plugin(runtime, Kind::SecretStore, block).await?;
        self.site.check_block(&plugin, Kind::SecretStore, block)?;
        let store = plugin.secret_store().map_err(infrastructure::failed)?;
        let said = store.validate(&block.config).await.map_err(infrastructure::failed)?;
        self.site.refuse(block, &said)?;
        let key: InstallationKey = self.site.installation_key()?;
        Ok(Arc::new(Vault::new(Arc::new(PluginStore { store, config: block.config.clone() }), key)))
    }

    /// Our membership of the pool, as kept at home; none without a pool block or before `pool create` and `pool request`.
    pub(crate) async fn membership(&self, vault: &Vault) -> Result<Option<Membership>, Failure> {
        Membership::open(&self.site, vault).await
    }

    /// What a look saw, unless it is asked to stop meanwhile: it changes nothing, so it ends at once.
    ///
    /// # Errors
    ///
    /// Those of the look, and [`Cause::Interrupted`].
    pub(crate) async fn unless_stopped<T>(&self, look: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
        tokio::select! {
            seen = look => seen,
            () = self.site.cancel.reached(Level::Draining) => {
                Err(Failure::new(Cause::Interrupted, "stopped when asked; nothing was changed"))
            }
        }
    }

    pub(crate) async fn pooling(&self, runtime: &Runtime, stands: &Infrastructure) -> Result<Option<Pooling>, Failure> {
        Pooling::load(&self.site, runtime, stands).await
    }
}

pub(crate) fn key(text: &str) -> Result<StepKey, Failure> {
    StepKey::new(text).map_err(|err| Failure::of(Cause::Bug, "a step has no name", err))
}

pub(crate) fn kube(err: hangar_kube::KubeError) -> Failure {
    use hangar_plan::hint::Hint as _;
    let hint = err.hint();
    Failure::of(Cause::Outside, "cannot use the Kubernetes API", err).hint_maybe(hint)
}
