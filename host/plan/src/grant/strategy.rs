//! What a pooling strategy may decide. Asked and granted in the same words.
//!
//! Names may contain `{release}`, `{instance}`, `{namespace}` and `{pool}`, which stand for those of the instance.

use serde::{Deserialize, Serialize};

use crate::strategy::action::Action;

/// What a plugin may do as a pooling strategy.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct StrategyGrant {
    /// Kinds of action it may ask for.
    pub actions: Vec<ActionKind>,
    /// Workloads it may look at, restart and reload.
    pub workloads: Vec<String>,
    /// Secrets it may look at and put.
    pub secrets: Vec<String>,
    /// Verbs of the database's own program.
    pub verbs: Vec<VerbGrant>,
    /// Statements it may ask about, in a read-only transaction: `?` stands for one literal or name.
    pub queries: Vec<String>,
    /// Statements it may run, by class.
    pub sql_classes: Vec<SqlClass>,
    /// Chart values it may set: dotted paths, each with everything below it.
    pub values: Vec<String>,
}

/// A verb of the database's own program, run as a Job with the database's own image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct VerbGrant {
    /// Name, as steps use it.
    pub name: String,
    /// Program and arguments that always stand before those of a step.
    pub command: Vec<String>,
    /// What a further argument must start with, such as `--host=`; empty allows none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub arguments: Vec<String>,
    /// Secret mounted into the Job; one of `secrets`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// Where the Secret is mounted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mount: Option<String>,
    /// Whether twice is as good as once, so that a step may run it without a check that tells whether it was done.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub repeatable: bool,
}

/// A class of statements.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct SqlClass {
    /// Name, as steps use it.
    pub name: String,
    /// The statements: `?` stands for one literal or name.
    pub statements: Vec<String>,
}

/// Kinds of action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ActionKind {
    /// Put a Secret.
    PutSecret,
    /// Apply the release of the services.
    ApplyRelease,
    /// Restart a workload.
    Restart,
    /// Wait until a workload has reloaded its files.
    Reload,
    /// Run a verb of the database's own program.
    Verb,
    /// Run a statement.
    Sql,
    /// Publish an acknowledgement.
    Acknowledge,
    /// Publish this member's state.
    SetState,
    /// Keep the identity of the pool's database cluster.
    RecordClusterId,
}

impl ActionKind {
    /// The kind of an action; none for one of a later host.
    #[must_use]
    pub const fn of(action: &Action) -> Option<Self> {
        Some(match action {
            Action::PutSecret(_) => Self::PutSecret,
            Action::ApplyRelease(_) => Self::ApplyRelease,
            Action::Restart(_) => Self::Restart,
            Action::Reload(_) => Self::Reload,
            Action::Verb(_) => Self::Verb,
            Action::Sql(_) => Self::Sql,
            Action::Acknowledge(_) => Self::Acknowledge,
            Action::SetState(_) => Self::SetState,
            Action::RecordClusterId(_) => Self::RecordClusterId,
            Action::Other(_) => return None,
        })
    }

    /// The name in manifests.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::PutSecret => "put-secret",
            Self::ApplyRelease => "apply-release",
            Self::Restart => "restart",
            Self::Reload => "reload",
            Self::Verb => "verb",
            Self::Sql => "sql",
            Self::Acknowledge => "acknowledge",
            Self::SetState => "set-state",
            Self::RecordClusterId => "record-cluster-id",
        }
    }
}
