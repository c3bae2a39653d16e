//! Plans, steps, probes and decisions as pure values.
//!
//! Nothing here reads a file, a clock or a network. The values that plugins answer with are lifted into these types by
//! `host/runtime`, whatever version of the contract the plugin was built for.
#![warn(missing_docs)]

pub mod diagnostic;
pub mod grant;
pub mod hint;
pub mod infrastructure;
pub mod plan;
pub mod secret;
pub mod step;
pub mod strategy;
