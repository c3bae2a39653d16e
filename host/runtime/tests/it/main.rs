//! Components in the runtime. Guests are built by `cargo xtask build-plugins` before these run.
#![expect(clippy::unwrap_used, reason = "a test that fails may panic anywhere")]

mod grants;
mod loading;
mod local;
mod misdeeds;
mod scripted;
mod support;
