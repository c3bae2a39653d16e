//! Why a run came to nothing, or not to its end.

use std::io;
use std::path::PathBuf;

use hangar_durable::WriteError;
use hangar_plan::hint::Hint;
use hangar_plan::step::{OrderError, StepKey};

use crate::journal::JournalError;
use crate::lock::Owner;
use crate::operation::Leftover;
use crate::report::{Report, StepFailure};

/// Why a run came to nothing, or not to its end.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// Another process is at work in this folder.
    #[error("`{}` is in use by {}", folder.display(), name(owner.as_deref()))]
    Locked {
        /// The folder.
        folder: PathBuf,
        /// Who it is; none if it has not written its name yet.
        owner: Option<Box<Owner>>,
    },
    /// A process of another machine has not given the folder back.
    #[error("`{}` was last used by {owner}, which never gave it back", folder.display())]
    LockedElsewhere {
        /// The folder.
        folder: PathBuf,
        /// Who it is.
        owner: Box<Owner>,
    },
    /// A file or folder could not be used.
    #[error("cannot use `{}`", path.display())]
    Folder {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        err: io::Error,
    },
    /// A file could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The journal could not be read or written.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The steps have no order.
    #[error("the plan cannot be run")]
    Order(#[from] OrderError),
    /// A step needs what another gives, which is not known or not what it expects.
    #[error("what step `{of}` gave is not what step `{step}` needs: {detail}")]
    Output {
        /// The step that needs it.
        step: StepKey,
        /// The step that gives it.
        of: StepKey,
        /// What is wrong.
        detail: String,
    },
    /// Not every step is done.
    #[error("{} of {} steps are not done", n_open(report), report.steps.len())]
    Incomplete {
        /// Each step.
        report: Report,
        /// The first failure.
        #[source]
        first: Box<StepFailure>,
        /// Failures of other steps.
        others: Vec<StepFailure>,
    },
    /// The run was asked to stop, and did so before the last step.
    #[error("stopped when asked, {} of {} steps are not done", n_open(report), report.steps.len())]
    Stopped {
        /// Each step.
        report: Report,
    },
    /// A tool that an earlier run had started still works.
    #[error("a tool of an earlier run is still at work: {leftover}")]
    StillAtWork {
        /// The tool.
        leftover: Box<Leftover>,
    },
}

impl Hint for EngineError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Locked { owner: Some(owner), .. } => {
                Some(format!("wait for it, or stop it with Ctrl-C or `kill -INT {}`", owner.process.pid))
            }
            Self::LockedElsewhere { owner, .. } => {
                Some(format!("make sure that nothing runs on `{}` any more, then run `hangar unlock`", owner.host))
            }
            Self::Journal(err) => err.hint(),
            Self::Incomplete { first, .. } => first.err.hint(),
            Self::Stopped { .. } => Some("run the same command again to go on".to_owned()),
            Self::StillAtWork { leftover } => {
                Some(format!("wait for it, or stop it with `kill -INT {}`", leftover.process.pid))
            }
            _ => None,
        }
    }
}

fn name(owner: Option<&Owner>) -> String {
    owner.map_or_else(|| "a process that has just started".to_owned(), ToString::to_string)
}

fn n_open(report: &Report) -> usize {
    report.steps.iter().filter(|(_, outcome)| !matches!(outcome, crate::report::StepOutcome::Done { .. })).count()
}
