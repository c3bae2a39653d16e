//! Descriptors, manifests and indexes of the OCI image specification.

use std::collections::BTreeMap;

use registry_reference::Digest;
use serde::{Deserialize, Serialize};

/// Media types in use, each once.
pub mod media_type {
    /// An OCI image manifest.
    pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
    /// An OCI image index.
    pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";
    /// Docker's own list of images: named only so that the refusal can say what is there.
    pub(crate) const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
    /// Config of a Wasm artifact, CNCF guidance.
    pub const WASM_CONFIG: &str = "application/vnd.wasm.config.v0+json";
    /// A Wasm binary.
    pub const WASM: &str = "application/wasm";
    /// Config of the older layouts; accepted on pull.
    pub const OLD_WASM_CONFIG: &str = "application/vnd.wasm.config.v1+json";
    /// Layer as Kubewarden pushed it; accepted on pull.
    pub const OLD_WASM: &str = "application/vnd.wasm.content.layer.v1+wasm";
    /// Layer as wasmCloud pushed it; accepted on pull.
    pub const OLD_WASM_MODULE: &str = "application/vnd.module.wasm.content.layer.v1+wasm";
    /// Config of a Helm chart.
    pub const HELM_CONFIG: &str = "application/vnd.cncf.helm.config.v1+json";
    /// A Helm chart archive.
    pub const HELM_CHART: &str = "application/vnd.cncf.helm.chart.content.v1.tar+gzip";
    /// Provenance of a Helm chart.
    pub const HELM_PROVENANCE: &str = "application/vnd.cncf.helm.chart.provenance.v1.prov";
    /// Config of a signed file of a pool's members: says what it is, and is empty.
    pub const ROSTER_CONFIG: &str = "application/vnd.hangar.roster.config.v1+json";
    /// A signed file of a pool's members: a record or an invitation.
    pub const ROSTER_FILE: &str = "application/vnd.hangar.roster.file.v1+json";
}

/// The annotation that names a manifest inside an OCI image layout.
pub(crate) const REF_NAME: &str = "org.opencontainers.image.ref.name";
/// The annotation from which clients take a layer's file name.
pub(crate) const TITLE: &str = "org.opencontainers.image.title";

/// Points to a blob: its type, digest and size.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// What the blob is.
    pub media_type: String,
    /// Its content.
    pub digest: Digest,
    /// Its length in bytes.
    pub size: u64,
    /// Remarks.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// Whatever else other tools wrote, kept when the descriptor is written again.
    #[serde(flatten)]
    pub rest: serde_json::Map<String, serde_json::Value>,
}

impl Descriptor {
    pub(crate) fn new(media_type: &str, digest: Digest, size: u64) -> Self {
        Self { media_type: media_type.to_owned(), digest, size, annotations: BTreeMap::new(), rest: Default::default() }
    }
}

/// An image manifest: one config and its layers. Layers have no order that means anything here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// Always 2.
    pub schema_version: u32,
    /// [`media_type::MANIFEST`]; old writers leave it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// What kind of artifact it is, if the config does not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// The config blob.
    pub config: Descriptor,
    /// The content.
    #[serde(default)]
    pub layers: Vec<Descriptor>,
    /// Remarks.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

/// An image index: `index.json` of a layout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Index {
    /// Always 2.
    pub schema_version: u32,
    /// [`media_type::INDEX`]; old writers leave it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// The manifests it names.
    #[serde(default)]
    pub manifests: Vec<Descriptor>,
    /// Whatever else other tools wrote.
    #[serde(flatten)]
    pub rest: serde_json::Map<String, serde_json::Value>,
}

impl Default for Index {
    fn default() -> Self {
        Self {
            schema_version: 2,
            media_type: Some(media_type::INDEX.into()),
            manifests: vec![],
            rest: Default::default(),
        }
    }
}
