//! What pooling strategies have in common, whatever the database.
//!
//! Who is trusted and when a bundle may change, both gates of a join, and the overlap of a rotation follow from the roster and
//! not from a database. They stand here once, over a [`Database`] that says what only it can know. A strategy picks a procedure
//! for a goal and is as pure as before: all of this is values in, a decision out.

mod clash;
mod database;
pub mod gates;
pub mod membership;
pub mod names;
pub mod placement;
pub mod probes;
mod reissue;
pub mod rotation;
mod situation;
pub mod steps;

pub use clash::{ADOPTED, clash, is_adopted, shared_subjects};
pub use database::Database;
pub use situation::{Situation, accepted_by, blocked, has_deployed, said, trusted};
