//! What the state file says of itself.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::TerraformError;

/// Which state it is and how often it has changed. Equal marks, equal states.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StateMark {
    /// Made once, with the state.
    pub lineage: String,
    /// Grows with each change.
    pub serial: u64,
}

/// A state file as far as it matters here.
#[derive(Debug, Deserialize)]
pub(crate) struct State {
    lineage: String,
    serial: u64,
    #[serde(default)]
    resources: Vec<StateResource>,
}

#[derive(Debug, Deserialize)]
struct StateResource {
    mode: String,
    #[serde(rename = "type")]
    kind: String,
    name: String,
    #[serde(default)]
    module: Option<String>,
    #[serde(default)]
    instances: Vec<Instance>,
}

#[derive(Debug, Deserialize)]
struct Instance {
    #[serde(default)]
    index_key: Option<Value>,
}

impl State {
    /// Reads a state; none where there is none yet, also as the empty file that a killed `tofu` leaves.
    pub(crate) fn read(path: &Path) -> Result<Option<Self>, TerraformError> {
        match fs::read(path) {
            Err(err) if err.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(err) => Err(TerraformError::read(path, err)),
            Ok(bytes) if bytes.is_empty() => Ok(None),
            Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|err| TerraformError::read(path, err.into())),
        }
    }

    pub(crate) fn mark(&self) -> StateMark {
        StateMark { lineage: self.lineage.clone(), serial: self.serial }
    }

    /// Addresses of the managed resources, as the stream writes them.
    pub(crate) fn addresses(&self) -> BTreeSet<String> {
        self.resources.iter().filter(|resource| resource.mode == "managed").flat_map(StateResource::addresses).collect()
    }
}

impl StateResource {
    fn addresses(&self) -> impl Iterator<Item = String> {
        let module = self.module.as_ref().map(|module| format!("{module}.")).unwrap_or_default();
        self.instances.iter().map(move |instance| {
            let index = instance.index_key.as_ref().map(|index| format!("[{index}]")).unwrap_or_default();
            format!("{module}{}.{}{index}", self.kind, self.name)
        })
    }
}

/// The mark of a state file; none where there is no state yet.
pub(crate) fn mark(path: &Path) -> Result<Option<StateMark>, TerraformError> {
    Ok(State::read(path)?.map(|state| state.mark()))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failing set-up is a failing test")]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_written_as_in_the_stream() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("terraform.tfstate");
        let text = r#"{"version":4,"lineage":"l","serial":7,"resources":[
            {"mode":"managed","type":"t","name":"a","instances":[{}]},
            {"mode":"managed","type":"t","name":"b","instances":[{"index_key":0},{"index_key":1}]},
            {"mode":"managed","type":"t","name":"c","module":"module.m[\"k\"]","instances":[{"index_key":"x"}]},
            {"mode":"data","type":"t","name":"d","instances":[{}]}]}"#;
        fs::write(&path, text).unwrap();
        let state = State::read(&path).unwrap().unwrap();
        let addresses: Vec<_> = state.addresses().into_iter().collect();
        assert_eq!(addresses, [r#"module.m["k"].t.c["x"]"#, "t.a", "t.b[0]", "t.b[1]"]);
        assert_eq!(state.mark(), StateMark { lineage: "l".to_owned(), serial: 7 });
    }

    #[test]
    fn an_empty_file_is_no_state() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("terraform.tfstate");
        assert_eq!(mark(&path).unwrap(), None);
        fs::write(&path, b"").unwrap();
        assert_eq!(mark(&path).unwrap(), None);
        fs::write(&path, b"{").unwrap();
        assert!(mark(&path).is_err());
    }
}
