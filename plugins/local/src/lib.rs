//! Infrastructure without a cloud, and a secret store in one sealed file.
//!
//! The cluster stands already: the provider's module holds what the operator says about it, on terraform's built-in
//! provider alone, so that plan, state and outputs work as they do anywhere. The store keeps all versions of all secrets
//! as one document in the file that the host seals.

mod config;
mod document;
mod interpret;
mod render;
mod store;

pub use config::validate;
pub use interpret::{cluster_token, explain, interpret};
pub use render::render;
pub use store::{check, destroy, get, history, list, put};

#[cfg(target_arch = "wasm32")]
mod export;
