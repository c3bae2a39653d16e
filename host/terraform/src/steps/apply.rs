//! Applying as a step.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hangar_engine::{Attempt, Seen, Step, StepContext, StepError};
use hangar_plan::step::StepKey;
use serde_json::{Value, json};

use super::{keep, kept};
use crate::applied::Applied;
use crate::driver::{Driver, Planning};
use crate::error::TerraformError;
use crate::forgotten::propose_imports;
use crate::plan::{StackPlan, Summary};
use crate::recover::{is_wrecked, recover};
use crate::state::StateMark;

/// What an act keeps.
const KEPT: &str = "applied.json";

/// A cloud takes its time.
pub(super) const DEADLINE: Duration = Duration::from_secs(2 * 60 * 60);

/// What was approved.
#[derive(Debug, Clone)]
pub enum Approved {
    /// A plan that was shown.
    Plan(Box<StackPlan>),
    /// Whatever a [`PlanStep`](super::PlanStep) of this name plans.
    Step(StepKey),
}

impl Approved {
    pub(super) fn plan(&self, cx: &StepContext) -> Result<StackPlan, TerraformError> {
        match self {
            Self::Plan(plan) => Ok((**plan).clone()),
            Self::Step(key) => Ok(cx.output(key).map_err(Box::new)?),
        }
    }

    pub(super) fn name(&self) -> Value {
        match self {
            Self::Plan(plan) => json!({ "digest": plan.digest }),
            Self::Step(key) => json!({ "step": key }),
        }
    }
}

/// Applies what was approved, and nothing else.
///
/// Settle: a tool that still works is waited for. Probe: this operation has applied it and the state has not moved; or the
/// last attempt's stream says that all was done; or a fresh plan has nothing to do. Act: the saved plan if it was never
/// tried and the state has not moved. Otherwise what a crash has left is made good first, a fresh plan is made, and
/// applied if it stays within what was approved; if not, a person must decide. An old plan file is never used again.
#[derive(Debug, Clone)]
pub struct ApplyStep {
    driver: Arc<Driver>,
    approved: Approved,
}

impl ApplyStep {
    /// Applies what was approved to this driver's stack.
    #[must_use]
    pub fn new(driver: Arc<Driver>, approved: Approved) -> Self {
        Self { driver, approved }
    }

    /// Asks the world, where this operation has not applied it yet.
    async fn look(
        &self,
        cx: &StepContext,
        plan: &StackPlan,
        now: Option<&StateMark>,
        folder: &Path,
    ) -> Result<Seen<Applied>, TerraformError> {
        let tried = cx.last_attempt().filter(|attempt| attempt.idem == cx.idem());
        if let Some(attempt) = tried
            && let Some(earlier) = self.driver.settle(&attempt.folder, cx).await?
            && let Some(applied) = self.driver.whole(earlier, folder).await?
        {
            return Ok(Seen::Done(applied));
        }
        if is_wrecked(self.driver.stack()) || tried.is_none() && plan.has_changes() && plan.state.as_ref() == now {
            return Ok(Seen::NotDone);
        }
        let fresh = self.driver.plan(Planning::Apply, folder, cx).await?;
        hangar_durable::remove(&fresh.file).map_err(TerraformError::from)?;
        Ok(if fresh.has_changes() { Seen::NotDone } else { Seen::Done(self.as_it_stands(folder).await?) })
    }

    async fn as_it_stands(&self, folder: &Path) -> Result<Applied, TerraformError> {
        let outputs = self.driver.outputs(folder).await?;
        Ok(Applied { outputs, summary: Summary::default(), state: self.driver.mark(folder).await? })
    }
}

#[async_trait]
impl Step for ApplyStep {
    const NAME: &'static str = "terraform-apply";
    type Output = Applied;

    fn input(&self) -> Value {
        json!({ "stack": self.driver.stack().name(), "plan": self.approved.name() })
    }

    fn deadline(&self) -> Duration {
        DEADLINE
    }

    async fn settle(&self, cx: &StepContext, earlier: &Attempt) -> Result<(), StepError> {
        cx.waiting(format!("terraform, which an earlier run has started on stack `{}`", self.driver.stack().name()));
        self.driver.settle(&earlier.folder, cx).await?;
        Ok(())
    }

    async fn probe(&self, cx: &StepContext) -> Result<Seen<Applied>, StepError> {
        let folder = cx.probe_folder().map_err(TerraformError::from)?;
        let is_wrecked = is_wrecked(self.driver.stack());
        let now = if is_wrecked { None } else { self.driver.mark(&folder).await? };
        if let Some(former) = cx.former_output::<Applied>().filter(|former| !is_wrecked && former.state == now) {
            return Ok(Seen::Done(former));
        }
        let plan = self.approved.plan(cx)?;
        let seen = self.look(cx, &plan, now.as_ref(), &folder).await?;
        if matches!(seen, Seen::Done(_)) {
            // A host that was killed right after an apply has not come to this.
            propose_imports(self.driver.stack(), &[])?;
            self.driver.tidy(&plan)?;
        }
        Ok(seen)
    }

    async fn act(&self, cx: &StepContext) -> Result<(), StepError> {
        let folder = cx.folder().map_err(TerraformError::from)?;
        let approved = self.approved.plan(cx)?;
        let applied = match apply_approved(&self.driver, cx, &folder, &approved).await? {
            Some(applied) => applied,
            None => self.as_it_stands(&folder).await?,
        };
        Ok(keep(&folder, KEPT, &applied)?)
    }

    async fn verify(&self, cx: &StepContext) -> Result<Applied, StepError> {
        Ok(kept(&cx.folder().map_err(TerraformError::from)?, KEPT)?)
    }
}

/// Applies an approved plan, or what is left of it; none if nothing is.
pub(super) async fn apply_approved(
    driver: &Driver,
    cx: &StepContext,
    folder: &Path,
    approved: &StackPlan,
) -> Result<Option<Applied>, TerraformError> {
    recover(driver, folder).await?;
    let is_fresh = approved.state == driver.mark(folder).await? && approved.has_its_file()?;
    let was_tried = cx.last_attempt().is_some_and(|attempt| attempt.idem == cx.idem() || attempt.ended.is_none());
    if is_fresh && !was_tried {
        return driver.apply(approved, folder, cx).await.map(Some);
    }
    let applied = match plan_again(driver, cx, folder, approved).await? {
        Some(plan) => Some(driver.apply(&plan, folder, cx).await?),
        None => None,
    };
    propose_imports(driver.stack(), &[])?;
    driver.tidy(approved)?;
    Ok(applied)
}

/// Plans what is left; none if nothing is.
async fn plan_again(
    driver: &Driver,
    cx: &StepContext,
    folder: &Path,
    approved: &StackPlan,
) -> Result<Option<StackPlan>, TerraformError> {
    let stack = driver.stack();
    let lost = match cx.last_attempt().filter(|_| !approved.destroy) {
        Some(attempt) => driver.lost_by(attempt, folder, cx).await?,
        None => Vec::new(),
    };
    let planning = if approved.destroy { Planning::Destroy } else { Planning::Apply };
    let plan = driver.plan_taking_back(planning, lost, folder, cx).await?;
    let extra = plan.beyond(approved);
    if !extra.is_empty() {
        return Err(TerraformError::Beyond { stack: stack.name().clone(), extra });
    }
    if plan.has_changes() {
        return Ok(Some(plan));
    }
    hangar_durable::remove(&plan.file)?;
    Ok(None)
}
