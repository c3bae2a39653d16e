//! Infrastructure on Google Cloud.
//!
//! The terraform files are those of `deploy/infrastructure/gke`, embedded; this plugin adds the provider block, hands
//! the operator's block over as arguments and says what the outputs mean.

mod config;
mod cost;
mod explain;
mod interpret;
mod preflight;
mod ranges;
mod render;
mod token;

pub use config::validate;
pub use explain::explain;
pub use interpret::interpret;
pub use preflight::preflight;
pub use render::render;
pub use token::cluster_token;

#[cfg(target_arch = "wasm32")]
mod export;

/// Credential slot whose tokens open Google's APIs.
const SLOT: &str = "google";
/// The scope of everything that the credential's permissions allow.
const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";
