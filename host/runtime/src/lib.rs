//! Runs plugins: engine, cache, limits, grants.
//!
//! A [`Runtime`] loads a [`Plugin`] from pinned bytes, within a [`hangar_plan::grant::Grant`]. Each call runs in a store
//! of its own with bounds on everything it can use up, and ends in a value of `hangar_plan` or in one error that names
//! the plugin, its digest and what happened. What a plugin may touch goes through [`Services`], held to the grant; what
//! it renders or decides passes the [`policy`] before anybody sees it.

mod bindings;
pub mod build;
mod cache;
mod call;
mod compile;
pub mod compile_child;
pub mod contract;
mod credentials;
mod engine;
mod error;
mod host;
mod http;
mod inspect;
mod key;
mod lift;
mod limits;
pub mod manifest;
pub mod oauth;
mod plugin;
pub mod policy;
mod redact;
mod runtime;
mod schema;
pub mod sealed_file;
mod services;

pub use compile::{CompileError, Compiler};
pub use credentials::{Credential, CredentialError, Credentials, NoCredentials};
pub use error::{Fault, PluginError, RuntimeError};
pub use http::{Resolver, SystemResolver};
pub use inspect::{InspectError, Inspection, inspect};
pub use limits::{Limit, LimitReached};
pub use manifest::Manifest;
pub use plugin::{InfraProvider, Plugin, SecretStore, Strategy};
pub use redact::{REDACTED, Redactor};
pub use runtime::{PluginSource, Runtime, RuntimeOptions};
pub use schema::SchemaError;
pub use sealed_file::SealedFile;
pub use services::{Line, Log, Services, StateStore, TracingLog};
