//! Why a procedure did not come to its end.

use hangar_engine::{EngineError, StepError};
use hangar_plan::hint::Hint;
use hangar_plan::strategy::decision::Finding;
use hangar_roster::Kind;

use crate::own::RecordError;
use crate::strategy::StrategyFailure;

/// Why a procedure did not come to its end. What was done stays done; the same command goes on from there.
#[derive(Debug, thiserror::Error)]
pub enum PoolError {
    /// The strategy says that it cannot go on without a person.
    #[error("blocked: {}", words(.0))]
    Blocked(Vec<Finding>),
    /// One key has signed two histories.
    #[error("the pool is frozen: {0}")]
    Frozen(String),
    /// What this run has voted for is proposed no more.
    #[error("the {kind} of `{subject}` is taken back: {why}")]
    TakenBack {
        /// Kind of the change.
        kind: Kind,
        /// Whom it was about.
        subject: String,
        /// By whom, or why.
        why: String,
    },
    /// The strategy gave no answer.
    #[error("the pooling strategy failed")]
    Strategy(#[source] StrategyFailure),
    /// The strategy wants more than was approved.
    #[error("step `{step}` is outside of what was approved: {detail}")]
    OutsideEnvelope {
        /// The step.
        step: String,
        /// What it wants.
        detail: String,
    },
    /// What was waited for did not come.
    #[error("{message}: still waiting after {waited_s} s")]
    Deadline {
        /// What was waited for, and the last thing seen.
        message: String,
        /// How long.
        waited_s: u64,
    },
    /// The strategy looks, and looks again, and decides nothing.
    #[error("the pooling strategy looked {0} times and decided nothing")]
    Undecided(usize),
    /// The strategy asks for what is done, and for it again.
    #[error("the pooling strategy asked {n} times in a row for steps that are done: {steps}")]
    Repeats {
        /// Their keys.
        steps: String,
        /// How often.
        n: usize,
    },
    /// The run was asked to stop.
    #[error("stopped when asked")]
    Interrupted,
    /// A look at the world failed.
    #[error("cannot look at the world")]
    Look(#[source] StepError),
    /// Steps are not done.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// Our record could not be written.
    #[error(transparent)]
    Record(#[from] RecordError),
}

fn words(findings: &[Finding]) -> String {
    findings.iter().map(|finding| finding.message.as_str()).collect::<Vec<_>>().join("; ")
}

impl Hint for PoolError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Blocked(findings) => findings.iter().find_map(|finding| {
                let whose = finding.whose.as_deref().map(|whose| format!("{whose}: ")).unwrap_or_default();
                Some(format!("{whose}{}", finding.cure.as_ref()?))
            }),
            Self::Frozen(_) => {
                Some("`hangar pool status` shows the proof; talk to its owner before anything else".into())
            }
            Self::TakenBack { .. } => Some("talk to them, then run the same command again: it proposes anew".into()),
            Self::OutsideEnvelope { .. } => Some("look at the plan again: `hangar plan`".into()),
            Self::Deadline { .. } | Self::Interrupted => Some("run the same command again to go on".into()),
            Self::Look(err) => err.hint(),
            Self::Engine(err) => err.hint(),
            Self::Record(err) => err.hint(),
            Self::Strategy(_) | Self::Undecided(_) | Self::Repeats { .. } => None,
        }
    }
}
