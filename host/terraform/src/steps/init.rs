//! Initialising as a step.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hangar_engine::{Seen, Step, StepContext, StepError};
use serde_json::{Value, json};

use crate::driver::Driver;
use crate::error::TerraformError;

/// Initialises a stack.
///
/// Probe: the last initialisation was for the same files, tool and providers. Act: `init`, which may run twice.
#[derive(Debug, Clone)]
pub struct InitStep {
    driver: Arc<Driver>,
}

impl InitStep {
    /// Initialises this driver's stack.
    #[must_use]
    pub fn new(driver: Arc<Driver>) -> Self {
        Self { driver }
    }
}

#[async_trait]
impl Step for InitStep {
    const NAME: &'static str = "terraform-init";
    type Output = ();

    fn input(&self) -> Value {
        json!({ "stack": self.driver.stack().name() })
    }

    fn deadline(&self) -> Duration {
        Duration::from_secs(15 * 60)
    }

    async fn probe(&self, _: &StepContext) -> Result<Seen<()>, StepError> {
        Ok(if self.driver.is_initialised()? { Seen::Done(()) } else { Seen::NotDone })
    }

    async fn act(&self, cx: &StepContext) -> Result<(), StepError> {
        let folder = cx.folder().map_err(TerraformError::from)?;
        self.driver.init(&folder, cx).await?;
        Ok(())
    }
}
