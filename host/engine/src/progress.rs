//! What a run tells while it goes on.

use hangar_plan::step::StepKey;
use serde::Serialize;
use serde_json::Value;

use crate::journal::OperationId;
use crate::report::Left;

/// Receives what a run tells. Called from the run itself, so it must not block.
pub trait Progress: Send + Sync {
    /// Takes one event.
    fn event(&self, event: &Event);
}

/// Listens to nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoProgress;

impl Progress for NoProgress {
    fn event(&self, _: &Event) {}
}

/// One thing that happened in a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Event {
    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub at_ms: u64,
    /// The operation.
    pub operation: OperationId,
    /// The step, where it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<StepKey>,
    /// What happened.
    #[serde(flatten)]
    pub what: What,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum What {
    /// An operation began, or was taken up again.
    Began {
        /// The command that runs.
        command: String,
        /// Whether an earlier run of the same plan left it unfinished.
        resumed: bool,
    },
    /// Something worth saying, such as a lock taken over from a dead process.
    Note {
        /// In words.
        text: String,
    },
    /// An earlier attempt's outcome is not known; what is left of it is waited for.
    Settling {
        /// Number of that attempt.
        attempt: u32,
    },
    /// The world is looked at.
    Probing,
    /// The step acts.
    Acting {
        /// Name of the kind of step.
        name: String,
        /// Number of the attempt, from 1.
        attempt: u32,
    },
    /// The step waits.
    Waiting {
        /// For what, in words.
        what: String,
    },
    /// Something of the step's own kind, such as one event of a tool.
    Detail {
        /// Who says it, such as `terraform`.
        source: String,
        /// What, in the source's own form.
        body: Value,
    },
    /// The step is done.
    Done {
        /// Whether it acted in this run.
        changed: bool,
    },
    /// The step failed.
    Failed {
        /// What is left.
        left: Left,
        /// Why.
        error: String,
        /// What can be done.
        #[serde(skip_serializing_if = "Option::is_none")]
        hint: Option<String>,
    },
    /// The step was not started, since one it requires was not done.
    Skipped {
        /// That one.
        requires: StepKey,
    },
    /// The operation is over, or left for a later run.
    Ended {
        /// Whether every step is done.
        complete: bool,
    },
}
