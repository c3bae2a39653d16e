//! The driver with tools that lie, and with the real one.
#![expect(clippy::unwrap_used, reason = "a failing set-up is a failing test")]

#[cfg(feature = "real-terraform")]
mod crash;
mod double;
mod points;
#[cfg(feature = "real-terraform")]
mod real;
#[cfg(feature = "real-terraform")]
mod recovery;
#[cfg(feature = "real-terraform")]
mod remote;
mod site;
#[cfg(feature = "real-terraform")]
mod state_server;
#[cfg(feature = "real-terraform")]
mod steps;
