//! What a run came to.

use std::error::Error;
use std::fmt;

use hangar_plan::step::StepKey;
use serde::Serialize;

use crate::step::StepError;

/// What a failed step leaves behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Left {
    /// Nothing of its own: it had not acted.
    Untouched,
    /// Something, perhaps: it acted and failed. The next run looks before it acts again.
    Partial,
    /// Nobody knows yet: it was cut short. The next run looks before anything else.
    InDoubt,
}

impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Untouched => "it had changed nothing",
            Self::Partial => "it may have changed a part",
            Self::InDoubt => "it was cut short",
        })
    }
}

/// A step that failed, and what it leaves behind.
#[derive(Debug)]
pub struct StepFailure {
    /// The step.
    pub step: StepKey,
    /// What it leaves behind.
    pub left: Left,
    /// Why it failed.
    pub err: StepError,
}

impl fmt::Display for StepFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "step `{}` is not done; {}", self.step, self.left)
    }
}

impl Error for StepFailure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.err)
    }
}

/// What became of one step in one run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum StepOutcome {
    /// It is done.
    Done {
        /// Whether it acted in this run.
        changed: bool,
    },
    /// It failed.
    Failed {
        /// What it leaves behind.
        left: Left,
    },
    /// It was not started, since this one was not done.
    Skipped {
        /// The step it requires.
        requires: StepKey,
    },
    /// It was not started, since the run was asked to stop.
    NotStarted,
}

/// What a run came to: each step, in the order of the plan.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Steps and what became of them.
    pub steps: Vec<(StepKey, StepOutcome)>,
}

impl Report {
    /// Whether every step is done.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.steps.iter().all(|(_, outcome)| matches!(outcome, StepOutcome::Done { .. }))
    }

    /// Number of steps that acted in this run.
    #[must_use]
    pub fn n_changed(&self) -> usize {
        self.steps.iter().filter(|(_, outcome)| *outcome == StepOutcome::Done { changed: true }).count()
    }

    /// What became of one step; none if it is not in the plan.
    #[must_use]
    pub fn outcome(&self, key: &StepKey) -> Option<&StepOutcome> {
        self.steps.iter().find(|(step, _)| step == key).map(|(_, outcome)| outcome)
    }
}
