//! The workspace file: what a good one gives, and what a bad one is told.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod blocks;
mod full;
mod refusals;
mod schema;
mod support;
