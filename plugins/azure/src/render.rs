//! The root module: the provider, the embedded module and its outputs.

use hangar_sdk::infra_provider::{Error, Instance, ProviderRequirement, Workspace};
use hangar_sdk::serde_json::{Map, Value, json, to_vec_pretty};
use hangar_sdk::terraform::literal;

use crate::SLOT;
use crate::config::Config;
use crate::cost::cost;

const PROVIDER: &str = "registry.terraform.io/hashicorp/azurerm";
const VERSION: &str = "4.55.0";

macro_rules! module {
    ($($file:literal),+ $(,)?) => {
        &[$(($file, include_bytes!(concat!("../../../deploy/infrastructure/aks/", $file)) as &[u8])),+]
    };
}

/// Files of `deploy/infrastructure/aks`, under the module's folder.
const MODULE: &[(&str, &[u8])] = module![
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
];

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
    let output = |name: &&str| ((*name).to_owned(), json!({"value": format!("${{module.aks.{name}}}")}));
    let root = json!({
        "terraform": {
            "required_version": ">= 1.9",
            "required_providers": {"azurerm": {"source": "hashicorp/azurerm", "version": VERSION}},
        },
        "provider": {"azurerm": literal(provider(&config))},
        "module": {"aks": literal(arguments(&config, instance))},
        "output": OUTPUTS.iter().map(output).collect::<Map<_, _>>(),
    });
    let mut text = to_vec_pretty(&root).expect("a JSON value has a text");
    text.push(b'\n');
    let mut files = vec![("main.tf.json".to_owned(), text)];
    files.extend(MODULE.iter().map(|(name, bytes)| (format!("modules/aks/{name}"), bytes.to_vec())));
    Ok(Workspace {
        files,
        providers: vec![ProviderRequirement {
            name: "azurerm".into(),
            source: PROVIDER.into(),
            version: VERSION.into(),
            hashes: Vec::new(),
        }],
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
    let mut arguments = json!({
        "source": "./modules/aks",
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
    for (name, value) in optional.into_iter().filter(|(_, value)| !value.is_null()) {
        arguments[name] = value;
    }
    arguments
}

#[cfg(test)]
pub(crate) mod tests;
