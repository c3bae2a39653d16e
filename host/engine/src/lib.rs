//! Runs a plan: steps, journal, lock, resume.
//!
//! Every choice is in the plan; nothing here has one. A [`Step`] comes in from outside and says how to see whether it
//! already happened, how to make it happen, and how to see that it did. The engine puts the intent on disk before it
//! acts and the result on disk before anything that depends on it starts, so that after a kill anywhere the same run
//! goes on: an intent without a result is *in doubt* and looked at before anything else.
//!
//! ```text
//! Engine::open        the lock is ours, the journal is sound
//!   begin             the operation is on disk; an unfinished one with the same plan is taken up again
//!     run             settle (if in doubt) -> probe -> intent -> act -> verify -> result, for each step
//!   finish            the operation is over
//! ```
#![warn(missing_docs)]

mod cancel;
mod context;
mod error;
mod journal;
mod lock;
mod operation;
mod progress;
mod redact;
mod report;
mod run;
mod step;
mod steps;

pub use cancel::{Cancel, Level};
pub use context::StepContext;
pub use error::EngineError;
pub use hangar_durable as durable;
pub use hangar_durable::failpoint;
pub use journal::{
    Attempt, ChildEntry, Doubt, Ended, Entry, EntryKind, Fact, Journal, JournalError, NewEntry, OperationId,
    OperationState, OperationSummary,
};
pub use lock::{Lock, LockState, Owner};
pub use operation::{Engine, Leftover, Operation, Options, Work};
pub use progress::{Event, NoProgress, Progress, What};
pub use redact::{NoSecrets, Redactor};
pub use report::{Left, Report, StepFailure, StepOutcome};
pub use step::{FailureKind, Seen, Step, StepError};
pub use steps::Steps;

/// The fail points of this room, with what a kill there leaves behind.
pub const FAIL_POINTS: &[(&str, &str)] = &[
    ("engine.lock.before", "nothing"),
    ("engine.lock.taken", "a lock file without its owner's name"),
    ("engine.lock.after", "a lock whose owner is dead"),
    ("engine.lock.released", "nothing"),
    ("journal.create.inside", "an empty journal"),
    ("journal.operation.before", "no operation"),
    ("journal.operation.inside", "no operation"),
    ("journal.operation.after", "an operation without a step"),
    ("engine.settle.before", "a step in doubt"),
    ("engine.settle.after", "a step in doubt"),
    ("engine.probe.before", "whatever was there"),
    ("engine.probe.after", "whatever was there"),
    ("journal.observed.before", "a step in doubt"),
    ("journal.observed.inside", "a step in doubt"),
    ("journal.observed.after", "a step in doubt no more, or still, as was seen"),
    ("journal.intent.before", "a step that was not begun"),
    ("journal.intent.inside", "a step that was not begun"),
    ("journal.intent.after", "a step in doubt that did nothing"),
    ("engine.act.before", "a step in doubt that did nothing"),
    ("engine.act.after", "a step in doubt that did everything"),
    ("engine.verify.before", "a step in doubt that did everything"),
    ("engine.verify.after", "a step in doubt that did everything"),
    ("journal.result.before", "a step in doubt that did everything"),
    ("journal.result.inside", "a step in doubt that did everything"),
    ("journal.result.after", "a step done"),
    ("journal.progress.before", "a step in doubt"),
    ("journal.progress.inside", "a step in doubt"),
    ("journal.progress.after", "a step in doubt"),
    ("journal.note.before", "whatever was there"),
    ("journal.note.inside", "whatever was there"),
    ("journal.note.after", "whatever was there"),
    ("journal.child.before", "a child that only its spool tells of"),
    ("journal.child.inside", "a child that only its spool tells of"),
    ("journal.child.after", "a child on record"),
    ("journal.fact.before", "the fact as it was"),
    ("journal.fact.inside", "the fact as it was"),
    ("journal.fact.after", "the new fact"),
    ("journal.end.before", "an operation with every step done"),
    ("journal.end.inside", "an operation with every step done"),
    ("journal.end.after", "an operation that is over"),
];
