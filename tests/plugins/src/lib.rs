//! A guest that behaves badly, in the way its configuration names.
//!
//! `host/runtime/tests/it/misdeeds.rs` has one test for each [`Misdeed`]; one that no test names fails there.

mod misdeed;

pub use misdeed::{Config, Misdeed, NAMES};

#[cfg(target_arch = "wasm32")]
mod export;
