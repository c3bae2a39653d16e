//! What terraform would do.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::error::TerraformError;
use crate::stack::StackName;
use crate::state::StateMark;
use crate::stream::{Action, Diagnostic};

/// One change of one resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Its address.
    pub address: String,
    /// The address it had before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_address: Option<String>,
    /// What is done to it.
    pub action: Action,
    /// Why, in the tool's words, such as `cannot_update` or `tainted`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The id it is imported by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub import_id: Option<String>,
}

/// One change of one output; its value is not told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputChange {
    /// Its name.
    pub name: String,
    /// What happens to it.
    pub action: Action,
}

/// How many changes there are, or were.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Made.
    #[serde(default)]
    pub add: u64,
    /// Changed in place.
    #[serde(default)]
    pub change: u64,
    /// Removed.
    #[serde(default)]
    pub remove: u64,
    /// Taken into the state.
    #[serde(default)]
    pub import: u64,
    /// `plan`, `apply` or `destroy`.
    #[serde(default)]
    pub operation: String,
}

/// What terraform would do, as it was shown: a saved plan file, and what is in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StackPlan {
    /// The stack.
    pub stack: StackName,
    /// Whether everything is removed.
    pub destroy: bool,
    /// Whether applying it would do anything, as the tool says.
    pub differs: bool,
    /// Changes, in the order the tool told them; reads of data sources are not among them.
    pub changes: Vec<Change>,
    /// Outputs that change.
    pub outputs: Vec<OutputChange>,
    /// What was changed outside since the last run.
    pub drift: Vec<Change>,
    /// How many changes there are.
    pub summary: Summary,
    /// What the tool warns of.
    pub warnings: Vec<Diagnostic>,
    /// The saved plan, which may hold secrets: removed once it was applied.
    pub file: PathBuf,
    /// SHA-256 of that file.
    pub digest: String,
    /// The state that it was made for; none where there was none.
    pub state: Option<StateMark>,
}

impl StackPlan {
    /// Whether applying it would do anything.
    #[must_use]
    pub fn has_changes(&self) -> bool {
        self.differs
    }

    /// What this plan does that an approved one did not: other resources, or more to the same ones.
    ///
    /// What an interrupted run of the approved plan leads to is not more: a resource half made may be made anew or taken
    /// into the state, and of a replacement either half may be left.
    #[must_use]
    pub fn beyond(&self, approved: &Self) -> Vec<Change> {
        let known: BTreeMap<&str, &Change> =
            approved.changes.iter().map(|change| (change.address.as_str(), change)).collect();
        let is_more =
            |change: &&Change| known.get(change.address.as_str()).is_none_or(|known| !is_covered(change, known));
        self.changes.iter().filter(is_more).cloned().collect()
    }

    /// Changes to these addresses that would remove what is there; an address without an index stands for all of them. A
    /// plugin names addresses whose resources hold data, or that partners were told.
    #[must_use]
    pub fn removals_of<'plan>(&'plan self, precious: &[String]) -> Vec<&'plan Change> {
        let is_removal = |change: &&Change| matches!(change.action, Action::Delete | Action::Replace | Action::Forget);
        self.changes.iter().filter(|change| is_among(precious, &change.address)).filter(is_removal).collect()
    }

    /// Whether the plan file is still the one that was shown.
    pub(crate) fn has_its_file(&self) -> Result<bool, TerraformError> {
        match fs::read(&self.file) {
            Ok(bytes) => Ok(digest(&bytes) == self.digest),
            Err(err) if err.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(err) => Err(TerraformError::read(&self.file, err)),
        }
    }
}

fn is_among(addresses: &[String], address: &str) -> bool {
    let is_it = |named: &String| {
        address.strip_prefix(named.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('['))
    };
    addresses.iter().any(is_it)
}

fn is_covered(change: &Change, approved: &Change) -> bool {
    match (&approved.action, &change.action) {
        (approved, now) if approved == now => true,
        // It was not there when this was approved, so whatever is there now is what we have made of it.
        (Action::Create, Action::Update | Action::Replace | Action::Import) => true,
        (Action::Replace, Action::Create | Action::Delete | Action::Update | Action::Import) => true,
        (Action::Move, Action::Noop) => true,
        _ => false,
    }
}

pub(crate) fn digest(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(changes: &[(&str, Action)]) -> StackPlan {
        let change = |(address, action): &(&str, Action)| Change {
            address: (*address).to_owned(),
            previous_address: None,
            action: action.clone(),
            reason: None,
            import_id: None,
        };
        StackPlan {
            stack: StackName::new("infra").expect("a name"),
            destroy: false,
            differs: true,
            changes: changes.iter().map(change).collect(),
            outputs: Vec::new(),
            drift: Vec::new(),
            summary: Summary::default(),
            warnings: Vec::new(),
            file: PathBuf::new(),
            digest: String::new(),
            state: None,
        }
    }

    fn beyond(now: &[(&str, Action)], approved: &[(&str, Action)]) -> Vec<String> {
        plan(now).beyond(&plan(approved)).into_iter().map(|change| change.address).collect()
    }

    #[test]
    fn fewer_changes_are_not_more() {
        assert!(beyond(&[("a", Action::Create)], &[("a", Action::Create), ("b", Action::Update)]).is_empty());
        assert!(beyond(&[], &[("a", Action::Delete)]).is_empty());
    }

    #[test]
    fn what_an_interruption_leaves_is_not_more() {
        assert!(beyond(&[("a", Action::Replace)], &[("a", Action::Create)]).is_empty());
        assert!(beyond(&[("a", Action::Import)], &[("a", Action::Create)]).is_empty());
        assert!(beyond(&[("a", Action::Create)], &[("a", Action::Replace)]).is_empty());
    }

    #[test]
    fn another_resource_or_a_heavier_hand_is_more() {
        assert_eq!(beyond(&[("b", Action::Create)], &[("a", Action::Create)]), ["b"]);
        assert_eq!(beyond(&[("a", Action::Replace)], &[("a", Action::Update)]), ["a"]);
        assert_eq!(beyond(&[("a", Action::Delete)], &[("a", Action::Create)]), ["a"]);
        assert_eq!(beyond(&[("a", Action::Other("transmute".to_owned()))], &[("a", Action::Create)]), ["a"]);
    }

    #[test]
    fn removing_what_is_precious_is_found() {
        let plan = plan(&[("db", Action::Replace), ("ip", Action::Update), ("x", Action::Delete)]);
        let removals = plan.removals_of(&["db".to_owned(), "ip".to_owned()]);
        assert_eq!(removals.len(), 1);
        assert_eq!(removals[0].address, "db");
        let indexed = super::tests::plan(&[("db[0]", Action::Replace), ("dba", Action::Delete)]);
        let removals = indexed.removals_of(&["db".to_owned()]);
        assert_eq!(removals.iter().map(|change| change.address.as_str()).collect::<Vec<_>>(), ["db[0]"]);
    }
}
