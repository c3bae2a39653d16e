//! What a command does, out of the rooms of the host.
//!
//! [`Site`] is a workspace, opened; [`Session`] is one command at work on it. Nothing here prints, and nothing here knows
//! what a tool prints: the drivers do. `host/cli` puts words to it, and a deployment manager can use it as it is.

mod adapters;
mod add_ons;
mod adoption;
mod backend;
mod block;
mod carriers;
mod certificates;
mod clock;
mod cluster;
mod database;
mod doctor;
mod drift;
mod dss;
mod effect;
mod failure;
mod goal;
mod hands;
mod infrastructure;
mod instance_steps;
mod kept;
mod kubectl;
mod oauth;
mod organisation;
pub mod plugin;
mod plugin_state;
mod plugins;
mod pool_changes;
mod pool_commands;
mod pool_look;
mod pool_presence;
mod pool_records;
mod pool_status;
mod pooling;
mod presign;
mod restart;
mod scratch;
mod services;
mod site;
mod slots;
mod state_lock;
mod tools;
mod up;
mod values;
mod vault;
mod watch;
mod web;

pub use block::Findings;
pub use carriers::{Carry, CarryError, Serving};
pub use certificates::CertificateEntry;
pub use doctor::{Diagnosis, Health};
pub use drift::{Allowance, Drift, Drifted};
pub use failure::{Cause, Failure};
pub use hangar_roster::history::History;
pub use kubectl::TOKEN_COMMAND;
pub use plugins::{COMPILE_COMMAND, Fetched, stored};
pub use pool_commands::Identity;
pub use pool_records::KeyChange;
pub use pool_status::{Count, MemberStatus, NodeStatus, PoolStatus, Proposal, Tally};
pub use site::{Refused, Site};
pub use state_lock::Unlocked;
pub use up::{Approve, Outcome, Session};
