//! The infrastructure of an instance: rendered by a plugin, laid down by terraform, interpreted by the plugin.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use hangar_engine::{Engine, EngineError, Journal, Leftover};
use hangar_plan::grant::Kind;
use hangar_plan::hint::Hint as _;
use hangar_plan::infrastructure::{CostHint, Infrastructure, Instance, ToolDiagnostic};
use hangar_plan::plan::{self, Part, ResourceChange};
use hangar_plan::step::StepKey;
use hangar_runtime::{InfraProvider, Runtime};
use hangar_terraform::{
    Action, Change, Driver, Environment, Outputs, Planning, Stack, StackName, StackPlan, Terraform, TerraformError,
};
use serde_json::Value;

use crate::database::Database;
use crate::effect;
use crate::failure::{Cause, Failure};
use crate::site::Site;
use crate::slots::Slots;
use crate::state_lock;
use crate::watch::Watch;

/// Name of the one stack of an instance.
const STACK: &str = "infrastructure";
/// Where the journal keeps what stands, and the outputs that say so.
pub(crate) const SCOPE: &str = "host";
const KEY: &str = "infrastructure";
const OUTPUTS: &str = "outputs";
/// The fact by which a provider protects what stands.
const PROTECTED: &str = "deletion-protection";
/// Name of the step that applies the stack.
pub(crate) const APPLY: &str = "infrastructure/apply";

/// What a provider says of the module that it has rendered.
pub(crate) struct Module {
    /// Addresses of resources that hold data or that partners were told.
    pub(crate) precious: Vec<String>,
    pub(crate) cost: Option<CostHint>,
}

/// The provider of a workspace, ready to be asked.
#[derive(Clone)]
pub(crate) struct Provider {
    pub(crate) name: String,
    pub(crate) provider: InfraProvider,
    pub(crate) config: Value,
    pub(crate) instance: Instance,
    /// The database that the instance is for, where that is known.
    pub(crate) database: Option<Database>,
}

impl Site {
    /// Loads the provider and checks its block, all findings at once; once in a command.
    pub(crate) async fn provider(&self, runtime: &Runtime) -> Result<Provider, Failure> {
        if let Some(provider) = self.kept.provider() {
            return Ok(provider);
        }
        let block = &self.workspace.infra;
        let plugin = self.load_plugin(runtime, Kind::InfraProvider, block).await?;
        self.check_block(&plugin, Kind::InfraProvider, block)?;
        let provider = plugin.infra_provider().map_err(failed)?;
        let database = self.database(runtime).await?;
        let instance = self.instance_for_provider(database.as_ref());
        let said = provider.validate(&block.config, &instance).await.map_err(failed)?;
        self.refuse(block, &said)?;
        let provider =
            Provider { name: block.plugin.to_string(), provider, config: block.config.clone(), instance, database };
        self.kept.set_provider(provider.clone());
        Ok(provider)
    }

    fn instance_for_provider(&self, database: Option<&Database>) -> Instance {
        let instance = &self.workspace.instance;
        Instance {
            name: instance.name.to_string(),
            hostname: instance.hostname.to_string(),
            db_suffix: instance.db_suffix.to_string(),
            nodes: u32::from(instance.n_nodes),
            namespace: instance.namespace.to_string(),
            // Nobody is told of a node before there is a pool.
            db_port: database.map_or(0, |database| database.port),
            facts: Vec::new(),
        }
    }

    /// Lays the rendered module down and puts terraform to work on it.
    pub(crate) async fn driver(&self, provider: &Provider) -> Result<(Arc<Driver>, Module), Failure> {
        let rendered = provider.provider.render(&provider.config, &provider.instance).await.map_err(failed)?;
        let scratch = self.paths.cache.join("tools-asked");
        let terraform = self.terraform(&scratch).await.map_err(tool)?;
        let state = self.paths.state();
        let name = StackName::new(STACK).map_err(tool)?;
        let stack = Stack::new(name, state.join("stacks").join(STACK), self.backend(&terraform));
        stack.lay_down(&rendered.files).map_err(tool)?;
        let mut environment = Environment::new();
        if let Some(mirror) = &self.workspace.terraform.provider_mirror {
            environment = environment.with_mirror(mirror);
        }
        if let Some(cache) = &self.workspace.terraform.plugin_cache {
            environment = environment.with_plugin_cache(cache);
        }
        self.refuse_two_identities(&rendered.credentials)?;
        for (name, value) in self.backend_credentials().await? {
            environment = environment.with_credential(name, value);
        }
        for slot in &rendered.credentials {
            for (name, value) in self.variables_of(slot).await? {
                environment = environment.with_credential(name, value);
            }
        }
        let module = Module { precious: rendered.precious, cost: rendered.cost };
        Ok((Arc::new(Driver::new(terraform, stack, environment)), module))
    }

    pub(crate) async fn terraform(&self, scratch: &Path) -> Result<Terraform, TerraformError> {
        let named = self.workspace.tools.terraform.as_ref().or(self.environment.terraform.as_ref());
        match named {
            Some(binary) => Terraform::at(binary, scratch).await,
            None => Terraform::find(&self.tool_folders(), scratch).await,
        }
    }

    /// Where tools are looked for: PATH, then the folder of downloaded ones.
    pub(crate) fn tool_folders(&self) -> Vec<PathBuf> {
        let mut folders: Vec<PathBuf> =
            self.environment.path().map(std::env::split_paths).into_iter().flatten().collect();
        folders.push(self.paths.tools(&self.environment));
        folders
    }

    pub(crate) fn slots(&self) -> Slots {
        Slots {
            credentials: self.workspace.credentials.clone(),
            environment: Arc::clone(&self.environment),
            keyring: Arc::clone(&self.kept.keyring),
            redactor: self.redactor.clone(),
        }
    }
}

/// Waits until no tool of an earlier run lives.
pub(crate) async fn outlive(engine: &Engine, waiting: &(dyn Fn(&str) + Send + Sync)) -> Result<(), Failure> {
    let told = |left: &Leftover| waiting(&still_at_work(left.process.pid, left.step.as_ref()));
    Ok(engine.wait_for_leftovers(told).await?)
}

/// What is waited for. Whoever gave a terraform that still works its keys and tokens is gone.
fn still_at_work(pid: i32, step: Option<&StepKey>) -> String {
    let Some(step) = step else { return format!("process {pid} of an earlier run is still at work") };
    let of_terraform = step.to_string().starts_with(&format!("{STACK}/"));
    let spent = if of_terraform { "; keys and tokens that it cannot renew may end before it does" } else { "" };
    format!("process {pid} of an earlier run is still at work, of step `{step}`{spent}")
}

/// Plans the stack, after whatever an earlier run left was made good. No tool of an earlier run lives.
pub(crate) async fn plan(
    engine: &Engine,
    driver: &Driver,
    planning: Planning,
    folder: &Path,
    watch: &Watch<'_>,
) -> Result<StackPlan, TerraformError> {
    driver.init(&folder.join("init"), watch).await?;
    let apply = StepKey::new(APPLY).expect("the name of a step");
    let attempt = engine.last_attempt(&apply).await?;
    if let Some(attempt) = &attempt {
        driver.hear_out(&attempt.folder, watch).await?;
    }
    driver.recover(&folder.join("recover")).await?;
    let lost = match attempt {
        Some(attempt) => {
            let unheard = driver.unheard_of(&attempt, &folder.join("unheard"), watch).await?;
            if !unheard.is_empty() {
                (watch.waiting)(&format!(
                    "terraform was killed while it made {}: look whether that stands, for terraform does not know it",
                    unheard.iter().map(|address| format!("`{address}`")).collect::<Vec<_>>().join(", ")
                ));
            }
            driver.lost_by(&attempt, &folder.join("lost"), watch).await?
        }
        None => Vec::new(),
    };
    match driver.plan_taking_back(planning, lost.clone(), &folder.join("plan"), watch).await {
        Err(TerraformError::Locked { lock, stack }) => {
            if !state_lock::break_if_ours(engine, driver, &lock, &folder.join("unlock")).await? {
                return Err(TerraformError::Locked { lock, stack });
            }
            (watch.waiting)(&format!("broke the lock of {lock}: a killed run of this workspace had left it"));
            driver.plan_taking_back(planning, lost, &folder.join("plan-again"), watch).await
        }
        planned => planned,
    }
}

/// Remembers that all is gone, so that nothing of an earlier run is taken back.
pub(crate) async fn settle(engine: &Engine, driver: &Driver) -> Result<(), Failure> {
    let apply = StepKey::new(APPLY).expect("the name of a step");
    if let Some(attempt) = engine.last_attempt(&apply).await.map_err(unkept)? {
        driver.set_settled(&attempt).map_err(tool)?;
    }
    Ok(())
}

/// A failure of terraform, with the cure in the cloud's words where its plugin knows one.
pub(crate) async fn explained(err: TerraformError, provider: &Provider) -> Failure {
    let (hint, cause) = (cure(&err, provider).await.or_else(|| err.hint()), Cause::from(err.kind()));
    let message = if cause == Cause::Interrupted { "terraform was stopped" } else { "terraform failed" };
    Failure::of(cause, message, err).hint_maybe(hint)
}

/// A run of terraform's steps that did not come to its end, with the same cure.
pub(crate) async fn explained_run(err: EngineError, provider: &Provider) -> Failure {
    let known = match &err {
        EngineError::Incomplete { first, .. } => first.err.cause().downcast_ref::<TerraformError>(),
        _ => None,
    };
    let cure = match known {
        Some(err) => cure(err, provider).await,
        None => None,
    };
    Failure::from(err).hint_maybe(cure)
}

/// What the plugin says to the first diagnostic that it knows. That it cannot be asked hides nothing of the failure itself.
async fn cure(err: &TerraformError, provider: &Provider) -> Option<String> {
    let diagnostics = match err {
        TerraformError::Init { diagnostics, .. }
        | TerraformError::Plan { diagnostics, .. }
        | TerraformError::Apply { diagnostics, .. } => diagnostics.as_slice(),
        _ => &[],
    };
    for diagnostic in diagnostics {
        let said = ToolDiagnostic {
            severity: "error".into(),
            summary: diagnostic.summary.clone(),
            detail: diagnostic.detail.clone(),
            address: diagnostic.address.clone(),
        };
        if let Ok(Some(cure)) = provider.provider.explain(&said).await {
            return Some(cure);
        }
    }
    None
}

/// The plan as a part of what is shown.
pub(crate) fn part(plan: &StackPlan, provider: &str, module: &Module) -> Part {
    let guarded = plan.removals_of(&module.precious);
    let is_guarded = |change: &Change| guarded.iter().any(|guarded| guarded.address == change.address);
    let changes = plan.changes.iter().map(|change| ResourceChange {
        address: change.address.clone(),
        action: if change.import_id.is_some() { Action::Import } else { change.action.clone() }.to_string(),
        effect: effect::of(change, is_guarded(change)),
        guarded: !plan.destroy && is_guarded(change),
        reason: change.reason.clone().or_else(|| {
            change.import_id.as_ref().map(|id| format!("made before a crash, taken back by its id `{id}`"))
        }),
    });
    // Terraform tells them as it comes to them; equal plans are equal.
    let mut changes: Vec<ResourceChange> = changes.collect();
    changes.sort_by(|one, other| (one.effect, &one.address).cmp(&(other.effect, &other.address)));
    let cost = module.cost.as_ref().filter(|_| !plan.destroy && plan.has_changes()).map(|cost| {
        let (whole, hundredths) = (cost.monthly_hundredths / 100, cost.monthly_hundredths % 100);
        format!("about {whole}.{hundredths:02} {} a month ({})", cost.currency, cost.source)
    });
    Part::Infrastructure(plan::Infrastructure { stack: STACK.into(), provider: provider.into(), changes, cost })
}

/// What stands, by the outputs; kept in the journal, so that other commands need not ask terraform.
pub(crate) async fn interpret(
    journal: &Journal,
    provider: &Provider,
    outputs: &Outputs,
) -> Result<Infrastructure, Failure> {
    let stands = read(provider, outputs).await?;
    let kept = serde_json::to_vec(outputs).expect("outputs have a JSON form");
    journal.set_fact(SCOPE, OUTPUTS, Some(&kept)).await.map_err(unkept)?;
    let bytes = serde_json::to_vec(&stands).expect("infrastructure has a JSON form");
    journal.set_fact(SCOPE, KEY, Some(&bytes)).await.map_err(unkept)?;
    Ok(stands)
}

async fn read(provider: &Provider, outputs: &Outputs) -> Result<Infrastructure, Failure> {
    let outputs = outputs.to_plan();
    provider.provider.interpret(&provider.config, &provider.instance, &outputs).await.map_err(failed)
}

/// What stands as the plugin says now, by the outputs of the last `up`: its block may want more by now, which a plan must show.
pub(crate) async fn stands_now(journal: &Journal, provider: &Provider) -> Result<Option<Infrastructure>, Failure> {
    let Some(kept) = journal.fact(SCOPE, OUTPUTS).await.map_err(unkept)? else { return stands(journal).await };
    let outputs: Outputs = serde_json::from_slice(&kept.value)
        .map_err(|err| Failure::of(Cause::Bug, "the journal holds outputs of another form", err))?;
    read(provider, &outputs).await.map(Some)
}

/// What stands as the last `up` saw it; none before the first.
pub(crate) async fn stands(journal: &Journal) -> Result<Option<Infrastructure>, Failure> {
    let Some(kept) = journal.fact(SCOPE, KEY).await.map_err(unkept)? else { return Ok(None) };
    serde_json::from_slice(&kept.value)
        .map(Some)
        .map_err(|err| Failure::of(Cause::Bug, "the journal holds infrastructure of another form", err))
}

/// What the provider said of the last `up` to be protected is not taken down: terraform would come to the cluster's own
/// protection, where there is one, only after it has removed the nodes and the volumes.
pub(crate) async fn refuse_protected(journal: &Journal, provider: &Provider) -> Result<(), Failure> {
    let is_protected = |stands: &Infrastructure| stands.facts.contains(&(PROTECTED.to_owned(), "true".to_owned()));
    if !stands(journal).await?.as_ref().is_some_and(is_protected) {
        return Ok(());
    }
    Err(Failure::person("this instance is protected against deletion: nothing was touched").hint_is(format!(
        "set `deletion_protection = false` in the block `infra \"{}\"`, then `hangar up`, which lifts it, and `hangar down`",
        provider.name
    )))
}

/// Nothing stands any more.
pub(crate) async fn forget(journal: &Journal) -> Result<(), Failure> {
    journal.set_fact(SCOPE, OUTPUTS, None).await.map_err(unkept)?;
    journal.set_fact(SCOPE, KEY, None).await.map_err(unkept)
}

pub(crate) fn unkept(err: hangar_engine::JournalError) -> Failure {
    let hint = err.hint();
    Failure::of(Cause::Outside, "cannot use the journal", err).hint_maybe(hint)
}

pub(crate) fn tool(err: TerraformError) -> Failure {
    let (hint, cause) = (err.hint(), Cause::from(err.kind()));
    Failure::of(cause, "cannot use terraform", err).hint_maybe(hint)
}

pub(crate) fn failed(err: hangar_runtime::PluginError) -> Failure {
    Failure::of(Cause::Refused, format!("plugin `{}` gave no answer", err.plugin), err)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terraform_that_has_outlived_its_host_is_told_with_what_it_lacks() {
        let of = |step: Option<&str>| still_at_work(7, step.map(|step| StepKey::new(step).expect("a name")).as_ref());
        assert_eq!(of(None), "process 7 of an earlier run is still at work");
        assert_eq!(
            of(Some("services/release")),
            "process 7 of an earlier run is still at work, of step `services/release`"
        );
        let told = of(Some(APPLY));
        assert!(
            told.ends_with("`infrastructure/apply`; keys and tokens that it cannot renew may end before it does"),
            "{told}"
        );
    }
}
