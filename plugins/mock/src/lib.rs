//! Every kind of plugin, scripted by its configuration.
//!
//! A block holds answers by the name of the contract's function, in the contract's own spelling: `{"ok": ..}` or
//! `{"error": ..}`. What is not scripted gets the plainest answer that lets a deployment go on; a store answers nothing
//! that is not scripted.

mod infra;
mod pool;
mod script;
mod secrets;

pub use infra::{cluster_token, explain, interpret, preflight, render, validate as validate_infra};
pub use pool::{certificates, decide, outline, status_probes, validate as validate_pool, values};
pub use secrets::{destroy, get, history, list, put, validate as validate_secrets};

#[cfg(target_arch = "wasm32")]
mod export;
