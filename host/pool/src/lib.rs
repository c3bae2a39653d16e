//! The loop around a pooling strategy.
//!
//! A strategy decides, [`Hands`] look and act, a [`Carrier`] moves records between members, and [`OwnRecord`] is the one
//! record that is ours to write. [`Drive`] goes round: take in records, do what the rules of voting make due, ask the
//! strategy, and take the steps it names through the engine, each inside the envelope that was approved. This room knows
//! no database and no driver.

mod archive;
mod carrier;
mod drive;
mod envelope;
mod error;
mod expectation;
mod hands;
mod heeds;
mod memory;
mod outage;
mod owed;
mod own;
mod stake;
mod strategy;
mod strategy_step;
#[cfg(test)]
mod testing;

pub use archive::{Archive, SingleFile};
pub use carrier::{Carrier, CarrierError, FILE_LIMIT, FILES_LIMIT, Folder};
pub use drive::{Drive, Tell, Until};
pub use error::PoolError;
pub use expectation::describe;
pub use hands::Hands;
pub use heeds::Heeds;
pub use owed::{Owed, owed};
pub use own::{OwnRecord, RecordError};
pub use strategy::{Strategy, StrategyFailure};
pub use strategy_step::unmet;

/// The fail points of this room, with what a kill there leaves behind.
pub const FAIL_POINTS: &[(&str, &str)] = &[
    ("pool.record.before", "the record as it was"),
    ("pool.record.kept", "a new record at home that the carrier does not show yet"),
    ("pool.record.after", "a new record that others can see"),
    ("pool.invitation.before", "a vote whose invitation the joiner does not see yet"),
    ("pool.invitation.after", "a vote, and an invitation that the joiner can see"),
];
