//! The certificates an instance needs.

use serde::{Deserialize, Serialize};

/// What a certificate may be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyUsage {
    /// TLS server.
    ServerAuth,
    /// TLS client.
    ClientAuth,
}

/// A name in a certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SubjectAlternative {
    /// A DNS name; the first label may be `*`.
    Dns(String),
    /// An IPv4 or IPv6 address.
    Ip(String),
    /// A URI.
    Uri(String),
}

/// Kinds of key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyAlgorithm {
    /// ECDSA on NIST P-256.
    EcdsaP256,
    /// ECDSA on NIST P-384.
    EcdsaP384,
    /// RSA with a modulus of 2048 bits.
    Rsa2048,
    /// RSA with a modulus of 4096 bits.
    Rsa4096,
    /// Ed25519.
    Ed25519,
}

/// How a workload takes up changed files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reload {
    /// The reload sidecar sends SIGHUP to the process of this name.
    Signal(String),
    /// One pod at a time, with health between.
    Restart,
    /// The program reads its files again by itself.
    Itself,
    /// Nothing to do.
    None,
    /// A way of a later host.
    Other(String),
}

/// Where the host puts a leaf and its key: files of one Kubernetes Secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Placement {
    /// Name of the Secret. Profiles may share one.
    pub secret: String,
    /// File of the leaf in PEM.
    pub certificate_file: String,
    /// File of its private key in PEM.
    pub key_file: String,
    /// File that takes the bundle of the pool's authorities, if any.
    pub bundle_file: Option<String>,
}

/// One leaf that the host is to issue under this organisation's authority.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Profile {
    /// Stable name, such as `node`.
    pub id: String,
    /// Attribute names (`O`, `CN`, ..) and values, in order.
    pub subject: Vec<(String, String)>,
    /// Subject alternative names.
    pub alternatives: Vec<SubjectAlternative>,
    /// Extended key usages.
    pub usages: Vec<KeyUsage>,
    /// Algorithm of the leaf's key.
    pub algorithm: KeyAlgorithm,
    /// Hours from its issue to its end.
    pub lifetime_hours: u32,
    /// Where the host puts it.
    pub placement: Placement,
    /// Workload that mounts it (a StatefulSet or Deployment), for inventory and reload.
    pub workload: String,
    /// How the workload takes it up.
    pub reload: Reload,
}

/// The rules of this kind of database for certificates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct CertificatePolicy {
    /// Every leaf that an instance needs.
    pub profiles: Vec<Profile>,
    /// Names that no other certificate may carry as CN or DNS name, such as `root`.
    pub reserved_names: Vec<String>,
    /// Algorithm of the organisation's authority.
    pub authority_algorithm: KeyAlgorithm,
    /// Hours from the authority's issue to its end.
    pub authority_lifetime_hours: u32,
    /// Whether members may share a subject; most databases need distinct ones.
    pub distinct_authority_subjects: bool,
}
