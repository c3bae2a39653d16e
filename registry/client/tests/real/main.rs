//! The real registry server and a foreign client: what we push they read, and the other way round.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod interchange;
mod server;
mod tools;
