//! Why a stack is not as it should be.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::{io, iter};

use hangar_durable::WriteError;
use hangar_engine::{EngineError, FailureKind, JournalError, StepError};
use hangar_exec::{ExecError, Exit};
use hangar_plan::hint::Hint;
use semver::Version;

use crate::cure;
use crate::forgotten::Forgotten;
use crate::lock::StateLock;
use crate::plan::Change;
use crate::scrub::is_full;
use crate::stack::StackName;
use crate::stream::Diagnostic;

/// Why a stack is not as it should be.
#[derive(Debug, thiserror::Error)]
pub enum TerraformError {
    /// Neither tool is on the search path.
    #[error("neither `terraform` nor `tofu` is in {}", list(searched))]
    NotFound {
        /// Folders that were searched.
        searched: Vec<PathBuf>,
    },
    /// The tool did not start, or its output could not be kept.
    #[error("cannot run `{}`", binary.display())]
    Spawn {
        /// The tool.
        binary: PathBuf,
        /// What went wrong.
        #[source]
        err: ExecError,
    },
    /// The tool is too old, or is something else.
    #[error("`{}` is {found}, wanted {wanted}", binary.display())]
    Version {
        /// The tool.
        binary: PathBuf,
        /// What it says it is.
        found: String,
        /// What would do.
        wanted: &'static str,
    },
    /// Initialising failed.
    #[error("cannot initialise stack `{stack}`: {}", summary(diagnostics, *exit))]
    Init {
        /// The stack.
        stack: StackName,
        /// What the tool said.
        diagnostics: Vec<Diagnostic>,
        /// How it ended.
        exit: Exit,
    },
    /// Planning failed.
    #[error("cannot plan stack `{stack}`: {}", summary(diagnostics, *exit))]
    Plan {
        /// The stack.
        stack: StackName,
        /// What the tool said.
        diagnostics: Vec<Diagnostic>,
        /// How it ended.
        exit: Exit,
    },
    /// Applying failed, perhaps half-way.
    #[error("stack `{stack}` is not wholly applied, {n_done} of {n_planned} changes are done: {}", summary(diagnostics, *exit))]
    Apply {
        /// The stack.
        stack: StackName,
        /// What the tool said.
        diagnostics: Vec<Diagnostic>,
        /// How it ended.
        exit: Exit,
        /// Changes that were done.
        n_done: usize,
        /// Changes that were planned.
        n_planned: usize,
    },
    /// Another run holds the state lock.
    #[error("state of stack `{stack}` is locked by {lock}")]
    Locked {
        /// The stack.
        stack: StackName,
        /// The lock.
        lock: Box<StateLock>,
    },
    /// The state has moved on since the plan was made.
    #[error("the plan of stack `{stack}` is stale: its state has changed since")]
    Stale {
        /// The stack.
        stack: StackName,
    },
    /// The plan file is not the one that was shown.
    #[error("the plan file `{}` is not the one that was shown", path.display())]
    PlanFile {
        /// The file.
        path: PathBuf,
    },
    /// What would be done now goes beyond what was approved.
    #[error("stack `{stack}` would now need more than was approved: {}", changes(extra))]
    Beyond {
        /// The stack.
        stack: StackName,
        /// What was not approved.
        extra: Vec<Change>,
    },
    /// The stream is of a version that is not known.
    #[error("the stream of `{}` has version {found}, known is 1", binary.display())]
    Stream {
        /// The tool.
        binary: PathBuf,
        /// Its version.
        found: String,
    },
    /// The tool ended well and did not say what it must.
    #[error("`{}` ended without saying {what}", binary.display())]
    Silent {
        /// The tool.
        binary: PathBuf,
        /// What was expected.
        what: &'static str,
    },
    /// The tool could not do something small, and said why in text.
    #[error("terraform cannot {what}: {said}")]
    Tool {
        /// What it was asked.
        what: &'static str,
        /// What it said first.
        said: String,
    },
    /// A file should hold a state and does not, and there is no copy to put in its place.
    #[error("`{}` is no state: it was torn by a full disk, or changed by hand", path.display())]
    Torn {
        /// The file.
        path: PathBuf,
    },
    /// The tool could write its state nowhere, and neither could we.
    #[error("the state that terraform could write nowhere is left in `{}`", path.display())]
    Unkept {
        /// The stream that holds it.
        path: PathBuf,
        /// Why it could not be kept elsewhere.
        #[source]
        err: WriteError,
    },
    /// A state was left behind that is not this stack's.
    #[error("`{}` is the state of another stack than `{stack}`", path.display())]
    ForeignState {
        /// The stack.
        stack: StackName,
        /// The file.
        path: PathBuf,
    },
    /// The tool has made resources and then lost them, and they cannot be taken back by their ids.
    #[error("stack `{stack}` has made resources that its state does not know: {}{}", forgotten(lost), refusal(said.as_deref()))]
    Lost {
        /// The stack.
        stack: StackName,
        /// Its folder.
        folder: PathBuf,
        /// The resources.
        lost: Vec<Forgotten>,
        /// What the tool says to these ids; none where all is to be destroyed.
        said: Option<String>,
    },
    /// It was asked to stop. The tool was interrupted and ends by itself.
    #[error("stopped when asked")]
    Interrupted,
    /// A name of a rendered file that leads elsewhere, or that is the host's own.
    #[error("`{path}` cannot be a file of stack `{stack}`")]
    FileName {
        /// The stack.
        stack: StackName,
        /// The name.
        path: String,
    },
    /// A name that no stack can have.
    #[error("`{0}` cannot name a stack: lower-case letters, digits and `-`, 63 at most, a letter first")]
    Name(String),
    /// A file could not be read.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        err: io::Error,
    },
    /// A file could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The journal could not be written.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A step that should have given a plan did not.
    #[error(transparent)]
    Engine(#[from] Box<EngineError>),
}

impl TerraformError {
    /// Who or what stands in the way.
    #[must_use]
    pub fn kind(&self) -> FailureKind {
        match self {
            Self::NotFound { .. }
            | Self::Version { .. }
            | Self::Init { .. }
            | Self::Plan { .. }
            | Self::Stream { .. } => FailureKind::Outside,
            Self::Spawn { .. } | Self::Apply { .. } | Self::Locked { .. } | Self::Stale { .. } | Self::Read { .. } => {
                FailureKind::Outside
            }
            Self::Write(_) | Self::Journal(_) | Self::Silent { .. } | Self::Tool { .. } => FailureKind::Outside,
            Self::Unkept { .. } => FailureKind::Outside,
            Self::Beyond { .. }
            | Self::ForeignState { .. }
            | Self::Torn { .. }
            | Self::Lost { .. }
            | Self::PlanFile { .. } => FailureKind::Person,
            Self::FileName { .. } | Self::Name(_) => FailureKind::Refused,
            Self::Interrupted => FailureKind::Interrupted,
            Self::Engine(_) => FailureKind::Bug,
        }
    }

    pub(crate) fn read(path: impl Into<PathBuf>, err: io::Error) -> Self {
        Self::Read { path: path.into(), err }
    }
}

impl Hint for TerraformError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::NotFound { .. } => Some("install terraform 1.9 or later, or OpenTofu 1.10 or later".to_owned()),
            Self::Version { wanted, .. } => Some(format!("install {wanted}")),
            Self::Stream { .. } => Some("use a version of the tool that this program knows".to_owned()),
            Self::Locked { stack, lock } => {
                Some(format!("wait for {lock}; if that run is dead, `hangar unlock {stack}`"))
            }
            Self::Init { diagnostics, .. } | Self::Plan { diagnostics, .. } => {
                Some(cure::of(diagnostics).unwrap_or_else(|| {
                    "mend what the message says and run the same command again: nothing was changed".to_owned()
                }))
            }
            Self::Apply { diagnostics, .. } => Some(cure::of(diagnostics).unwrap_or_else(|| {
                "look at the first message, mend its cause and run the same command again: what is done stays done"
                    .to_owned()
            })),
            Self::Stale { .. } | Self::PlanFile { .. } => {
                Some("run the same command again to see a new plan".to_owned())
            }
            Self::Beyond { .. } => Some("run `hangar plan`, and `hangar up` to approve what it shows".to_owned()),
            Self::ForeignState { path, .. } => Some(format!("find out whose it is and move `{}` away", path.display())),
            Self::Lost { folder, lost, said, .. } => Some(give_back(folder, lost, said.is_some())),
            Self::Torn { path } => Some(format!(
                "put a copy of the state in the place of `{}`, or remove it if nothing of the stack stands, and run the same \
                 command again",
                path.display()
            )),
            Self::Interrupted => Some("run the same command again to go on".to_owned()),
            Self::Journal(err) => err.hint(),
            other if is_for_want_of_room(other) => Some("free some space and run the same command again".to_owned()),
            Self::Unkept { .. } | Self::Write(_) => {
                Some("make the folder writable and run the same command again".to_owned())
            }
            _ => None,
        }
    }
}

fn is_for_want_of_room(err: &(dyn Error + 'static)) -> bool {
    let mut causes = iter::successors(Some(err), |&err| err.source());
    causes.any(|cause| cause.downcast_ref::<io::Error>().is_some_and(is_full))
}

impl From<TerraformError> for StepError {
    fn from(err: TerraformError) -> Self {
        let (kind, hint) = (err.kind(), err.hint());
        let wrapped = Self::new(kind, err);
        match hint {
            Some(hint) => wrapped.with_hint(hint),
            None => wrapped,
        }
    }
}

fn summary(diagnostics: &[Diagnostic], exit: Exit) -> String {
    match diagnostics.iter().find(|diagnostic| diagnostic.is_error()) {
        Some(first) => first.to_string(),
        None => exit.to_string(),
    }
}

fn list(folders: &[PathBuf]) -> String {
    folders.iter().map(|folder| format!("`{}`", folder.display())).collect::<Vec<_>>().join(", ")
}

fn changes(extra: &[Change]) -> String {
    extra.iter().map(|change| format!("{} `{}`", change.action, change.address)).collect::<Vec<_>>().join(", ")
}

fn refusal(said: Option<&str>) -> String {
    said.map_or_else(String::new, |said| format!("; they are not taken back by these ids: `{said}`"))
}

/// What an operator types to have the tool know of what it has lost.
fn give_back(folder: &Path, lost: &[Forgotten], is_refused: bool) -> String {
    let folder = folder.display();
    let commands: Vec<String> = lost
        .iter()
        .map(|one| {
            let id = if is_refused { "ID" } else { &one.id };
            format!("`terraform -chdir='{folder}' import '{}' '{id}'`", one.address)
        })
        .collect();
    let id =
        if is_refused { ", with the ID in the form that the provider's documentation gives for its type" } else { "" };
    let commands = commands.join(", ");
    format!("have terraform know each of them: {commands}{id}; or remove it by hand; then run the same command again")
}

fn forgotten(lost: &[Forgotten]) -> String {
    lost.iter().map(|one| format!("`{}` ({})", one.address, one.id)).collect::<Vec<_>>().join(", ")
}

/// What an unused version is called when a tool does not give one.
pub(crate) fn show_version(flavour: &str, version: Option<&Version>) -> String {
    version.map_or_else(|| format!("{flavour} of no known version"), |version| format!("{flavour} {version}"))
}
