//! core-service and db-manager of the offline world.
//!
//! They take the flags of the real programs and fail as those do, speak to the database as any driver would, and serve
//! as much of the DSS as a pool needs to be recognised as one: health, version, identity, participants. The airspace
//! itself is not here, and tokens are not checked.

pub mod core_service;
pub mod datastore;
pub mod db_manager;
pub mod environment;
pub mod evict;
pub mod goflag;
pub mod participants;
pub mod schema;
pub mod server;

use std::io::Write as _;

/// Writes a line to standard error; a closed one is nobody's loss.
pub fn say(line: impl AsRef<str>) {
    drop(writeln!(std::io::stderr(), "{}", line.as_ref()));
}
