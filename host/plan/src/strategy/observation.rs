//! Answers of the world; failures are answers too.

use serde::{Deserialize, Serialize};

use super::probe::Probe;

/// What was seen. Failures are observations too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Observation {
    /// Rows of a statement.
    Rows(Rows),
    /// An HTTP answer.
    Http(HttpAnswer),
    /// The end of a handshake and its call.
    Tls(TlsAnswer),
    /// Pods of a workload.
    Workload(Workload),
    /// Certificates in a Secret.
    Certificates(Vec<Certificate>),
    /// Certificates mounted in each pod.
    Mounted(Vec<Mounted>),
    /// A Helm release.
    Release(Release),
    /// Nothing was there: no such Secret, workload or release.
    Absent,
    /// The look failed.
    Failed(Failure),
    /// An answer of a later host, as JSON.
    Other(String),
}

/// Rows as text; none is NULL.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Rows {
    /// Names of the columns.
    pub columns: Vec<String>,
    /// Values, row by row.
    pub rows: Vec<Vec<Option<String>>>,
}

/// An HTTP answer; the body is cut at 64 KiB.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct HttpAnswer {
    /// HTTP status code.
    pub status: u16,
    /// Body as text; what is not UTF-8 is replaced.
    pub body: String,
}

/// How a handshake and its call ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct TlsAnswer {
    /// How it ended.
    pub outcome: TlsOutcome,
    /// SHA-256 over the peer's leaf in DER, lower-case hexadecimal, where one was shown.
    pub peer_leaf: Option<String>,
    /// Fingerprint of the authority of the bundle that vouches for it.
    pub peer_authority: Option<String>,
    /// The same in words, for an operator.
    pub detail: String,
}

/// Ends of a handshake and its call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TlsOutcome {
    /// The call was answered: the client's authority and identity were accepted.
    Accepted,
    /// The call was answered with a refusal of the identity: the client's authority is known.
    IdentityRefused,
    /// The server does not know the client's authority.
    AuthorityUnknown,
    /// The client does not know the server's authority.
    ServerUntrusted,
    /// The server's certificate is not for the name.
    NameMismatch,
    /// A certificate is expired or not yet valid.
    Expired,
    /// No connection.
    Unreachable,
    /// The time was up.
    TimedOut,
    /// Anything else; see `detail`.
    Other,
}

/// Pods of one workload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Workload {
    /// Pods wanted.
    pub wanted: u32,
    /// Pods that are there.
    pub pods: Vec<Pod>,
    /// Value of the annotation that names the applied configuration, where there is one.
    pub generation: Option<String>,
}

/// One pod.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Pod {
    /// Name.
    pub name: String,
    /// Kubernetes phase.
    pub phase: String,
    /// Whether its `Ready` condition holds.
    pub ready: bool,
    /// Reason in words where it is not well, such as `db: CrashLoopBackOff`.
    pub reason: Option<String>,
    /// Restarts of all its containers together.
    pub restarts: u32,
    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub started_ms: Option<u64>,
    /// Address inside the cluster, once it has one.
    pub address: Option<String>,
}

/// One certificate seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Certificate {
    /// File, or key of the Secret.
    pub file: String,
    /// SHA-256 over the DER form, lower-case hexadecimal.
    pub fingerprint: String,
    /// RFC 4514 form.
    pub subject: String,
    /// RFC 4514 form.
    pub issuer: String,
    /// Subject alternative names, such as `dns:localhost` and `ip:127.0.0.1`.
    pub alternatives: Vec<String>,
    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub not_before_ms: u64,
    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub not_after_ms: u64,
    /// Whether it may sign other certificates.
    pub is_authority: bool,
}

/// What one pod has mounted and loaded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Mounted {
    /// Name of the pod.
    pub pod: String,
    /// Certificates in its mounted files.
    pub certificates: Vec<Certificate>,
    /// When the database was last told to reload, by the sidecar.
    pub signalled_ms: Option<u64>,
    /// Whether the files changed since.
    pub pending: bool,
}

/// One Helm release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Release {
    /// Helm's own word, such as `deployed` or `pending-upgrade`.
    pub status: String,
    /// Number of the revision, from 1.
    pub revision: u32,
    /// Version of the chart.
    pub chart_version: String,
    /// SHA-256 of the values the host last gave it, lower-case hexadecimal.
    pub values_digest: Option<String>,
}

/// Why a look failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Failure {
    /// Which kind of failure.
    pub class: FailureClass,
    /// The same in words, for an operator.
    pub detail: String,
}

/// Classes of failed looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureClass {
    /// No connection.
    Unreachable,
    /// The time was up.
    TimedOut,
    /// The credential was not accepted.
    Unauthenticated,
    /// The credential was accepted and has not the right.
    Denied,
    /// TLS failed.
    Tls,
    /// The database answered with an error; `detail` starts with its code.
    Database,
    /// Anything else; see `detail`.
    Other,
}

/// An observation with its time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Fact {
    /// What was asked.
    pub probe: Probe,
    /// What was seen.
    pub observation: Observation,
    /// Milliseconds since 1970-01-01T00:00:00Z, by the host's clock.
    pub at_ms: u64,
}

/// All that is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Facts {
    /// Milliseconds since 1970-01-01T00:00:00Z, by the host's clock.
    pub now_ms: u64,
    /// Latest first; up to 8 of each probe id.
    pub observations: Vec<Fact>,
    /// Keys of steps whose outcome the journal does not know.
    pub in_doubt: Vec<String>,
    /// Keys of steps that were done in this operation.
    pub done: Vec<String>,
    /// Certificates that the host holds issued for the profiles: profile id and fingerprint.
    pub issued: Vec<(String, String)>,
}
