//! The only place that starts a child process.
//!
//! A child started here survives the host, and the host finds it again:
//!
//! - its output goes to files in a [`Spool`] and never to a pipe, so it does not die of a broken one when the host does,
//!   and what it said is on record either way;
//! - its input is empty, its environment is built from nothing, and it leads a process group of its own, so a Ctrl-C on
//!   the terminal reaches the host alone;
//! - who it is (process number, start time, boot) is written into the spool as soon as it runs, and its environment names
//!   the spool, so [`find`] meets a living child even where the host was killed before it could write anything;
//! - it is started by one thread that lives as long as the host. Linux sends a parent-death signal when the *thread* that
//!   started the child ends, and pools of threads retire idle ones.
//!
//! A child that should stop with its host ([`OnHostDeath::Interrupt`]) is started through `setpriv --pdeathsig` of
//! util-linux, which sets the signal on itself and then becomes the program: same process, no supervisor between. Setting
//! it from here would take `unsafe` code between fork and exec. Where `setpriv` is missing or too old (busybox has no such
//! option) the child runs on to its end instead, and [`Child::stops_with_host`] says so; either way [`find`] meets it.
#![warn(missing_docs)]

mod child;
mod command;
mod error;
mod find;
mod follow;
mod output;
mod spawner;
mod spool;
mod tool;

pub use child::{Child, Exit};
pub use command::{Command, OnHostDeath};
pub use error::ExecError;
pub use find::{Found, find};
pub use follow::{Follow, Line};
pub use hangar_durable::ProcessId;
pub use output::Output;
pub use spool::{ChildRecord, Spool, Stream};
pub use tool::{find_tool, search_path};

/// The fail points of this room, with what a kill there leaves behind.
pub const FAIL_POINTS: &[(&str, &str)] = &[
    ("exec.spawn.before", "no child"),
    ("exec.spawn.started", "a child that only its environment tells of"),
    ("exec.spawn.after", "a child on record"),
    ("exec.exit.before", "an ended child whose exit status is not on record"),
    ("exec.exit.after", "an ended child with its exit status on record"),
];
