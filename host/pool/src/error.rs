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
            Self::TakenBack { .. } => Some(
                "talk to them; whoever proposed it proposes it anew by the same command, and `hangar pool status` shows \
                 when"
                    .into(),
            ),
            Self::OutsideEnvelope { .. } => Some("look at the plan again: `hangar plan`".into()),
            Self::Deadline { .. } | Self::Interrupted => Some("run the same command again to go on".into()),
            Self::Look(err) => err.hint(),
            Self::Engine(err) => err.hint(),
            Self::Record(err) => err.hint(),
            Self::Strategy(_) | Self::Undecided(_) | Self::Repeats { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use hangar_roster::next::NextError;

    use super::*;
    use crate::carrier::CarrierError;

    #[test]
    fn each_end_says_what_to_do_next_where_there_is_something() {
        let path = || std::path::PathBuf::from("east.json");
        let unreadable = || RecordError::Open { path: path(), err: std::io::Error::other("no") };
        let stored = || {
            let err = hangar_roster::Roster::from_bytes(b"{").expect_err("no roster");
            RecordError::Stored { path: path(), err }
        };
        let taken_back = PoolError::TakenBack { kind: Kind::Join, subject: "uss2".into(), why: "no".into() };
        let outside = PoolError::OutsideEnvelope { step: "a".into(), detail: "b".into() };
        let cases: Vec<(PoolError, Option<&str>)> = vec![
            (PoolError::Blocked(Vec::new()), None),
            (PoolError::Frozen("twice".into()), Some("`hangar pool status` shows the proof")),
            (taken_back, Some("proposes it anew")),
            (outside, Some("`hangar plan`")),
            (PoolError::Deadline { message: "a node".into(), waited_s: 1 }, Some("the same command again")),
            (PoolError::Interrupted, Some("the same command again")),
            (PoolError::Look(StepError::outside("no").with_hint("ask again")), Some("ask again")),
            (PoolError::Record(RecordError::Next(NextError::Ourselves)), Some("`hangar pool leave`")),
            (
                PoolError::Record(RecordError::Carrier(CarrierError::TooMany { path: path() })),
                Some("make the carrier reachable"),
            ),
            (PoolError::Record(unreadable()), Some("make room or allow access")),
            (PoolError::Record(stored()), Some("from its backup")),
            (PoolError::Record(RecordError::Strategy("x".into())), None),
            (PoolError::Strategy("no".into()), None),
            (PoolError::Undecided(1), None),
            (PoolError::Repeats { steps: "a".into(), n: 1 }, None),
        ];
        for (err, wanted) in cases {
            match (err.hint(), wanted) {
                (Some(hint), Some(wanted)) => assert!(hint.contains(wanted), "{err}: {hint}"),
                (hint, wanted) => assert_eq!((hint.as_deref(), wanted), (None, None), "{err}"),
            }
        }
    }
}
