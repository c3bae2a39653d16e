//! YugabyteDB nodes of the offline world: `yb-master`, `yb-tserver`, `yb-admin` and `yb-ts-cli`.
//!
//! Each is a process of its own that knows others only through mutual-TLS sockets; they take the flags of the real ones, refuse
//! what those do not know, and show the behaviours that a universe of several organisations depends on: masters that are all
//! new and name each other found a universe when they start, others wait until they are added; tablet servers come in by
//! themselves and go by a blacklist; a process reads its certificates again when it is told to.
//!
//! Log, tables and SQL are those of `world-cockroach`. **Simpler than the real one:** everything is kept by the masters' one
//! log, so that it is a majority of masters and not of tablet servers that data needs; tablets are a number for each server.

pub mod admin;
pub mod certs;
pub mod cli;
pub mod environment;
pub mod flags;
pub mod gateway;
pub mod master;
pub mod pages;
pub mod rpc;
pub mod servers;
pub mod tserver;

use std::io::Write as _;

/// Writes a line to standard error, in glog's form; a closed one is nobody's loss.
pub fn say(severity: char, line: impl AsRef<str>) {
    drop(writeln!(std::io::stderr(), "{severity} {}", line.as_ref()));
}
