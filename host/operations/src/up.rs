//! `plan` and `up` of one instance.

use std::sync::Arc;

use hangar_engine::{Engine, Steps, Work};
use hangar_plan::plan::Plan;
use hangar_terraform::{ApplyStep, Approved, Planning};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::add_ons::{self, installed};
use crate::failure::Failure;
use crate::goal::Goal;
use crate::infrastructure;
use crate::instance_steps::{MakeKeys, MakeNamespace};
use crate::means::Means;
use crate::pool_adopt;
use crate::prepared::Prepared;
use crate::session::{Outcome, Session, key};
use crate::state_lock;

impl Session {
    /// Shows what `up` would do. Changes nothing but the workspace's own folder.
    ///
    /// # Errors
    ///
    /// [`Failure`].
    pub async fn plan(&self) -> Result<Plan, Failure> {
        let runtime = self.site.runtime(self.program.clone())?;
        let prepared = self.prepare("plan", Planning::Apply, &runtime).await?;
        let means = self.means(prepared.engine.journal().clone(), runtime).await?;
        self.plan_of(&prepared, &means).await
    }

    /// Brings the instance to what the workspace says, and goes on from wherever an earlier run was killed.
    ///
    /// # Errors
    ///
    /// [`Failure`]; the same command goes on.
    pub async fn up(&self) -> Result<Outcome, Failure> {
        let runtime = self.site.runtime(self.program.clone())?;
        let prepared = self.prepare("up", Planning::Apply, &runtime).await?;
        let means = self.means(prepared.engine.journal().clone(), runtime).await?;
        let plan = self.plan_of(&prepared, &means).await?;
        self.refuse_precious(&prepared)?;
        if !plan.is_empty() && !(self.approve)(&plan)? {
            return Ok(Outcome::Declined);
        }
        let mut changed = self.lay_down(&prepared, &plan, &means).await?;
        let Some(taken) = self.take_over(&prepared, plan, &means.vault).await? else { return Ok(Outcome::Declined) };
        changed |= taken.changed;
        self.operate(&prepared.engine, &means).await?;
        Ok(if changed || !taken.plan.is_empty() { Outcome::Done } else { Outcome::Unchanged })
    }

    /// Terraform, keys, namespace.
    async fn lay_down(&self, prepared: &Prepared, plan: &Plan, means: &Means) -> Result<bool, Failure> {
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
        let pool = match self.pooling(&means.runtime, &stands).await? {
            Some(pooling) => Some((pooling.pool_name(), pooling.certificates().await?)),
            None => None,
        };
        let keys =
            MakeKeys { vault: Arc::clone(&means.vault), organisation: workspace.instance.name.to_string(), pool };
        let namespace = MakeNamespace { cluster, name: workspace.instance.namespace.to_string() };
        let steps =
            Steps::new().with(key("organisation/keys")?, [], keys).with(key("cluster/namespace")?, [], namespace);
        changed += operation.run(steps).await?.n_changed();
        operation.finish().await?;
        Ok(changed > 0)
    }

    /// The rest of a member's daily state; nothing for who is in no pool.
    async fn operate(&self, engine: &Engine, means: &Means) -> Result<(), Failure> {
        let Some(membership) = self.membership(&means.vault).await? else { return Ok(()) };
        if !membership.is_active() {
            return Ok(());
        }
        if !self.adopt && pool_adopt::stands(&means.journal).await? {
            (self.waiting)("our nodes are as other tools made them and stay so: `hangar up --adopt` takes them over");
        }
        self.drive(engine, means, membership, Goal::Operate).await
    }
}

/// What an operation is for. Equal plans are the same work.
pub(crate) fn work(command: &str, plan: &Plan) -> Work {
    let plan = serde_json::to_value(plan).expect("a plan has a JSON form");
    let digest = hex::encode(Sha256::digest(json!([command, plan]).to_string()));
    Work { command: command.into(), digest, plan }
}
