//! What a line says.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::diagnostic::Diagnostic;
use super::outputs::Outputs;
use crate::plan::{Change, OutputChange, Summary};

/// What is done to a resource.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Nothing.
    #[serde(alias = "no-op")]
    Noop,
    /// It is made.
    Create,
    /// A data source is read.
    Read,
    /// It is changed in place.
    Update,
    /// It is removed and made anew, in either order.
    Replace,
    /// It is removed.
    Delete,
    /// Its address changes.
    Move,
    /// It is taken into the state.
    Import,
    /// It is dropped from the state and left standing.
    #[serde(alias = "remove")]
    Forget,
    /// An action of a later tool.
    #[serde(untagged)]
    Other(String),
}

impl Action {
    /// Reads the tool's word.
    pub(crate) fn named(word: &str) -> Self {
        match word {
            "noop" | "no-op" => Self::Noop,
            "create" => Self::Create,
            "read" => Self::Read,
            "update" => Self::Update,
            "replace" => Self::Replace,
            "delete" => Self::Delete,
            "move" => Self::Move,
            "import" => Self::Import,
            "forget" | "remove" => Self::Forget,
            other => Self::Other(other.to_owned()),
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Noop => "noop",
            Self::Create => "create",
            Self::Read => "read",
            Self::Update => "update",
            Self::Replace => "replace",
            Self::Delete => "delete",
            Self::Move => "move",
            Self::Import => "import",
            Self::Forget => "forget",
            Self::Other(name) => name,
        })
    }
}

/// A resource at work, and how far it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Resource {
    /// Its address.
    pub address: String,
    /// What is done to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<Action>,
    /// Its id at the provider, once it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Seconds since its start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub elapsed_s: Option<f64>,
}

/// What a line says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// Which tool speaks, and in which version of the stream.
    Version {
        /// `terraform` or `tofu`.
        flavour: String,
        /// Version of the tool.
        version: String,
        /// Version of the stream.
        ui: String,
    },
    /// A message of initialising.
    Init {
        /// In words.
        message: String,
    },
    /// It complains.
    Diagnostic(Diagnostic),
    /// A change that is planned.
    Planned(Change),
    /// A change that was made outside.
    Drift(Change),
    /// How many changes there are.
    Summary(Summary),
    /// Outputs that will change.
    PlannedOutputs {
        /// Each output.
        changes: Vec<OutputChange>,
    },
    /// Outputs as they are.
    Outputs(Outputs),
    /// A resource is read again.
    Refreshing(Resource),
    /// It was.
    Refreshed(Resource),
    /// A resource is changed.
    Started(Resource),
    /// It still is.
    Running(Resource),
    /// It was.
    Completed(Resource),
    /// It could not be.
    Errored(Resource),
    /// The tool could write its state nowhere and has printed it. It is in no event: it may hold secrets.
    Dumped,
    /// An event of a kind that matters to nobody here.
    Other {
        /// Its kind.
        kind: String,
        /// Its message.
        message: String,
    },
    /// A line that is no event.
    Raw {
        /// The line.
        text: String,
    },
}
