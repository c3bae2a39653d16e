//! Terraform outside of steps: heard, and stopped when asked.

use std::path::Path;

use async_trait::async_trait;
use hangar_engine::{Cancel, Level};
use hangar_exec::ProcessId;
use hangar_terraform::{Event, Observer, TerraformError};

/// Says what terraform is at, and stops it when the operator asks. Nothing that is heard here changes the world, so nothing
/// of it goes on record.
pub(crate) struct Watch<'a> {
    pub(crate) cancel: &'a Cancel,
    pub(crate) waiting: &'a (dyn Fn(&str) + Send + Sync),
}

#[async_trait]
impl Observer for Watch<'_> {
    async fn events(&self, events: &[Event]) -> Result<(), TerraformError> {
        // Of many that come at once the last is enough.
        if let Some(text) = events.iter().rev().find_map(Event::in_words) {
            (self.waiting)(&text);
        }
        Ok(())
    }

    async fn started(&self, _: &ProcessId, _: &Path) -> Result<(), TerraformError> {
        Ok(())
    }

    async fn stopped(&self) {
        self.cancel.reached(Level::Draining).await;
    }
}
