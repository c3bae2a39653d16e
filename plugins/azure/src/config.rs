//! The plugin's own block.

use std::collections::BTreeMap;

use hangar_sdk::config::parse;
use hangar_sdk::infra_provider::{Diagnostic, Error, Instance};
use serde::{Deserialize, Serialize};

mod check;

/// Azure's management API, where no other is named.
const MANAGEMENT: &str = "https://management.azure.com";
/// What the module takes where the block names no machine.
const VM_SIZE: &str = "Standard_D4s_v5";

/// The `infra "azure"` block as typed; what it leaves out is the module's default.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    pub(crate) subscription_id: String,
    pub(crate) location: String,
    pub(crate) cluster_name: String,
    pub(crate) resource_group_id: Option<String>,
    pub(crate) operators: Option<Vec<String>>,
    pub(crate) admin_groups: Option<Vec<String>>,
    pub(crate) kubernetes_version: Option<String>,
    pub(crate) vm_size: Option<String>,
    pub(crate) os_disk_size_gb: Option<u32>,
    pub(crate) node_count: Option<NodeCount>,
    pub(crate) vnet_cidr: Option<String>,
    pub(crate) existing_network: Option<ExistingNetwork>,
    pub(crate) pod_cidr: Option<String>,
    pub(crate) service_cidr: Option<String>,
    pub(crate) api_allowed_cidrs: Option<Vec<String>>,
    pub(crate) dns_zone_id: Option<String>,
    pub(crate) prometheus_hostname: Option<String>,
    pub(crate) gateway_certificate: Option<bool>,
    pub(crate) secrets_service_account: Option<String>,
    pub(crate) key_vault_name: Option<String>,
    pub(crate) storage_class: Option<String>,
    pub(crate) deletion_protection: Option<bool>,
    pub(crate) tags: Option<BTreeMap<String, String>>,
    #[serde(default)]
    pub(crate) endpoints: Endpoints,
}

/// Nodes of the cluster.
#[derive(Debug, Clone, Copy, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NodeCount {
    pub(crate) min: u32,
    pub(crate) desired: u32,
    pub(crate) max: u32,
}

/// A subnet that is there already.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExistingNetwork {
    pub(crate) subnet_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) outbound_type: Option<String>,
    pub(crate) egress_addresses: Vec<String>,
}

/// Other addresses of Azure.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Endpoints {
    pub(crate) management: Option<String>,
    pub(crate) resolver: Option<String>,
}

impl Config {
    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        Ok(parse(text)?)
    }

    /// URL of the management API, without a final slash.
    pub(crate) fn management(&self) -> &str {
        self.endpoints.management.as_deref().unwrap_or(MANAGEMENT).trim_end_matches('/')
    }

    pub(crate) fn subscription(&self) -> String {
        format!("/subscriptions/{}", self.subscription_id)
    }

    /// Id of the resource group of everything, there or not.
    pub(crate) fn group(&self) -> String {
        let made = || format!("{}/resourceGroups/{}", self.subscription(), self.cluster_name);
        self.resource_group_id.clone().unwrap_or_else(made)
    }

    pub(crate) fn machine(&self) -> &str {
        self.vm_size.as_deref().unwrap_or(VM_SIZE)
    }

    pub(crate) fn count(&self) -> NodeCount {
        self.node_count.unwrap_or(NodeCount { min: 3, desired: 3, max: 6 })
    }

    /// The zone's id, unless it is not said or empty.
    pub(crate) fn zone(&self) -> Option<&str> {
        self.dns_zone_id.as_deref().filter(|zone| !zone.is_empty())
    }

    /// Addresses that are reserved for an instance of so many nodes.
    pub(crate) fn n_addresses(&self, instance: &Instance) -> u32 {
        let egress = u32::from(self.existing_network.is_none());
        let prometheus = u32::from(self.prometheus_hostname.as_ref().is_some_and(|name| !name.is_empty()));
        instance.nodes + 1 + egress + prometheus
    }
}

/// Checks the block beyond its schema; all findings at once.
pub fn validate(config: &str, instance: &Instance) -> Vec<Diagnostic> {
    match parse::<Config>(config) {
        Ok(config) => config.check(instance),
        Err(problem) => vec![problem.into()],
    }
}
