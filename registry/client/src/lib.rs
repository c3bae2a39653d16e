//! OCI pull and push: sign-in, digest-checked streams, local store.
//!
//! A tag is resolved once, to a manifest digest; from there everything is fetched by digest. Sizes are
//! checked before a byte is fetched and again while bytes arrive, bytes are hashed as they stream, and a
//! blob takes its final name only when the digest matches. What was pulled once is found offline.
//!
//! Pulls read an untrusted server and are done here, over plain `reqwest`, because every answer needs a
//! cap, every redirect a check and every failure a name. Pushes go through [`oci_client`], which knows the
//! upload quirks of the registries in use.
//!
//! Formats: OCI distribution and image specifications 1.1; artifacts of plugins in the layout of the CNCF
//! guidance for Wasm (config `application/vnd.wasm.config.v0+json`, exactly one layer `application/wasm`).

mod artifact;
mod client;
mod credentials;
mod error;
mod kind;
mod limits;
mod local;
mod manifest;
mod pull;
mod push;
mod session;
mod sign_in;
mod store;
mod tags;
mod transport;
mod wasm_config;

pub use artifact::{Artifact, Blob};
pub use client::{Client, ClientOptions, Patience, Resolved};
pub use credentials::Credentials;
pub use error::{Failure, RegistryError, Task};
pub use kind::ArtifactKind;
pub use limits::{Limits, Progress};
pub use manifest::{Descriptor, Index, Manifest, media_type};
pub use pull::Pulled;
pub use push::{PushConfig, Pushed};
pub use store::Store;
pub use wasm_config::{ComponentNames, WasmConfig};

/// The fail points of this room, with what a kill there leaves behind.
pub const FAIL_POINTS: &[(&str, &str)] = &[
    ("registry.blob.before", "a partial file, which is swept a day later"),
    ("registry.blob.renamed", "the blob, whole and right, named by nothing yet"),
];
