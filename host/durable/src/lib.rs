//! What must survive a kill: writes that are whole or absent, telling one process from another after a crash, and
//! the fail points that prove both.
//!
//! Everything in `host` and `registry` that must be found again after a SIGKILL or a power cut is written through
//! [`write`], [`write_private`], [`create_private`], [`rename`] or [`remove`]; whatever touches the outside world has a
//! [`failpoint::hit`] before and after it. This room knows nothing else, so every other room may use it.
#![warn(missing_docs)]

pub mod failpoint;
mod file;
pub mod process;

pub use file::{
    Failure, WriteError, copy, create_private, private_dir, remove, remove_unsynced, rename, sweep, write,
    write_private, write_unsynced,
};
pub use process::ProcessId;

/// The fail points of this room, with what a kill there leaves behind.
pub const FAIL_POINTS: &[(&str, &str)] = &[
    ("durable.write.before", "the file as it was"),
    ("durable.write.inside", "the file as it was, and a temporary file beside it"),
    ("durable.write.renamed", "the new file, whose name a power cut may still take back"),
    ("durable.write.after", "the new file"),
    ("durable.remove.before", "the file as it was"),
    ("durable.remove.after", "no file"),
];
