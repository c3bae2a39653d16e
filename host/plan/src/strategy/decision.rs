//! What a strategy decides.

use serde::{Deserialize, Serialize};

use super::action::Step;
use super::probe::Probe;
use crate::diagnostic::{Diagnostic, Severity, in_one_line};

/// One thing that stands in the way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Finding {
    /// How much it matters.
    pub severity: Severity,
    /// What it is about, such as `member:uss2` or `node:1`.
    pub subject: String,
    /// What stands in the way.
    pub message: String,
    /// What to do about it.
    pub cure: Option<String>,
    /// Member who must do it; none: this one.
    pub whose: Option<String>,
}

/// Waiting for the world.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Waiting {
    /// Looked at each round.
    pub probes: Vec<Probe>,
    /// Milliseconds until the next round.
    pub after_ms: u32,
    /// Milliseconds since 1970-01-01T00:00:00Z after which waiting is an error.
    pub until_ms: u64,
    /// What is waited for.
    pub message: String,
}

/// Waiting for somebody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Awaiting {
    /// Members who must act.
    pub members: Vec<String>,
    /// What they must do, such as `accept uss3`.
    pub what: String,
    /// Looked at each round, besides the roster.
    pub probes: Vec<Probe>,
}

/// What is to be done next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decision {
    /// Look at these first, then ask again.
    Look(Vec<Probe>),
    /// Take these steps, in an order that `requires` allows, then ask again.
    Steps(Vec<Step>),
    /// Nothing to do until the world has changed.
    Wait(Waiting),
    /// Nothing to do until somebody else has acted.
    Awaiting(Awaiting),
    /// The goal is reached; findings are remarks.
    Done(Vec<Finding>),
    /// It cannot go on without a person.
    Blocked(Vec<Finding>),
}

/// One phase of a procedure, for the plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Phase {
    /// Name, as steps use it.
    pub name: String,
    /// What it does, for the operator.
    pub title: String,
    /// Kinds of action it may take and on what, such as `put-secret cockroachdb-node` or `verb init`.
    pub allowed: Vec<String>,
    /// Most pod restarts it may cost.
    pub restarts: u32,
    /// Members who must act in it; none where only the roster of that time can name them.
    pub actors: Vec<String>,
}

/// Why an answer could not be given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
pub enum StrategyError {
    /// The configuration or the intent does not allow it.
    #[error("the configuration or the intent does not allow it: {}", in_one_line(.0))]
    Invalid(Vec<Diagnostic>),
    /// The goal is unknown to this strategy.
    #[error("the strategy does not know the goal `{0}`")]
    Unsupported(String),
    /// Anything else, in words for an operator. Never parsed by the host.
    #[error("{0}")]
    Other(String),
}
