//! Infrastructure on Amazon Web Services.
//!
//! The terraform files are those of `deploy/infrastructure/eks`, embedded; this plugin adds the provider block, hands
//! the operator's block over as arguments and says what the outputs mean.

mod add_ons;
mod config;
mod cost;
mod explain;
mod interpret;
mod preflight;
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

/// Credential slot that signs for AWS.
const SLOT: &str = "aws";
