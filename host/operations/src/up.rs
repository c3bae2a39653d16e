//! `plan`, `up`, `down` of one instance.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hangar_engine::{Engine, Progress, Steps, Work};
use hangar_kube::Cluster;
use hangar_pki::envelope::InstallationKey;
use hangar_plan::grant::Kind;
use hangar_plan::infrastructure::Infrastructure;
use hangar_plan::plan::{self, KnownAfter, Part, Plan};
use hangar_plan::step::StepKey;
use hangar_runtime::Runtime;
use hangar_terraform::{ApplyStep, Approved, DestroyStep, Driver, Outputs, Planning, StackPlan};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::adapters::PluginStore;
use crate::add_ons::{self, installed};
use crate::adoption;
use crate::cluster;
use crate::failure::{Cause, Failure};
use crate::infrastructure::{self, Module, Provider};
use crate::instance_steps::{MakeKeys, MakeNamespace};
use crate::organisation;
use crate::pool_adopt;
use crate::pooling::{Membership, Pooling};
use crate::scratch::Scratch;
use crate::site::Site;
use crate::state_lock;
use crate::vault::Vault;
use crate::watch::Watch;

/// A namespace waits for the cloud to remove its load balancers, and its volumes for the cloud to remove the disks.
pub(crate) const CLOUD_REMOVES: Duration = Duration::from_secs(5 * 60);

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
    module: Module,
    /// Holds the saved plan, which is applied from there.
    _scratch: Scratch,
}

/// A stack that can be looked at, held against other runs of this workspace.
pub(crate) struct OpenStack {
    pub(crate) engine: Engine,
    pub(crate) provider: Provider,
    pub(crate) driver: Arc<Driver>,
    pub(crate) module: Module,
    pub(crate) scratch: Scratch,
}

impl Prepared {
    /// Whether terraform changes something first, so that of the cluster nothing is known yet.
    pub(crate) fn changes_infrastructure(&self) -> bool {
        self.stack_plan.has_changes()
    }
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
        self.refuse_precious(&prepared)?;
        if !plan.is_empty() && !(self.approve)(&plan)? {
            return Ok(Outcome::Declined);
        }
        let mut changed = self.lay_down(&prepared, &plan, &vault, &runtime).await?;
        let Some(taken) = self.take_over(&prepared, plan, &vault).await? else { return Ok(Outcome::Declined) };
        changed |= taken.changed;
        self.operate(&prepared.engine, &vault, &runtime).await?;
        Ok(if changed || !taken.plan.is_empty() { Outcome::Done } else { Outcome::Unchanged })
    }

    /// Takes the instance down: the release is uninstalled, then terraform destroys what it made. Refused for a member, and for
    /// infrastructure that is protected against deletion, before anything is touched.
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
        plan.parts.push(infrastructure::part(&prepared.stack_plan, &prepared.provider.name, &prepared.module));
        if !plan.is_empty() && !(self.approve)(&plan)? {
            return Ok(Outcome::Declined);
        }
        let stands = infrastructure::stands(prepared.engine.journal()).await?;
        let kept = match &stands {
            Some(stands) => self.uninstall(&prepared, stands).await?,
            None => Vec::new(),
        };
        // From here on the cluster may be gone: a run that goes on after a kill must not ask it.
        infrastructure::forget(prepared.engine.journal()).await?;
        adoption::remember(&prepared.engine, false).await?;
        let operation = prepared.engine.begin(work("down", &plan)).await?;
        let approved = Approved::Plan(Box::new(prepared.stack_plan.clone()));
        let steps = Steps::new().with(
            key("infrastructure/destroy")?,
            [],
            DestroyStep::new(Arc::clone(&prepared.driver), approved),
        );
        if let Err(err) = operation.run(steps).await {
            return Err(infrastructure::explained_run(err, &prepared.provider).await);
        }
        operation.finish().await?;
        infrastructure::settle(&prepared.engine, &prepared.driver).await?;
        state_lock::keep_lineage(&prepared.engine, None).await?;
        self.prove_gone(&prepared, &kept).await?;
        Ok(if stands.is_none() && plan.is_empty() { Outcome::Unchanged } else { Outcome::Done })
    }

    /// Looks once more: the state knows nothing, and no disk was kept. What the cluster had made in the cloud (load
    /// balancers, disks) was seen to go before the cluster went.
    async fn prove_gone(&self, prepared: &Prepared, kept: &[String]) -> Result<(), Failure> {
        let scratch = self.site.scratch("proof")?;
        let left = prepared.driver.resources(scratch.path()).await.map_err(infrastructure::tool)?;
        let left: Vec<String> = left.into_iter().chain(kept.iter().map(|volume| format!("volume {volume}"))).collect();
        if left.is_empty() {
            return Ok(());
        }
        Err(Failure::person(format!("not all is gone: {}", left.join(", ")))
            .hint_is("volumes with the policy `Retain` stay on purpose: remove their disks by hand; for the rest run `hangar down` again"))
    }

    /// Takes the workspace's lock and makes terraform ready, once no tool of an earlier run lives.
    pub(crate) async fn open_stack(&self, command: &str, runtime: &Runtime) -> Result<OpenStack, Failure> {
        let engine = self.site.engine(command, Arc::clone(&self.progress))?;
        infrastructure::outlive(&engine, &*self.waiting).await?;
        // A tool that lived until now may have kept the last sweep from what it wrote.
        self.site.sweep_scratch()?;
        let provider = self.site.provider(runtime).await?;
        let (driver, module) = self.site.driver(&provider).await?;
        let scratch = self.site.scratch(command)?;
        Ok(OpenStack { engine, provider, driver, module, scratch })
    }

    async fn prepare(&self, command: &str, planning: Planning, runtime: &Runtime) -> Result<Prepared, Failure> {
        let OpenStack { engine, provider, driver, module, scratch } = self.open_stack(command, runtime).await?;
        if planning == Planning::Destroy {
            infrastructure::refuse_protected(engine.journal(), &provider).await?;
        }
        (self.waiting)("terraform plans");
        let watch = Watch { cancel: &self.site.cancel, waiting: &*self.waiting };
        match infrastructure::plan(&engine, &driver, planning, scratch.path(), &watch).await {
            Ok(stack_plan) => {
                state_lock::check_lineage(&engine, &stack_plan).await?;
                Ok(Prepared { engine, provider, driver, stack_plan, module, _scratch: scratch })
            }
            Err(err) => Err(infrastructure::explained(err, &provider).await),
        }
    }

    /// The plan as it is shown.
    async fn plan_of(&self, prepared: &Prepared, vault: &Arc<Vault>, runtime: &Runtime) -> Result<Plan, Failure> {
        let workspace = &self.site.workspace;
        let mut plan = Plan::new(workspace.instance.name.to_string());
        plan.parts.push(infrastructure::part(&prepared.stack_plan, &prepared.provider.name, &prepared.module));
        let mut made = Vec::new();
        if organisation::read_key(vault).await?.is_none() {
            made.push("organisation key (Ed25519), sealed".to_owned());
        }
        if workspace.pool.is_some() && organisation::read_authority(vault).await?.is_none() {
            made.push("certificate authority of this organisation, its key sealed".to_owned());
        }
        let store = workspace.secrets.plugin.to_string();
        plan.parts.push(Part::Keys(plan::Keys { made, store }));
        let stands = match prepared.changes_infrastructure() {
            true => None,
            false => infrastructure::stands_now(prepared.engine.journal(), &prepared.provider).await?,
        };
        let namespace = workspace.instance.namespace.to_string();
        match stands {
            None => {
                let step = infrastructure::APPLY.to_owned();
                let later = |what: String| Part::KnownAfter(KnownAfter { what, step: step.clone() });
                plan.parts.push(later("address of the Kubernetes API".into()));
                let instance = &workspace.instance;
                // Partners are told these names; what they lead to is known later.
                let nodes = (0..instance.n_nodes).map(|node| format!("`{node}.{}`", instance.db_suffix));
                let names: Vec<String> = nodes.chain([format!("`{}`", instance.hostname)]).collect();
                plan.parts.push(later(format!("addresses of {}", names.join(", "))));
                plan.parts.push(later("add-ons of the cluster".into()));
                plan.parts.push(Part::Namespace(plan::Namespace { name: namespace }));
            }
            Some(stands) => {
                let cluster = self.cluster(&prepared.provider, &stands).await?;
                if !hangar_kube::namespace::is_ready(&cluster, &namespace).await.map_err(kube)? {
                    plan.parts.push(Part::Namespace(plan::Namespace { name: namespace }));
                }
                let leftovers = self.leftover_add_ons(&prepared.engine, &prepared.provider, &stands).await?;
                plan.parts.extend(installed::parts(&leftovers).await?);
                let add_ons = self.add_ons(&prepared.engine, &prepared.provider, &stands).await?;
                plan.parts.extend(add_ons::parts(&add_ons).await?);
                plan.parts.extend(self.pool_parts(&prepared.engine, vault, runtime).await?);
                plan.parts.extend(self.adoption_part(prepared, vault, &stands).await?);
            }
        }
        Ok(plan)
    }

    /// What would replace an address that partners were told, or what holds data, is not done in passing.
    fn refuse_precious(&self, prepared: &Prepared) -> Result<(), Failure> {
        let removals = prepared.stack_plan.removals_of(&prepared.module.precious);
        for allowed in &self.allow_replace {
            if !removals.iter().any(|removal| removal.address == *allowed) {
                (self.waiting)(&format!("--allow-replace `{allowed}` is not needed: the plan leaves it"));
            }
        }
        let refused: Vec<_> =
            removals.iter().filter(|removal| !self.allow_replace.contains(&removal.address)).collect();
        if refused.is_empty() {
            return Ok(());
        }
        let what: Vec<_> = refused.iter().map(|change| format!("{} `{}`", change.action, change.address)).collect();
        let flags: Vec<_> = refused.iter().map(|change| format!("--allow-replace '{}'", change.address)).collect();
        Err(Failure::person(format!("the plan would {}, which hold data or are known to partners", what.join(", ")))
            .hint_is(format!("change the workspace so that they stay, or say that it is meant: `{}`", flags.join(" "))))
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
            let steps = Steps::new().with(key(infrastructure::APPLY)?, [], step);
            changed += match operation.run(steps).await {
                Ok(report) => report.n_changed(),
                Err(err) => return Err(infrastructure::explained_run(err, &prepared.provider).await),
            };
        }
        let scratch = self.site.scratch("state")?;
        let state = prepared.driver.mark(scratch.path()).await.map_err(infrastructure::tool)?;
        state_lock::keep_lineage(&prepared.engine, state.as_ref().map(|state| state.lineage.as_str())).await?;
        let outputs = self.outputs(prepared).await?;
        let stands = infrastructure::interpret(prepared.engine.journal(), &prepared.provider, &outputs).await?;
        let cluster = self.cluster(&prepared.provider, &stands).await?;
        // What goes leaves the cluster first: another add-on may make the same objects.
        let leftovers = self.leftover_add_ons(&prepared.engine, &prepared.provider, &stands).await?;
        changed += operation.run(installed::steps(leftovers)?).await?.n_changed();
        installed::remember(&prepared.engine, &stands).await?;
        let add_ons = self.add_ons(&prepared.engine, &prepared.provider, &stands).await?;
        changed += operation.run(add_ons::steps(add_ons)?).await?.n_changed();
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
        if !self.adopt && pool_adopt::stands(engine.journal()).await? {
            (self.waiting)("our nodes are as other tools made them and stay so: `hangar up --adopt` takes them over");
        }
        self.drive(engine, vault, runtime, membership, crate::goal::Goal::Operate).await
    }

    /// Returns the volumes that stay by their own policy.
    async fn uninstall(&self, prepared: &Prepared, stands: &Infrastructure) -> Result<Vec<String>, Failure> {
        let (access, cluster) = self.connection(&prepared.provider, stands).await?;
        (self.waiting)("the release of the services is uninstalled");
        let services = self.services(prepared.engine.journal(), stands, &cluster, &access).await?;
        services.uninstall(&self.site.paths.state().join("uninstall")).await?;
        let namespace = self.site.workspace.instance.namespace.as_str();
        // Load balancers go with their Services, which a namespace outlives; disks go after it.
        hangar_kube::namespace::delete(&cluster, namespace, CLOUD_REMOVES).await.map_err(kube)?;
        (self.waiting)("the disks of the database are removed");
        let kept = hangar_kube::volumes::gone_with(&cluster, namespace, CLOUD_REMOVES).await.map_err(kube)?;
        self.remove_add_ons(&prepared.engine, &prepared.provider, stands).await?;
        Ok(kept)
    }

    pub(crate) async fn access(
        &self,
        provider: &Provider,
        stands: &Infrastructure,
    ) -> Result<hangar_kube::Access, Failure> {
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
