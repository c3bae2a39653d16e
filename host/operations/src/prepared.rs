//! What a command has found and planned before anybody says yes.

use std::sync::Arc;

use hangar_engine::Engine;
use hangar_plan::plan::{self, KnownAfter, Part, Plan};
use hangar_runtime::Runtime;
use hangar_terraform::{Driver, Outputs, Planning, StackPlan};

use crate::add_ons::{self, installed};
use crate::failure::Failure;
use crate::infrastructure::{self, Module, Provider};
use crate::means::Means;
use crate::organisation;
use crate::scratch::Scratch;
use crate::session::{Session, kube};
use crate::state_lock;
use crate::watch::Watch;

/// Everything of one run that is planned before anybody says yes.
pub(crate) struct Prepared {
    pub(crate) engine: Engine,
    pub(crate) provider: Provider,
    pub(crate) driver: Arc<Driver>,
    pub(crate) stack_plan: StackPlan,
    pub(crate) module: Module,
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
    /// Takes the workspace's lock and waits until no tool of an earlier run lives: what is wanted now may be another plan than
    /// the one it is at.
    pub(crate) async fn take_lock(&self, command: &str) -> Result<Engine, Failure> {
        let engine = self.site.engine(command, Arc::clone(&self.progress))?;
        infrastructure::outlive(&engine, &*self.waiting).await?;
        // A tool that lived until now may have kept the last sweep from what it wrote.
        self.site.sweep_scratch()?;
        Ok(engine)
    }

    /// Takes the workspace's lock and makes terraform ready.
    pub(crate) async fn open_stack(&self, command: &str, runtime: &Runtime) -> Result<OpenStack, Failure> {
        let engine = self.take_lock(command).await?;
        let provider = self.site.provider(runtime).await?;
        let (driver, module) = self.site.driver(&provider).await?;
        let scratch = self.site.scratch(command)?;
        Ok(OpenStack { engine, provider, driver, module, scratch })
    }

    pub(crate) async fn prepare(
        &self,
        command: &str,
        planning: Planning,
        runtime: &Runtime,
    ) -> Result<Prepared, Failure> {
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
    pub(crate) async fn plan_of(&self, prepared: &Prepared, means: &Means) -> Result<Plan, Failure> {
        let workspace = &self.site.workspace;
        let mut plan = Plan::new(workspace.instance.name.to_string());
        plan.parts.push(infrastructure::part(&prepared.stack_plan, &prepared.provider.name, &prepared.module));
        let mut made = Vec::new();
        if organisation::read_key(&means.vault).await?.is_none() {
            made.push("organisation key (Ed25519), sealed".to_owned());
        }
        if workspace.pool.is_some() && organisation::read_authority(&means.vault).await?.is_none() {
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
                plan.parts.extend(self.pool_parts(means).await?);
                plan.parts.extend(self.adoption_part(prepared, &means.vault, &stands).await?);
            }
        }
        Ok(plan)
    }

    /// What would replace an address that partners were told, or what holds data, is not done in passing.
    pub(crate) fn refuse_precious(&self, prepared: &Prepared) -> Result<(), Failure> {
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

    /// Reading outputs starts no provider.
    pub(crate) async fn outputs(&self, prepared: &Prepared) -> Result<Outputs, Failure> {
        let scratch = self.site.scratch("outputs")?;
        match prepared.driver.outputs(scratch.path()).await {
            Ok(outputs) => Ok(outputs),
            Err(err) => Err(infrastructure::explained(err, &prepared.provider).await),
        }
    }
}
