//! `plan`, `up`, `down` of one instance.

use std::path::PathBuf;
use std::sync::Arc;

use hangar_engine::{Engine, Progress, Steps, Work};
use hangar_kube::Cluster;
use hangar_pki::envelope::InstallationKey;
use hangar_plan::grant::Kind;
use hangar_plan::infrastructure::Infrastructure;
use hangar_plan::plan::{self, KnownAfter, Part, Plan};
use hangar_plan::step::StepKey;
use hangar_runtime::Runtime;
use hangar_terraform::{ApplyStep, Approved, DestroyStep, Driver, Outputs, Planning, StackPlan};
use secrecy::ExposeSecret as _;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::adapters::PluginStore;
use crate::cluster;
use crate::failure::{Cause, Failure};
use crate::infrastructure::{self, Provider};
use crate::instance_steps::{MakeKeys, MakeNamespace};
use crate::organisation;
use crate::pooling::{Membership, Pooling};
use crate::scratch::Scratch;
use crate::site::Site;
use crate::slots::Slots;
use crate::vault::Vault;
use crate::watch::Watch;

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
}

/// What a run came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was so already.
    Unchanged,
    /// It is so now.
    Done,
    /// The operator said no.
    Declined,
}

/// Everything of one run that is planned before anybody says yes.
pub(crate) struct Prepared {
    pub(crate) engine: Engine,
    pub(crate) provider: Provider,
    driver: Arc<Driver>,
    stack_plan: StackPlan,
    precious: Vec<String>,
    /// Holds the saved plan, which is applied from there.
    _scratch: Scratch,
}

impl Session {
    /// Shows what `up` would do. Changes nothing but the workspace's own folder.
    ///
    /// # Errors
    ///
    /// [`Failure`].
    pub async fn plan(&self) -> Result<Plan, Failure> {
        let runtime = self.site.runtime(self.program.clone())?;
        let prepared = self.prepare("plan", Planning::Apply, &runtime).await?;
        let vault = self.vault(&runtime).await?;
        self.plan_of(&prepared, &vault, &runtime).await
    }

    /// Brings the instance to what the workspace says, and goes on from wherever an earlier run was killed.
    ///
    /// # Errors
    ///
    /// [`Failure`]; the same command goes on.
    pub async fn up(&self) -> Result<Outcome, Failure> {
        let runtime = self.site.runtime(self.program.clone())?;
        let prepared = self.prepare("up", Planning::Apply, &runtime).await?;
        let vault = self.vault(&runtime).await?;
        let plan = self.plan_of(&prepared, &vault, &runtime).await?;
        if !plan.is_empty() && !(self.approve)(&plan)? {
            return Ok(Outcome::Declined);
        }
        self.refuse_precious(&prepared)?;
        let mut changed = self.lay_down(&prepared, &plan, &vault, &runtime).await?;
        changed |= self.take_over(&prepared, &plan, &vault).await?;
        self.operate(&prepared.engine, &vault, &runtime).await?;
        Ok(if changed || !plan.is_empty() { Outcome::Done } else { Outcome::Unchanged })
    }

    /// Takes the instance down: the release is uninstalled, then terraform destroys what it made. Refused for a member.
    ///
    /// # Errors
    ///
    /// [`Failure`]; the same command goes on.
    pub async fn down(&self) -> Result<Outcome, Failure> {
        let runtime = self.site.runtime(self.program.clone())?;
        let prepared = self.prepare("down", Planning::Destroy, &runtime).await?;
        let vault = self.vault(&runtime).await?;
        if let Some(membership) = self.membership(&vault).await?
            && membership.others() > 0
        {
            return Err(Failure::person(
                "this instance is a member of a pool with others: taking it down would cost them replicas",
            )
            .hint_is("leave the pool first: `hangar pool leave`"));
        }
        let mut plan = Plan::new(self.site.workspace.instance.name.to_string());
        plan.parts.push(infrastructure::part(&prepared.stack_plan, &prepared.provider.name));
        if !plan.is_empty() && !(self.approve)(&plan)? {
            return Ok(Outcome::Declined);
        }
        let stands = infrastructure::stands(prepared.engine.journal()).await?;
        if let Some(stands) = &stands {
            self.uninstall(&prepared, stands).await?;
        }
        let operation = prepared.engine.begin(work("down", &plan)).await?;
        let approved = Approved::Plan(Box::new(prepared.stack_plan.clone()));
        let steps = Steps::new().with(
            key("infrastructure/destroy")?,
            [],
            DestroyStep::new(Arc::clone(&prepared.driver), approved),
        );
        operation.run(steps).await?;
        operation.finish().await?;
        infrastructure::settle(&prepared.engine, &prepared.driver).await?;
        infrastructure::forget(prepared.engine.journal()).await?;
        Ok(if stands.is_none() && plan.is_empty() { Outcome::Unchanged } else { Outcome::Done })
    }

    async fn prepare(&self, command: &str, planning: Planning, runtime: &Runtime) -> Result<Prepared, Failure> {
        let engine = self.site.engine(command, Arc::clone(&self.progress))?;
        infrastructure::outlive(&engine, &*self.waiting).await?;
        // A tool that lived until now may have kept the last sweep from what it wrote.
        self.site.sweep_scratch()?;
        let provider = self.site.provider(runtime).await?;
        let (driver, precious) = self.site.driver(&provider).await?;
        let scratch = self.site.scratch("plan")?;
        (self.waiting)("terraform plans");
        let watch = Watch { cancel: &self.site.cancel, waiting: &*self.waiting };
        match infrastructure::plan(&engine, &driver, planning, scratch.path(), &watch).await {
            Ok(stack_plan) => Ok(Prepared { engine, provider, driver, stack_plan, precious, _scratch: scratch }),
            Err(err) => Err(infrastructure::explained(err, &provider).await),
        }
    }

    /// The plan as it is shown.
    async fn plan_of(&self, prepared: &Prepared, vault: &Arc<Vault>, runtime: &Runtime) -> Result<Plan, Failure> {
        let workspace = &self.site.workspace;
        let mut plan = Plan::new(workspace.instance.name.to_string());
        plan.parts.push(infrastructure::part(&prepared.stack_plan, &prepared.provider.name));
        let mut made = Vec::new();
        if organisation::read_key(vault).await?.is_none() {
            made.push("organisation key (Ed25519), sealed".to_owned());
        }
        if workspace.pool.is_some() && organisation::read_authority(vault).await?.is_none() {
            made.push("certificate authority of this organisation, its key sealed".to_owned());
        }
        let store = workspace.secrets.plugin.to_string();
        plan.parts.push(Part::Keys(plan::Keys { made, store }));
        let stands = infrastructure::stands(prepared.engine.journal()).await?;
        let namespace = workspace.instance.namespace.to_string();
        match stands.filter(|_| !prepared.stack_plan.has_changes()) {
            None => {
                let step = infrastructure::APPLY.to_owned();
                plan.parts.push(Part::KnownAfter(KnownAfter { what: "address of the Kubernetes API".into(), step }));
                plan.parts.push(Part::Namespace(plan::Namespace { name: namespace }));
            }
            Some(stands) => {
                let cluster = self.cluster(&prepared.provider, &stands).await?;
                if !hangar_kube::namespace::is_ready(&cluster, &namespace).await.map_err(kube)? {
                    plan.parts.push(Part::Namespace(plan::Namespace { name: namespace }));
                }
                plan.parts.extend(self.pool_parts(&prepared.engine, vault, runtime).await?);
                plan.parts.extend(self.adoption_part(prepared, vault, &stands).await?);
            }
        }
        Ok(plan)
    }

    /// What would replace an address that partners were told, or what holds data, is not done in passing.
    fn refuse_precious(&self, prepared: &Prepared) -> Result<(), Failure> {
        let removals = prepared.stack_plan.removals_of(&prepared.precious);
        let Some(first) = removals.first() else { return Ok(()) };
        Err(Failure::person(format!(
            "the plan would {} `{}`, which holds data or is known to partners",
            first.action, first.address
        ))
        .hint_is("change the workspace so that it stays, or take the instance down"))
    }

    /// Terraform, keys, namespace.
    async fn lay_down(
        &self,
        prepared: &Prepared,
        plan: &Plan,
        vault: &Arc<Vault>,
        runtime: &Runtime,
    ) -> Result<bool, Failure> {
        let operation = prepared.engine.begin(work("up", plan)).await?;
        let mut changed = 0;
        if prepared.stack_plan.has_changes() {
            let approved = Approved::Plan(Box::new(prepared.stack_plan.clone()));
            let step = ApplyStep::new(Arc::clone(&prepared.driver), approved);
            changed += operation.run(Steps::new().with(key(infrastructure::APPLY)?, [], step)).await?.n_changed();
        }
        let outputs = self.outputs(prepared).await?;
        let stands = infrastructure::interpret(prepared.engine.journal(), &prepared.provider, &outputs).await?;
        let cluster = self.cluster(&prepared.provider, &stands).await?;
        let workspace = &self.site.workspace;
        let pool = match self.pooling(runtime, &stands).await? {
            Some(pooling) => Some((pooling.pool_name(), pooling.certificates().await?)),
            None => None,
        };
        let keys = MakeKeys { vault: Arc::clone(vault), organisation: workspace.instance.name.to_string(), pool };
        let namespace = MakeNamespace { cluster, name: workspace.instance.namespace.to_string() };
        let steps =
            Steps::new().with(key("organisation/keys")?, [], keys).with(key("cluster/namespace")?, [], namespace);
        changed += operation.run(steps).await?.n_changed();
        operation.finish().await?;
        Ok(changed > 0)
    }

    /// Reading outputs starts no provider.
    async fn outputs(&self, prepared: &Prepared) -> Result<Outputs, Failure> {
        let scratch = self.site.scratch("outputs")?;
        match prepared.driver.outputs(scratch.path()).await {
            Ok(outputs) => Ok(outputs),
            Err(err) => Err(infrastructure::explained(err, &prepared.provider).await),
        }
    }

    /// The rest of a member's daily state; nothing for who is in no pool.
    async fn operate(&self, engine: &Engine, vault: &Arc<Vault>, runtime: &Runtime) -> Result<(), Failure> {
        let Some(membership) = self.membership(vault).await? else { return Ok(()) };
        if !membership.is_active() {
            return Ok(());
        }
        self.drive(engine, vault, runtime, membership, crate::goal::Goal::Operate).await
    }

    async fn uninstall(&self, prepared: &Prepared, stands: &Infrastructure) -> Result<(), Failure> {
        let (access, cluster) = self.connection(&prepared.provider, stands).await?;
        (self.waiting)("the release of the services is uninstalled");
        let services = self.services(&prepared.engine, stands, &cluster, &access).await?;
        services.uninstall(&self.site.paths.state().join("uninstall")).await?;
        hangar_kube::namespace::delete(
            &cluster,
            self.site.workspace.instance.namespace.as_str(),
            std::time::Duration::from_secs(120),
        )
        .await
        .map_err(kube)
    }

    pub(crate) async fn access(
        &self,
        provider: &Provider,
        stands: &Infrastructure,
    ) -> Result<hangar_kube::Access, Failure> {
        let recipe = provider.provider.cluster_token(&provider.config, stands).await.map_err(infrastructure::failed)?;
        let slots = Slots {
            credentials: self.site.workspace.credentials.clone(),
            environment: Arc::clone(&self.site.environment),
        };
        let access = cluster::access(&stands.api, self.site.workspace.cluster.as_ref(), &recipe, &slots).await?;
        let secret = match &access.credential {
            hangar_kube::Credential::Token(token) => token,
            hangar_kube::Credential::ClientTls { key_pem, .. } => key_pem,
        };
        self.site.redactor.register(secret.expose_secret());
        Ok(access)
    }

    pub(crate) async fn cluster(&self, provider: &Provider, stands: &Infrastructure) -> Result<Cluster, Failure> {
        Ok(self.connection(provider, stands).await?.1)
    }

    /// The way to the cluster, taken once in a command.
    pub(crate) async fn connection(
        &self,
        provider: &Provider,
        stands: &Infrastructure,
    ) -> Result<(hangar_kube::Access, Cluster), Failure> {
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
    pub(crate) async fn membership(&self, vault: &Arc<Vault>) -> Result<Option<Membership>, Failure> {
        Membership::open(&self.site, vault).await
    }

    pub(crate) async fn pooling(&self, runtime: &Runtime, stands: &Infrastructure) -> Result<Option<Pooling>, Failure> {
        Pooling::load(&self.site, runtime, stands).await
    }
}

/// What an operation is for. Equal plans are the same work.
pub(crate) fn work(command: &str, plan: &Plan) -> Work {
    let plan = serde_json::to_value(plan).expect("a plan has a JSON form");
    let digest = hex::encode(Sha256::digest(json!([command, plan]).to_string()));
    Work { command: command.into(), digest, plan }
}

pub(crate) fn key(text: &str) -> Result<StepKey, Failure> {
    StepKey::new(text).map_err(|err| Failure::of(Cause::Bug, "a step has no name", err))
}

pub(crate) fn kube(err: hangar_kube::KubeError) -> Failure {
    use hangar_plan::hint::Hint as _;
    let hint = err.hint();
    Failure::of(Cause::Outside, "cannot use the Kubernetes API", err).hint_maybe(hint)
}
