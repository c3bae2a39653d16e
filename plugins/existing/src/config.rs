//! The plugin's own keys of the `infra` block.

use std::collections::BTreeMap;

use hangar_sdk::config::parse;
use hangar_sdk::infra_provider::{Diagnostic, Error, Instance, Severity};
use serde::{Deserialize, Serialize};

mod check;

/// What an operator says about a cluster that stands already.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    pub(crate) access: Access,
    pub(crate) endpoint: Option<String>,
    pub(crate) ca_pem: Option<String>,
    pub(crate) server_name: Option<String>,
    /// None takes the instance's.
    pub(crate) cluster_name: Option<String>,
    /// By ordinal; empty where `names` says it, or the cluster assigns them.
    pub(crate) addresses: Vec<String>,
    pub(crate) names: Vec<String>,
    pub(crate) egress: Vec<String>,
    pub(crate) dns: Dns,
    pub(crate) storage_class: Option<String>,
    pub(crate) load_balancer: LoadBalancer,
    pub(crate) gateway: Gateway,
}

/// What opens the Kubernetes API.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Access {
    #[default]
    Kubeconfig,
    Token,
    ClientCertificate,
}

/// Who makes the records.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Dns {
    #[default]
    Manual,
    Automatic,
}

/// How the nodes' Services are wanted.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct LoadBalancer {
    pub(crate) class: Option<String>,
    pub(crate) annotations: BTreeMap<String, String>,
    pub(crate) node_annotations: Vec<BTreeMap<String, String>>,
    pub(crate) external_traffic_policy: Option<String>,
}

/// The public address of the API.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Gateway {
    pub(crate) enabled: bool,
    pub(crate) address: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) class: Option<String>,
    pub(crate) annotations: BTreeMap<String, String>,
    pub(crate) port: Option<u16>,
    pub(crate) source_ranges: Vec<String>,
}

impl Default for Gateway {
    fn default() -> Self {
        Self {
            enabled: true,
            address: None,
            name: None,
            class: None,
            annotations: BTreeMap::new(),
            port: None,
            source_ranges: Vec::new(),
        }
    }
}

impl Config {
    /// Reads a block that fits the instance.
    pub(crate) fn of(text: &str, instance: &Instance) -> Result<Self, Error> {
        let config: Self = parse(text)?;
        let findings: Vec<_> = config.check(instance);
        if findings.iter().any(|finding| finding.severity == Severity::Error) {
            return Err(Error::Invalid(findings));
        }
        Ok(config)
    }
}

/// Checks the block; all findings at once.
#[must_use]
pub fn validate(config: &str, instance: &Instance) -> Vec<Diagnostic> {
    match parse::<Config>(config) {
        Ok(config) => config.check(instance),
        Err(problem) => vec![problem.into()],
    }
}
