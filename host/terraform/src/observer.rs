//! Who hears of a run.

use std::path::Path;

use async_trait::async_trait;
use hangar_engine::StepContext;
use hangar_exec::ProcessId;
use serde::Serialize;
use serde_json::json;

use crate::error::TerraformError;
use crate::stream::Event;

/// Hears of a run, and may stop it.
#[async_trait]
pub trait Observer: Send + Sync {
    /// Hears what the tool says; several events at once where they come fast.
    ///
    /// # Errors
    ///
    /// Whatever it cannot do with them; the tool is then interrupted.
    async fn events(&self, events: &[Event]) -> Result<(), TerraformError>;

    /// Hears which process was started, with its output in `spool`.
    ///
    /// # Errors
    ///
    /// As [`events`](Self::events).
    async fn started(&self, process: &ProcessId, spool: &Path) -> Result<(), TerraformError>;

    /// Returns when the run should be stopped.
    async fn stopped(&self);
}

/// Hears nothing and never stops anything.
#[derive(Debug, Clone, Copy, Default)]
pub struct Quiet;

#[async_trait]
impl Observer for Quiet {
    async fn events(&self, _: &[Event]) -> Result<(), TerraformError> {
        Ok(())
    }

    async fn started(&self, _: &ProcessId, _: &Path) -> Result<(), TerraformError> {
        Ok(())
    }

    async fn stopped(&self) {
        std::future::pending().await
    }
}

/// An event, with what it says in words beside it.
#[derive(Serialize)]
struct Said<'event> {
    #[serde(flatten)]
    event: &'event Event,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
}

/// A step tells its run's audience, and puts on record the ids of what was made: the tool's own state may lose them.
#[async_trait]
impl Observer for StepContext {
    async fn events(&self, events: &[Event]) -> Result<(), TerraformError> {
        let mut done = Vec::new();
        for event in events {
            if let Event::Completed(resource) = event {
                done.push(json!({ "done": resource }));
            }
            if !matches!(event, Event::Other { .. }) {
                self.detail("terraform", &Said { event, text: event.in_words() });
            }
        }
        Ok(self.record_progress(done).await?)
    }

    async fn started(&self, process: &ProcessId, spool: &Path) -> Result<(), TerraformError> {
        Ok(self.record_child(process, spool).await?)
    }

    async fn stopped(&self) {
        Self::stopped(self).await;
    }
}
