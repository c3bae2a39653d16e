//! What is to be pushed.

use std::collections::BTreeMap;

use bytes::Bytes;
use registry_reference::Digest;
use sha2::{Digest as _, Sha256};

use crate::manifest::{Descriptor, Manifest, media_type};

/// A blob with its type and remarks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    /// What it is.
    pub media_type: String,
    /// Its content. Empty blobs cannot be pushed; use `{}`.
    pub bytes: Bytes,
    /// Remarks for its descriptor, such as `org.opencontainers.image.title`.
    pub annotations: BTreeMap<String, String>,
}

/// Any artifact: a config and layers. Equal values give equal manifests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    /// The config blob.
    pub config: Blob,
    /// The content.
    pub layers: Vec<Blob>,
    /// For artifacts whose config type does not say what they are.
    pub artifact_type: Option<String>,
    /// Remarks for the manifest.
    pub annotations: BTreeMap<String, String>,
}

impl Blob {
    /// Makes a blob without remarks.
    #[must_use]
    pub fn new(media_type: impl Into<String>, bytes: impl Into<Bytes>) -> Self {
        Self { media_type: media_type.into(), bytes: bytes.into(), annotations: BTreeMap::new() }
    }

    /// Returns the digest of the bytes.
    #[must_use]
    pub fn digest(&self) -> Digest {
        digest_of(&self.bytes)
    }

    fn descriptor(&self) -> Descriptor {
        let size = self.bytes.len() as u64;
        Descriptor { annotations: self.annotations.clone(), ..Descriptor::new(&self.media_type, self.digest(), size) }
    }
}

impl Artifact {
    /// Returns the bytes of the manifest.
    #[must_use]
    pub fn manifest(&self) -> Bytes {
        let manifest = Manifest {
            schema_version: 2,
            media_type: Some(media_type::MANIFEST.into()),
            artifact_type: self.artifact_type.clone(),
            config: self.config.descriptor(),
            layers: self.layers.iter().map(Blob::descriptor).collect(),
            annotations: self.annotations.clone(),
        };
        serde_json::to_vec(&manifest).expect("a manifest has only string keys").into()
    }
}

/// Hashes bytes that are all there.
pub(crate) fn digest_of(bytes: &[u8]) -> Digest {
    Digest::from_sha256(Sha256::digest(bytes).into())
}
