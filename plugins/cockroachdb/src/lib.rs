//! How CockroachDB nodes of several organisations become one cluster that nobody owns alone.
//!
//! A pure function: what is wanted, the roster and what was seen go in; what to look at or do next comes out.
//! `decide` picks the procedure of the goal; what is this database's own stands in a file for each procedure, and what all
//! databases share in `hangar_sdk::pooling`.

mod adopt;
mod certificates;
mod cluster;
mod config;
mod create;
mod database;
mod decide;
mod evict;
mod join;
mod leave;
mod maintenance;
mod names;
mod operate;
mod outline;
mod probes;
mod release;
mod retire;
mod status;
mod steps;
mod takeover;
mod upgrade;
mod values;

pub use certificates::certificates;
pub use config::validate;
pub use decide::decide;
pub use outline::outline;
pub use status::status_probes;
pub use values::values;

#[cfg(target_arch = "wasm32")]
mod export;
