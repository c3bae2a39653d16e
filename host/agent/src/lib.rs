//! What runs inside a cluster: the probe of a round, the reload sidecar, the lock of the schema job, the questions of `helm test`.
//!
//! Whoever starts the probe writes a [`Spec`] and reads a [`Report`]; whoever asks the sidecar reads a [`Loaded`].

pub mod check;
mod datastore;
mod error;
pub mod probe;
pub mod reload;
mod report;
pub mod schema;
mod spec;

pub use datastore::Datastore;
pub use error::AgentError;
pub use reload::Loaded;
pub use report::{Answer, Report, Seal};
pub use spec::{Spec, SqlClient, Target};

/// Port of the reload sidecar, where a specification names no other.
pub const RELOAD_PORT: u16 = 8090;

/// Milliseconds since 1970-01-01T00:00:00Z.
pub(crate) fn now_ms() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
