//! Infrastructure that stands already: bring your own cluster.
//!
//! The operator says how the Kubernetes API is opened, at which addresses and names the instance serves, and what the
//! cluster wants of volumes and load balancers. The module holds all of it on terraform's built-in provider alone, so that
//! plan, state and outputs work as they do on a cloud: a published address that changes is a replacement in the plan.

mod config;
mod interpret;
mod render;

pub use config::validate;
pub use interpret::{cluster_token, interpret};
pub use render::render;

#[cfg(target_arch = "wasm32")]
mod export;
