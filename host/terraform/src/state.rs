//! What the state file says of itself.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::backend::Backend;
use crate::driver::Driver;
use crate::error::TerraformError;
use crate::run::plain;

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
    ///
    /// # Errors
    ///
    /// [`TerraformError::Torn`] for what is no state. What is wrong with it is not told: the words would show values of it.
    pub(crate) fn read(path: &Path) -> Result<Option<Self>, TerraformError> {
        match fs::read(path) {
            Err(err) if err.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(err) => Err(TerraformError::read(path, err)),
            Ok(bytes) => Self::parse(&bytes).transpose().map_err(|_| TerraformError::Torn { path: path.to_owned() }),
        }
    }

    /// As [`read`](Self::read), of bytes.
    pub(crate) fn parse(bytes: &[u8]) -> Option<serde_json::Result<Self>> {
        (!bytes.is_empty()).then(|| serde_json::from_slice(bytes))
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

impl Driver {
    /// The state: of its file, or as the tool pulls it from its backend. Never written down: it may hold secrets.
    pub(crate) async fn state(&self, folder: &Path) -> Result<Option<State>, TerraformError> {
        let name = match self.stack().backend() {
            Backend::Local(file) => return State::read(file),
            Backend::Remote(_) => self.stack().state_name(),
        };
        let pulled = self.ask(["state", "pull"], folder).await?;
        if !pulled.exit.is_success() {
            return Err(TerraformError::Tool { what: "read its state", said: said(&pulled.stderr) });
        }
        // Where nothing was ever applied there is nothing, or an empty line.
        if pulled.stdout.iter().all(u8::is_ascii_whitespace) {
            return Ok(None);
        }
        let state: State = serde_json::from_slice(&pulled.stdout).map_err(|_| TerraformError::Torn { path: name })?;
        // As is a state without a name.
        Ok(Some(state).filter(|state| !state.lineage.is_empty()))
    }

    /// Addresses of the managed resources that the state knows.
    ///
    /// # Errors
    ///
    /// As [`mark`](Self::mark).
    pub async fn resources(&self, folder: &Path) -> Result<BTreeSet<String>, TerraformError> {
        Ok(self.state(folder).await?.map(|state| state.addresses()).unwrap_or_default())
    }

    /// Which state it is; none where there is none yet.
    ///
    /// # Errors
    ///
    /// [`TerraformError::Read`] or [`TerraformError::Tool`] if it cannot be read.
    pub async fn mark(&self, folder: &Path) -> Result<Option<StateMark>, TerraformError> {
        Ok(self.state(folder).await?.map(|state| state.mark()))
    }
}

/// The first thing that a tool says in text, without its frame.
pub(crate) fn said(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    text.lines().map(plain).find(|line| !line.is_empty()).unwrap_or_else(|| "nothing".to_owned())
}

/// A file beside that of a state, by what its name ends in.
pub(crate) fn beside(state: &Path, end: &str) -> PathBuf {
    let mut name = state.as_os_str().to_owned();
    name.push(end);
    PathBuf::from(name)
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
        assert!(State::read(&path).unwrap().is_none());
        fs::write(&path, b"").unwrap();
        assert!(State::read(&path).unwrap().is_none());
        fs::write(&path, b"{\"lineage\": 7, \"serial\": \"CANARY\"").unwrap();
        let torn = State::read(&path).unwrap_err();
        assert!(matches!(torn, TerraformError::Torn { .. }), "{torn}");
        assert!(!format!("{torn:?}").contains("CANARY"), "{torn:?}");
    }
}
