//! The behaviours that a pool depends on, each on real processes and real sockets.
//!
//! Rows are numbered as in the table of behaviours that the world's database must show.

#![expect(clippy::print_stderr, reason = "a failing test shows what its nodes said")]
#![expect(clippy::disallowed_methods, reason = "these tests start the programs they test")]

mod asymmetry;
mod clocks;
mod command_line;
mod draining;
mod expiry;
mod forgotten;
mod founding;
mod identity;
mod init_job;
mod joining;
mod leaving;
mod links;
mod loss;
mod names;
mod placement;
mod reload;
mod restart;
mod retired;
mod sql;
mod support;
mod trust;
mod upgrades;
mod volumes;
mod waiting;
