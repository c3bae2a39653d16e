//! The root module: the provider, the embedded module and its outputs.

use hangar_sdk::embedded;
use hangar_sdk::infra_provider::{Error, Instance, Workspace};
use hangar_sdk::serde_json::{Value, json};
use hangar_sdk::terraform::{RootModule, with_given};

use crate::SLOT;
use crate::config::Config;
use crate::cost::cost;

const VERSION: &str = "4.55.0";

/// Files of `deploy/infrastructure/aks`, under the module's folder, but for its guard: the host refuses by itself what that would.
const MODULE: &[(&str, &[u8])] = embedded!("../../../deploy/infrastructure/aks/";
    "addresses.tf",
    "certificate.tf",
    "cluster.tf",
    "dns.tf",
    "identity.tf",
    "main.tf",
    "network.tf",
    "outputs.tf",
    "protection.tf",
    "variables.tf",
    "vault.tf",
    "versions.tf",
);

/// What the modules have in common, beside it.
const COMMON: &[(&str, &[u8])] =
    embedded!("../../../deploy/infrastructure/common/"; "main.tf", "outputs.tf", "variables.tf", "versions.tf");

/// Outputs that [`crate::interpret`] reads.
pub(crate) const OUTPUTS: &[&str] = &[
    "kube_cluster",
    "api_endpoint",
    "api_ca",
    "resource_group",
    "db_addresses",
    "db_address_names",
    "gateway_address",
    "gateway_address_name",
    "prometheus_address",
    "egress_addresses",
    "dns_records",
    "storage_class",
    "vault_uri",
    "secrets_client_id",
    "certificates_client_id",
];

/// Returns the root module's files.
///
/// # Errors
///
/// [`Error::Invalid`] about the block.
pub fn render(config: &str, instance: &Instance) -> Result<Workspace, Error> {
    let config = Config::parse(config)?;
    let root = RootModule {
        module: "aks",
        files: MODULE,
        beside: &[("common", COMMON)],
        outputs: OUTPUTS,
        provider: "azurerm",
        version: VERSION,
        configuration: provider(&config),
        arguments: arguments(&config, instance),
    };
    Ok(Workspace {
        files: root.files(),
        providers: root.providers(),
        credentials: vec![SLOT.into()],
        precious: precious(&config, instance),
        cost: cost(&config, instance),
    })
}

/// Addresses that partners were told, and what holds data or the key to it.
fn precious(config: &Config, instance: &Instance) -> Vec<String> {
    let mut precious: Vec<_> =
        (0..instance.nodes).map(|ordinal| format!("module.aks.azurerm_public_ip.db[{ordinal}]")).collect();
    if config.existing_network.is_none() {
        precious.push("module.aks.azurerm_public_ip.egress[0]".into());
    }
    let single = [
        "azurerm_public_ip.gateway",
        "azurerm_kubernetes_cluster.this",
        "azurerm_key_vault.this",
        "azurerm_key_vault_key.secrets",
    ];
    precious.extend(single.iter().map(|name| format!("module.aks.{name}")));
    precious
}

fn provider(config: &Config) -> Value {
    let mut provider = json!({
        "subscription_id": config.subscription_id,
        // The key of the cluster's Secrets is never purged by a slip of the hand.
        "features": [{"key_vault": [{"purge_soft_delete_on_destroy": false}]}],
        // What is registered is the subscription's own business: preflight says what is missing.
        "resource_provider_registrations": "none",
    });
    if let Some(management) = &config.endpoints.management {
        // It tells the provider where to sign in and what else there is.
        let (_, host) = management.split_once("://").unwrap_or(("", management));
        provider["metadata_host"] = json!(host.trim_end_matches('/'));
    }
    provider
}

fn arguments(config: &Config, instance: &Instance) -> Value {
    let arguments = json!({
        "name": config.cluster_name,
        "location": config.location,
        "db_nodes": instance.nodes,
        "db_suffix": instance.db_suffix,
        "hostname": instance.hostname,
        "namespace": instance.namespace,
    });
    let optional = [
        ("resource_group_id", json!(config.resource_group_id)),
        ("operators", json!(config.operators)),
        ("admin_groups", json!(config.admin_groups)),
        ("kubernetes_version", json!(config.kubernetes_version)),
        ("vm_size", json!(config.vm_size)),
        ("os_disk_size_gb", json!(config.os_disk_size_gb)),
        ("node_count", json!(config.node_count)),
        ("vnet_cidr", json!(config.vnet_cidr)),
        ("existing_network", json!(config.existing_network)),
        ("pod_cidr", json!(config.pod_cidr)),
        ("service_cidr", json!(config.service_cidr)),
        ("api_allowed_cidrs", json!(config.api_allowed_cidrs)),
        ("dns_zone_id", json!(config.dns_zone_id)),
        ("prometheus_hostname", json!(config.prometheus_hostname)),
        ("gateway_certificate", json!(config.gateway_certificate)),
        ("secrets_service_account", json!(config.secrets_service_account)),
        ("key_vault_name", json!(config.key_vault_name)),
        ("storage_class", json!(config.storage_class)),
        ("deletion_protection", json!(config.deletion_protection)),
        ("tags", json!(config.tags)),
    ];
    with_given(arguments, optional)
}

#[cfg(test)]
pub(crate) mod tests;
