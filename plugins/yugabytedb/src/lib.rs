//! How YugabyteDB nodes of several organisations become one universe that nobody owns alone.
//!
//! A pure function: what is wanted, the roster and what was seen go in; what to look at or do next comes out. What all databases
//! share stands in `hangar_sdk::pooling`; here is what this one does differently:
//!
//! - Nobody initialises it. Masters that are all new and name each other found a universe when they start, so what must not
//!   happen twice is a *start with own masters alone*: only the founder has that list, and only until somebody joins.
//! - A joiner's masters name the pool's and wait until they are added, one by one; its tablet servers come in by themselves.
//! - Who comes or goes changes where copies have to lie: one in every organisation, as long as there are enough copies for that.
//! - A process reads certificates again when it is told by name, not by a signal.

mod certificates;
mod config;
mod create;
mod database;
mod decide;
mod join;
mod leave;
mod names;
mod operate;
mod outline;
mod placement;
mod probes;
mod status;
mod universe;
mod values;
mod verbs;

pub use certificates::certificates;
pub use config::validate;
pub use decide::decide;
pub use outline::outline;
pub use status::status_probes;
pub use values::values;

#[cfg(target_arch = "wasm32")]
mod export;
