//! Steps a strategy asks for, and how each is told to be done.

use serde::{Deserialize, Serialize};

use super::member::{AcknowledgementKind, MemberState};
use super::observation::TlsOutcome;
use super::probe::{Probe, SqlQuestion};

/// What the answer to a probe must be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Expectation {
    /// The single value of the first row and column.
    Value(String),
    /// At least one row.
    SomeRows,
    /// No row.
    NoRows,
    /// The HTTP status code.
    Status(u16),
    /// The end of the handshake and its call.
    Tls(TlsOutcome),
    /// Every pod wanted is there and ready.
    AllReady,
    /// Every pod wanted is there and runs.
    AllRunning,
    /// At least these fingerprints are in the answer (of every pod, for `mounted`).
    Fingerprints(Vec<String>),
    /// Exactly these fingerprints of authorities are in the answer (of every pod, for `mounted`).
    Authorities(Vec<String>),
    /// The release is deployed with values of this digest; empty: any.
    Deployed(String),
    /// The text is part of the answer.
    Contains(String),
    /// Nothing is there.
    Absent,
    /// An expectation of a later host: name and values.
    Other((String, Vec<String>)),
}

/// A probe and what its answer must be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Check {
    /// What is asked.
    pub probe: Probe,
    /// What the answer must be.
    pub expectation: Expectation,
}

/// One step. The host journals it, skips it when `already-done` holds, acts, and waits until `verify` holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Step {
    /// Stable name within the operation, such as `deploy-bundle/<change>`.
    pub key: String,
    /// What it does, for the plan: imperative, no full stop.
    pub title: String,
    /// Keys of steps that come first.
    pub requires: Vec<String>,
    /// Holds if the step needs not be taken (again).
    pub already_done: Option<Check>,
    /// What is done.
    pub action: Action,
    /// Holds once the step has had its effect.
    pub verify: Option<Check>,
    /// Milliseconds for the action and its verification.
    pub deadline_ms: u32,
    /// Phase of the envelope it belongs to.
    pub phase: String,
}

/// What fills one file of a Secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SecretSource {
    /// The leaf of a profile.
    Leaf(String),
    /// The private key of a profile.
    Key(String),
    /// Certificates of authorities, by fingerprint, in this order.
    Bundle(Vec<String>),
    /// Public text.
    Text(String),
}

/// Actions the host can take for a strategy. Each must be in the plugin's grant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Puts a Secret by compare-and-swap; files not named stay as they are.
    PutSecret(PutSecret),
    /// Applies the release of the services with these values laid over the operator's (JSON object).
    ApplyRelease(String),
    /// Restarts the pods of a workload one at a time, highest ordinal first, with health between.
    Restart(String),
    /// Waits until the reload sidecars have told the workload of its changed files.
    Reload(String),
    /// Runs a declared verb of the database's own program as a Job with the database's own image.
    Verb(Verb),
    /// Runs one statement of a declared class.
    Sql(SqlAction),
    /// Publishes an acknowledgement in this member's record.
    Acknowledge(AcknowledgementKind),
    /// Publishes this member's state.
    SetState(MemberState),
    /// Keeps the identity of the pool's database cluster; it never changes again.
    RecordClusterId(String),
    /// An action of a later host: name and parameters.
    Other((String, Vec<(String, String)>)),
}

/// A Secret and its files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct PutSecret {
    /// Name of the Secret.
    pub name: String,
    /// Names of files, and what fills them.
    pub files: Vec<(String, SecretSource)>,
}

/// A verb of the database's own program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Verb {
    /// Name as the manifest declares it, such as `init`.
    pub name: String,
    /// Arguments after the verb's own.
    pub arguments: Vec<String>,
}

/// A statement and its class.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct SqlAction {
    /// Class as the manifest declares it, such as `cluster-setting`.
    pub class: String,
    /// The statement, and where it runs.
    pub on: SqlQuestion,
}
