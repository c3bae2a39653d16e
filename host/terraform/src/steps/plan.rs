//! Planning as a step.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hangar_engine::{Seen, Step, StepContext, StepError};
use serde_json::{Value, json};

use super::{keep, kept};
use crate::driver::{Driver, Planning};
use crate::error::TerraformError;
use crate::plan::StackPlan;

/// What an act keeps.
const KEPT: &str = "plan.json";

/// Plans a stack, for an apply that the operator has approved as part of something larger.
///
/// Probe: this operation has planned it, the file is there and the state has not moved. Act: `plan`, which changes nothing.
#[derive(Debug, Clone)]
pub struct PlanStep {
    driver: Arc<Driver>,
    planning: Planning,
}

impl PlanStep {
    /// Plans this driver's stack.
    #[must_use]
    pub fn new(driver: Arc<Driver>, planning: Planning) -> Self {
        Self { driver, planning }
    }
}

#[async_trait]
impl Step for PlanStep {
    const NAME: &'static str = "terraform-plan";
    type Output = StackPlan;

    fn input(&self) -> Value {
        json!({ "stack": self.driver.stack().name(), "destroy": self.planning == Planning::Destroy })
    }

    async fn probe(&self, cx: &StepContext) -> Result<Seen<StackPlan>, StepError> {
        let folder = cx.probe_folder().map_err(TerraformError::from)?;
        let now = self.driver.mark(&folder).await?;
        Ok(match cx.former_output::<StackPlan>() {
            Some(plan) if plan.has_its_file()? && plan.state == now => Seen::Done(plan),
            _ => Seen::NotDone,
        })
    }

    fn deadline(&self) -> Duration {
        Duration::from_secs(60 * 60)
    }

    async fn act(&self, cx: &StepContext) -> Result<(), StepError> {
        let folder = cx.folder().map_err(TerraformError::from)?;
        let plan = self.driver.plan(self.planning, &folder, cx).await?;
        Ok(keep(&folder, KEPT, &plan)?)
    }

    async fn verify(&self, cx: &StepContext) -> Result<StackPlan, StepError> {
        Ok(kept(&cx.folder().map_err(TerraformError::from)?, KEPT)?)
    }
}
