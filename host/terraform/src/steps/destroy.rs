//! Destroying as a step.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hangar_engine::{Attempt, Seen, Step, StepContext, StepError};
use serde_json::{Value, json};

use super::apply::{Approved, DEADLINE, apply_approved};
use crate::driver::Driver;
use crate::error::TerraformError;
use crate::recover::is_wrecked;

/// Removes everything of a stack, by an approved plan to do so.
///
/// Settle: a tool that still works is waited for. Probe: the state knows no resource. Act: as
/// [`ApplyStep`](super::ApplyStep); a resource that is gone already is what was wanted.
#[derive(Debug, Clone)]
pub struct DestroyStep {
    driver: Arc<Driver>,
    approved: Approved,
}

impl DestroyStep {
    /// Removes everything of this driver's stack. The approved plan must be one to destroy.
    #[must_use]
    pub fn new(driver: Arc<Driver>, approved: Approved) -> Self {
        Self { driver, approved }
    }
}

#[async_trait]
impl Step for DestroyStep {
    const NAME: &'static str = "terraform-destroy";
    type Output = ();

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

    async fn probe(&self, cx: &StepContext) -> Result<Seen<()>, StepError> {
        let folder = cx.probe_folder().map_err(TerraformError::from)?;
        if is_wrecked(self.driver.stack()) || !self.driver.resources(&folder).await?.is_empty() {
            return Ok(Seen::NotDone);
        }
        // A host that was killed right after an apply has not come to this.
        self.driver.tidy(&self.approved.plan(cx)?)?;
        Ok(Seen::Done(()))
    }

    async fn act(&self, cx: &StepContext) -> Result<(), StepError> {
        let folder = cx.folder().map_err(TerraformError::from)?;
        let approved = self.approved.plan(cx)?;
        if !approved.destroy {
            return Err(StepError::bug("a plan to apply was given to a step that destroys"));
        }
        apply_approved(&self.driver, cx, &folder, &approved).await?;
        Ok(())
    }
}
