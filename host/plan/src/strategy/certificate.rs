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
    /// Dns.
    Dns(String),
    /// Ip.
    Ip(String),
    /// Uri.
    Uri(String),
}

/// Kinds of key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyAlgorithm {
    /// Ecdsa p256.
    EcdsaP256,
    /// Ecdsa p384.
    EcdsaP384,
    /// Rsa2048.
    Rsa2048,
    /// Rsa4096.
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
    /// Certificate file.
    pub certificate_file: String,
    /// Key file.
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
    /// Alternatives.
    pub alternatives: Vec<SubjectAlternative>,
    /// Usages.
    pub usages: Vec<KeyUsage>,
    /// Algorithm.
    pub algorithm: KeyAlgorithm,
    /// Lifetime hours.
    pub lifetime_hours: u32,
    /// Placement.
    pub placement: Placement,
    /// Workload that mounts it (a StatefulSet or Deployment), for inventory and reload.
    pub workload: String,
    /// Reload.
    pub reload: Reload,
}

/// The rules of this kind of database for certificates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct CertificatePolicy {
    /// Profiles.
    pub profiles: Vec<Profile>,
    /// Names that no other certificate may carry as CN or DNS name, such as `root`.
    pub reserved_names: Vec<String>,
    /// Algorithm of the organisation's authority.
    pub authority_algorithm: KeyAlgorithm,
    /// Authority lifetime hours.
    pub authority_lifetime_hours: u32,
    /// Whether members may share a subject; most databases need distinct ones.
    pub distinct_authority_subjects: bool,
}
