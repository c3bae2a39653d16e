//! What an apply has come to.

use serde::{Deserialize, Serialize};

use crate::plan::Summary;
use crate::state::StateMark;
use crate::stream::Outputs;

/// What an apply has come to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Applied {
    /// Outputs, without those that are sensitive.
    pub outputs: Outputs,
    /// How many changes there were.
    pub summary: Summary,
    /// The state afterwards.
    pub state: Option<StateMark>,
}
