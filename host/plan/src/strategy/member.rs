//! The members of a pool as their verified records say.

use serde::{Deserialize, Serialize};

use super::intent::Node;

/// Where a member stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MemberState {
    /// Has asked to join.
    Asking,
    /// Its change is open; its certificate authority may be deployed.
    Joining,
    /// In the pool.
    Active,
    /// On its way out.
    Leaving,
    /// Out; its certificate authority is dropped.
    Gone,
}

/// One certificate authority of a member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Authority {
    /// SHA-256 over the DER form, lower-case hexadecimal.
    pub fingerprint: String,
    /// RFC 4514 form.
    pub subject: String,
    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub not_before_ms: u64,
    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub not_after_ms: u64,
    /// The certificate in PEM.
    pub pem: String,
}

/// What a member says it has proved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Acknowledgement {
    /// What was proved.
    pub kind: AcknowledgementKind,
    /// Milliseconds since 1970-01-01T00:00:00Z, by its own clock.
    pub at_ms: u64,
}

/// Kinds of acknowledgement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AcknowledgementKind {
    /// Every one of its nodes has these authorities mounted and loaded: fingerprints.
    Deployed(Vec<String>),
    /// All nodes of the named member accepted a leaf of its own: member and authority's fingerprint.
    AcceptedBy((String, String)),
    /// A kind of a later host: name and values.
    Other((String, Vec<String>)),
}

/// One member as its signed record says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Member {
    /// Identifier of the organisation in the pool.
    pub id: String,
    /// Whether it is this organisation.
    pub is_self: bool,
    /// Where it stands.
    pub state: MemberState,
    /// Public endpoint of its DSS.
    pub endpoint: String,
    /// Locality tiers of its nodes, in order: key and value.
    pub locality: Vec<(String, String)>,
    /// Datastore kind and version, such as `cockroachdb` and `v24.1.3`.
    pub datastore: (String, String),
    /// Where its database nodes serve.
    pub nodes: Vec<Node>,
    /// Ranges (CIDR) from which its nodes call others.
    pub egress: Vec<String>,
    /// Its certificate authorities; two or more while one replaces another.
    pub authorities: Vec<Authority>,
    /// What it says it has proved, latest first.
    pub acknowledgements: Vec<Acknowledgement>,
    /// Further facts by name (pool-wide flags, versions).
    pub facts: Vec<(String, String)>,
}

/// The change that all active members have voted for, if one is open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Change {
    /// Identifier of the change; the same in every vote for it.
    pub id: String,
    /// `join`, `leave`, `evict`, `rotate-ca`, or a later host's.
    pub kind: String,
    /// Member it is about.
    pub subject: String,
    /// Authority it is about (fingerprint), for a change of authorities.
    pub authority: Option<String>,
}

/// The roster as verified by the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Roster {
    /// Every member whose record was verified, this one included.
    pub members: Vec<Member>,
    /// Member that founded the pool.
    pub founder: String,
    /// The change that is open; at most one is.
    pub open: Option<Change>,
}
