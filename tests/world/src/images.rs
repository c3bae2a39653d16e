//! Images of the world: real OCI images, in layouts on disk, in the world's registry, and unpacked for containers.

mod builder;
mod error;
mod layer;
mod layout;
mod push;
mod reference;
mod registry;
mod store;

pub use builder::ImageBuilder;
pub use error::ImageError;
pub use push::push_folder;
pub use reference::ImageReference;

pub(crate) use registry::{PullError, Registry};
pub(crate) use store::{Image, Store};

use oci_spec::image::Digest;
use sha2::{Digest as _, Sha256};

/// A client for registries of this machine, which no proxy must come between.
pub(crate) fn http_client() -> reqwest::Client {
    crate::world::install_crypto();
    reqwest::Client::builder().no_proxy().build().expect("the TLS provider is installed")
}

/// SHA-256 of `bytes` as an OCI digest.
pub(crate) fn digest_of(bytes: &[u8]) -> Digest {
    to_digest(Sha256::digest(bytes))
}

pub(crate) fn to_digest(hash: impl AsRef<[u8]>) -> Digest {
    format!("sha256:{}", hex::encode(hash)).parse().expect("a SHA-256 in hexadecimal is a digest")
}
