//! Registries that lie, stall, break off or serve the wrong thing: each gets its own error, and the store never shows it.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod fake;
mod offline;
mod pulls;
mod sign_in;
mod site;
