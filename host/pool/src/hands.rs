//! What the host does for a strategy.

use std::path::Path;

use async_trait::async_trait;
use hangar_engine::{StepContext, StepError};
use hangar_plan::strategy::action::{Action, Step};
use hangar_plan::strategy::observation::Fact;
use hangar_plan::strategy::probe::Probe;

/// Looks at the world and acts on it, for a strategy that only decides.
///
/// An implementation stands on the drivers; this room knows none of them by name.
#[async_trait]
pub trait Hands: Send + Sync {
    /// Asks all questions, as many at once as is sensible, and returns one fact for each. A look that fails is a fact too.
    ///
    /// # Errors
    ///
    /// Only where no look was possible at all, such as a Kubernetes API that refuses the token.
    async fn look(&self, probes: &[Probe]) -> Result<Vec<Fact>, StepError>;

    /// Whether the action would change nothing, where that can be told better than by a strategy's own check.
    ///
    /// # Errors
    ///
    /// Where looking was not possible.
    async fn is_done(&self, action: &Action) -> Result<bool, StepError>;

    /// Takes care of what an earlier attempt, whose folder this is, has left running. Changes nothing else.
    ///
    /// # Errors
    ///
    /// Where that cannot be told.
    async fn settle(&self, action: &Action, folder: &Path) -> Result<(), StepError>;

    /// Takes a step's action. Its intent is on disk. It may be taken twice, and ends the same.
    ///
    /// What the step verifies is told along: of what goes on for long, such as a restart of many pods, it must hold in between.
    ///
    /// # Errors
    ///
    /// Why it is not done, with what to do about it.
    async fn act(&self, cx: &StepContext, step: &Step) -> Result<(), StepError>;

    /// The time, in milliseconds since 1970-01-01T00:00:00Z.
    fn now_ms(&self) -> u64;
}
