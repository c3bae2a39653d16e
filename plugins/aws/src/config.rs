//! The plugin's own block.

use std::collections::BTreeMap;

use hangar_sdk::config::{Problem, parse};
use hangar_sdk::infra_provider::{Diagnostic, Error, Instance, Severity};
use serde::{Deserialize, Serialize};

mod check;

/// The `infra "aws"` block as typed; what it leaves out is the module's default.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    pub(crate) region: String,
    pub(crate) cluster_name: String,
    pub(crate) availability_zones: Option<Vec<String>>,
    pub(crate) kubernetes_version: Option<String>,
    pub(crate) instance_type: Option<String>,
    pub(crate) node_count: Option<NodeCount>,
    pub(crate) vpc_cidr: Option<String>,
    pub(crate) existing_network: Option<ExistingNetwork>,
    pub(crate) api_allowed_cidrs: Option<Vec<String>>,
    pub(crate) route53_zone_id: Option<String>,
    pub(crate) prometheus_hostname: Option<String>,
    pub(crate) secrets_prefix: Option<String>,
    pub(crate) secrets_service_account: Option<ServiceAccount>,
    pub(crate) iam_permissions_boundary: Option<String>,
    pub(crate) key_deletion_days: Option<u32>,
    pub(crate) deletion_protection: Option<bool>,
    pub(crate) protected_from: Option<Vec<String>>,
    /// Charts of add-ons, by the keys of the module's list.
    #[serde(default)]
    pub(crate) add_ons: BTreeMap<String, String>,
    pub(crate) tags: Option<BTreeMap<String, String>>,
    #[serde(default)]
    pub(crate) endpoints: BTreeMap<String, String>,
}

/// Nodes of the cluster.
#[derive(Debug, Clone, Copy, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NodeCount {
    pub(crate) min: u32,
    pub(crate) desired: u32,
    pub(crate) max: u32,
}

/// A network that is there: subnets by zone.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExistingNetwork {
    vpc_id: String,
    public_subnets: BTreeMap<String, String>,
    private_subnets: BTreeMap<String, String>,
    egress_cidrs: Vec<String>,
}

/// A service account of the cluster.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ServiceAccount {
    namespace: String,
    name: String,
}

impl Config {
    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        Ok(parse(text)?)
    }

    /// The zones of a new network; none where the subnets of an existing one say them.
    pub(crate) fn zones(&self) -> Vec<String> {
        if self.existing_network.is_some() {
            return self.availability_zones.clone().unwrap_or_default();
        }
        let default = || ["a", "b", "c"].map(|letter| format!("{}{letter}", self.region)).to_vec();
        self.availability_zones.clone().unwrap_or_else(default)
    }

    /// Where a service answers: where the block says, else where AWS says.
    pub(crate) fn endpoint(&self, service: &str) -> String {
        let standard = match service {
            "iam" | "route53" => format!("https://{service}.amazonaws.com"),
            _ => format!("https://{service}.{}.amazonaws.com", self.region),
        };
        self.endpoints.get(service).unwrap_or(&standard).trim_end_matches('/').to_owned()
    }

    /// Whether names are made in a hosted zone.
    pub(crate) fn is_managed_dns(&self) -> bool {
        self.route53_zone_id.as_deref().is_some_and(|zone| !zone.is_empty())
    }
}

/// Checks the block beyond its schema; all findings at once.
pub fn validate(config: &str, instance: &Instance) -> Vec<Diagnostic> {
    match parse::<Config>(config) {
        Ok(config) => check::all(&config, instance),
        Err(problem) => vec![problem.into()],
    }
}
