//! The offline world against the real Kubernetes: needs `HANGAR_KUBEONE` and `HANGAR_REGISTRY`.
//!
//! All tests of a process share one world, each in a namespace of its own.
#![expect(clippy::disallowed_methods, reason = "the tests drive kubectl and helm as an operator would")]

mod lab;

mod configuration;
mod disruptions;
#[cfg(feature = "real-aws")]
mod eks;
mod helm;
mod images;
mod jobs;
mod lifecycle;
mod logs;
mod network;
mod pods;
mod probes;
mod processes;
mod volumes;
