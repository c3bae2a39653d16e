//! What a round of probes is to look at.

use std::collections::BTreeMap;
use std::path::Path;

use hangar_plan::strategy::probe::Probe;
use serde::{Deserialize, Serialize};

use crate::{AgentError, RELOAD_PORT};

/// A round of probes: the content of a ConfigMap. Nothing in it is secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Spec {
    /// Always 1.
    pub version: u32,
    /// Questions; those of another vantage are answered with a failure.
    pub probes: Vec<Probe>,
    /// Pods of each workload that a `mounted` question names; whoever writes this has looked them up.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub targets: BTreeMap<String, Vec<Target>>,
    /// Authorities by which servers are trusted, in PEM; none: `ca.crt` of the identity's folder, or of the client's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bundle: Option<String>,
    /// Who asks by SQL.
    #[serde(default)]
    pub client: SqlClient,
    /// Most questions at one time.
    #[serde(default = "parallel")]
    pub parallel: usize,
    /// Port of the reload sidecars.
    #[serde(default = "reload_port")]
    pub reload_port: u16,
}

/// Who asks by SQL, and the files of the client's folder that prove it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct SqlClient {
    /// User.
    pub user: String,
    /// File of the certificate.
    pub certificate_file: String,
    /// File of its key.
    pub key_file: String,
}

impl Default for SqlClient {
    fn default() -> Self {
        let user = "root".to_owned();
        Self { certificate_file: format!("client.{user}.crt"), key_file: format!("client.{user}.key"), user }
    }
}

/// One pod.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Target {
    /// Name.
    pub pod: String,
    /// Address, or name (such as the one its headless service gives it), as seen from inside the cluster.
    pub address: String,
}

fn parallel() -> usize {
    64
}

fn reload_port() -> u16 {
    RELOAD_PORT
}

impl Spec {
    /// Version of the form.
    pub const VERSION: u32 = 1;

    /// A round of these probes, with everything else as it is by default.
    #[must_use]
    pub fn new(probes: Vec<Probe>) -> Self {
        Self {
            version: Self::VERSION,
            probes,
            targets: BTreeMap::new(),
            bundle: None,
            client: SqlClient::default(),
            parallel: parallel(),
            reload_port: reload_port(),
        }
    }

    /// Reads a specification.
    ///
    /// # Errors
    ///
    /// [`AgentError::File`], [`AgentError::Spec`], [`AgentError::Version`].
    pub fn read(path: &Path) -> Result<Self, AgentError> {
        let bytes = std::fs::read(path).map_err(AgentError::file(path))?;
        let spec: Self =
            serde_json::from_slice(&bytes).map_err(|err| AgentError::Spec { path: path.to_owned(), err })?;
        if spec.version == Self::VERSION {
            Ok(spec)
        } else {
            Err(AgentError::Version { found: spec.version, known: Self::VERSION })
        }
    }
}
