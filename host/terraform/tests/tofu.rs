//! The driver with the real tool once more, where that is OpenTofu: what one tool does, the other must do too.
#![expect(clippy::unwrap_used, reason = "a failing set-up is a failing test")]

#[path = "it/crash.rs"]
mod crash;
#[path = "it/real.rs"]
mod real;
#[path = "it/recovery.rs"]
mod recovery;
#[path = "it/remote.rs"]
mod remote;
#[path = "it/site.rs"]
mod site;
#[path = "it/state_server.rs"]
mod state_server;
#[path = "it/steps.rs"]
mod steps;
