//! What a plugin author depends on.
//!
//! A plugin is an ordinary Rust library: its logic is plain functions over the types of its contract
//! ([`infra_provider`], [`secret_store`], [`pooling_strategy`]), tested natively. A thin module behind
//! `#[cfg(target_arch = "wasm32")]` implements the contract's `Guest` trait with those functions and calls the
//! contract's export macro. One component may implement several contracts. `README.md` shows a whole plugin.
//!
//! What the host offers is in [`log`], [`http`], [`sealed_file`], [`state`], [`clock`] and [`random`]. Natively these
//! talk to [`testing::FakeHost`], so a test needs no component and no network. [`config`], [`net`], [`dns`], [`terraform`]
//! and [`add_ons`] help with what operators write, what the world resolves, what terraform answers and what a cluster needs
//! first.
#![warn(missing_docs)]

pub mod add_ons;
mod bindings;
pub mod clock;
pub mod config;
pub mod dns;
pub mod http;
pub mod infra_provider;
pub mod json;
pub mod log;
pub mod net;
pub mod pooling;
pub mod pooling_strategy;
pub mod random;
pub mod sealed_file;
pub mod secret_store;
pub mod state;
pub mod terraform;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;

pub use serde_json;

#[doc(hidden)]
pub mod __bindings {
    pub use crate::bindings::{infra_provider, pooling_strategy, secret_store};
}
