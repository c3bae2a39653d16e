//! The driver of terraform and OpenTofu.
//!
//! One [`Driver`] operates one [`Stack`] with one tool. What it knows of a run it takes from the tool's JSON stream, which
//! goes to a file that is followed; nothing asks the tool again for what it has said (`show`, `validate`), since each call
//! starts every provider once more. The plan that was shown is the plan that is applied: a saved file, named by its digest.
//!
//! # Secrets
//!
//! Sensitive outputs are dropped where a line of the stream is read, before anything sees them, and the stream's file is
//! rewritten without them when the run has ended (or, if the host was killed before, by the next run). So is a state that
//! the tool could write nowhere and has printed, once it is kept where the tool would have put it. Terraform itself
//! still keeps what it keeps: the state file and its backup, the plan file until it is applied, and copies of the state
//! that a recovery has set aside; all lie in folders of the owner alone. Credentials reach the tool by its environment
//! and nothing else.
#![warn(missing_docs)]

mod applied;
mod backend;
mod binary;
mod cure;
mod driver;
mod dump;
mod environment;
mod error;
mod forgotten;
mod hcl;
mod init;
mod lock;
mod observer;
mod plan;
mod pulse;
mod recover;
mod run;
mod running_copy;
mod scrub;
mod stack;
mod state;
mod steps;
mod stream;
mod take_back;

pub use applied::Applied;
pub use backend::{Backend, Remote};
pub use binary::{Flavour, Terraform};
pub use driver::{Driver, Planning};
pub use environment::Environment;
pub use error::TerraformError;
pub use forgotten::Forgotten;
pub use init::Initialised;
pub use lock::StateLock;
pub use observer::{Observer, Quiet};
pub use plan::{Change, OutputChange, StackPlan, Summary};
pub use stack::{Stack, StackName};
pub use state::StateMark;
pub use steps::{ApplyStep, Approved, DestroyStep, InitStep, PlanStep};
pub use stream::{Action, Diagnostic, Event, Outputs, Parser, Resource, Severity};

/// The fail points of this room, with what a kill there leaves behind.
pub const FAIL_POINTS: &[(&str, &str)] = &[
    ("terraform.init.before", "a stack that was not initialised"),
    ("terraform.init.after", "an initialised stack that is initialised again"),
    ("terraform.plan.before", "nothing"),
    ("terraform.plan.after", "a plan file that nobody knows"),
    ("terraform.apply.before", "a plan that was not applied"),
    ("terraform.apply.started", "a tool at work"),
    ("terraform.apply.after", "a plan that was applied"),
    ("terraform.recover.before", "a wreck"),
    ("terraform.recover.after", "a state that is as good as it was"),
    ("terraform.scrub.after", "a stream without sensitive outputs"),
    ("terraform.files.inside", "some files of the old module and some of the new"),
];
