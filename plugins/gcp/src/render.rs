//! The root module: the provider, the embedded module and its outputs.

use hangar_sdk::infra_provider::{Error, Instance, Workspace};
use hangar_sdk::terraform::{RootModule, with_given};
use hangar_sdk::{dns, embedded};
use serde_json::{Value, json};

use crate::config::Config;
use crate::{SLOT, cost};

const VERSION: &str = "6.50.0";

/// Files of `deploy/infrastructure/gke`, under the module's folder, but for its guard: the host refuses by itself what that would.
const MODULE: &[(&str, &[u8])] = embedded!("../../../deploy/infrastructure/gke/";
    "addresses.tf",
    "cluster.tf",
    "dns.tf",
    "gateway.tf",
    "iam.tf",
    "kms.tf",
    "network.tf",
    "outputs.tf",
    "services.tf",
    "variables.tf",
    "versions.tf",
);

/// What the modules have in common, beside it.
const COMMON: &[(&str, &[u8])] =
    embedded!("../../../deploy/infrastructure/common/"; "main.tf", "outputs.tf", "variables.tf", "versions.tf");

/// The outputs that `interpret` reads, and those that an operator asks for.
pub(crate) const OUTPUTS: &[&str] = &[
    "kube_cluster",
    "api_endpoint",
    "api_ca",
    "db_addresses",
    "db_address_names",
    "gateway_address",
    "gateway_address_name",
    "gateway_certificate",
    "gateway_ssl_policy",
    "prometheus_address",
    "egress_addresses",
    "dns_records",
    "storage_class",
    "secrets",
    "kms_key",
];

/// Returns the root module's files.
///
/// # Errors
///
/// [`Error::Invalid`] about the block.
pub fn render(config: &str, instance: &Instance) -> Result<Workspace, Error> {
    let config = Config::parse(config)?;
    let root = RootModule {
        module: "gke",
        files: MODULE,
        beside: &[("common", COMMON)],
        outputs: OUTPUTS,
        provider: "google",
        version: VERSION,
        configuration: provider(&config),
        arguments: arguments(&config, instance),
    };
    Ok(Workspace {
        files: root.files(),
        providers: root.providers(),
        credentials: vec![SLOT.into()],
        precious: precious(&config, instance),
        cost: cost::hint(&config, instance),
    })
}

/// Addresses that partners were told, and what holds data.
fn precious(config: &Config, instance: &Instance) -> Vec<String> {
    let db = (0..instance.nodes).map(|ordinal| format!("google_compute_address.db[{ordinal}]"));
    let prometheus = config.prometheus().map(|_| "google_compute_address.prometheus[0]".to_owned());
    let others =
        ["google_compute_address.egress", "google_compute_global_address.gateway", "google_container_cluster.this"];
    let key = config.kms_key.is_none().then(|| "google_kms_crypto_key.secrets[0]".to_owned());
    let all = db.chain(prometheus).chain(others.map(Into::into)).chain(key);
    all.map(|name| format!("module.gke.{name}")).collect()
}

fn provider(config: &Config) -> Value {
    let mut provider = json!({"project": config.project, "region": config.region});
    for (service, url) in config.endpoints.iter().filter(|(service, _)| *service != dns::ENDPOINT) {
        provider[format!("{service}_custom_endpoint")] = json!(url);
    }
    provider
}

fn arguments(config: &Config, instance: &Instance) -> Value {
    let arguments = json!({
        "name": config.cluster_name,
        "project": config.project,
        "region": config.region,
        "zones": config.zones(),
        "db_nodes": instance.nodes,
        "db_suffix": instance.db_suffix,
        "hostname": instance.hostname,
        "namespace": instance.namespace,
    });
    let optional = [
        ("kubernetes_version", json!(config.kubernetes_version)),
        ("release_channel", json!(config.release_channel)),
        ("maintenance_start", json!(config.maintenance_start)),
        ("network", json!(config.network)),
        ("nodes_cidr", json!(config.nodes_cidr)),
        ("pods_cidr", json!(config.pods_cidr)),
        ("services_cidr", json!(config.services_cidr)),
        ("control_plane_cidr", json!(config.control_plane_cidr)),
        ("api_allowed_cidrs", json!(config.api_allowed_cidrs)),
        ("machine_type", json!(config.machine_type)),
        ("disk_size_gb", json!(config.disk_size_gb)),
        ("node_count", json!(config.node_count)),
        ("prometheus_hostname", json!(config.prometheus_hostname)),
        ("dns_managed_zone", json!(config.dns_managed_zone)),
        ("secrets_service_account", json!(config.secrets_service_account)),
        ("secrets_prefix", json!(config.secrets_prefix)),
        ("kms_key", json!(config.kms_key)),
        ("deletion_protection", json!(config.deletion_protection)),
        ("enable_services", json!(config.enable_services)),
        ("tags", json!(config.tags)),
    ];
    with_given(arguments, optional)
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use hangar_sdk::testing::embeds_all_of;
    pub(crate) use hangar_sdk::testing::instance;

    use super::*;

    /// A good block with these keys added or changed.
    pub(crate) fn block(change: Value) -> String {
        let mut block = json!({"project": "dss-prod", "region": "europe-west4", "cluster_name": "uss1"});
        for (key, value) in change.as_object().cloned().unwrap_or_default() {
            block[key] = value;
        }
        block.to_string()
    }

    fn root(change: Value) -> Value {
        let workspace = render(&block(change), &instance()).expect("the block is good");
        serde_json::from_slice(&workspace.files[0].1).expect("the root module is JSON")
    }

    fn declared(kind: &str, file: &str) -> BTreeSet<String> {
        let (_, bytes) = MODULE.iter().find(|(name, _)| *name == file).expect("it is embedded");
        let text = std::str::from_utf8(bytes).expect("text");
        let name = |line: &str| Some(line.strip_prefix(kind)?.strip_prefix(" \"")?.split('"').next()?.to_owned());
        text.lines().filter_map(name).collect()
    }

    #[test]
    fn the_embedded_files_are_all_of_the_modules() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/infrastructure");
        embeds_all_of(MODULE, &folder.join("gke"));
        embeds_all_of(COMMON, &folder.join("common"));
    }

    #[test]
    fn equal_arguments_give_equal_files() {
        let render = || render(&block(json!({})), &instance()).expect("good").files;
        assert_eq!(render(), render());
    }

    #[test]
    fn every_key_of_the_schema_is_a_key_of_the_block_and_changes_what_is_rendered() {
        let schema: Value = serde_json::from_str(include_str!("../schema.json")).expect("the schema is JSON");
        let changes = json!({
            "project": "dss-test",
            "region": "us-east4",
            "cluster_name": "other",
            "zones": ["europe-west4-d", "europe-west4-e", "europe-west4-f"],
            "kubernetes_version": "1.33",
            "release_channel": "STABLE",
            "maintenance_start": "01:00",
            "network": {"network": "n", "subnetwork": "s", "pods_range": "p", "services_range": "v"},
            "nodes_cidr": "10.99.0.0/20",
            "pods_cidr": "10.100.0.0/14",
            "services_cidr": "10.98.0.0/20",
            "control_plane_cidr": "172.16.9.0/28",
            "api_allowed_cidrs": ["203.0.113.0/24"],
            "machine_type": "n2-standard-8",
            "disk_size_gb": 100,
            "node_count": {"min": 3, "max": 9},
            "prometheus_hostname": "prometheus.example.com",
            "dns_managed_zone": "dss",
            "secrets_service_account": "keeper",
            "secrets_prefix": "dss-uss1",
            "kms_key": "projects/p/locations/europe-west4/keyRings/r/cryptoKeys/k",
            "deletion_protection": false,
            "enable_services": false,
            "tags": {"owner": "ops"},
            "endpoints": {"dns": "https://dns.example.com/dns/v1/"},
        });
        for key in schema["properties"].as_object().expect("properties").keys() {
            let value = changes.get(key).unwrap_or_else(|| panic!("no change of `{key}` is tried"));
            assert_ne!(root(json!({(key.as_str()): value})), root(json!({})), "`{key}` changes nothing");
        }
    }

    #[test]
    fn a_resolver_is_no_service_of_the_provider() {
        let resolver = json!({"endpoints": {"resolver": "https://doh.example.net/dns-query"}});
        assert_eq!(root(resolver), root(json!({})));
    }

    #[test]
    fn every_variable_of_the_module_is_an_argument_and_every_output_is_handed_on() {
        let mut given: BTreeSet<String> =
            arguments(&full(), &instance()).as_object().expect("a map").keys().cloned().collect();
        given.remove("source");
        assert_eq!(given, declared("variable", "variables.tf"));
        let outputs: BTreeSet<String> = OUTPUTS.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(outputs, declared("output", "outputs.tf"));
    }

    fn full() -> Config {
        let text = block(json!({
            "kubernetes_version": "1.34", "release_channel": "REGULAR", "maintenance_start": "03:00",
            "network": {"network": "n", "subnetwork": "s", "pods_range": "p", "services_range": "v"},
            "nodes_cidr": "a", "pods_cidr": "b", "services_cidr": "c", "control_plane_cidr": "d", "api_allowed_cidrs": [],
            "machine_type": "n2-standard-4", "disk_size_gb": 50, "node_count": {"min": 3, "max": 6},
            "prometheus_hostname": "p", "dns_managed_zone": "z", "secrets_service_account": "s", "secrets_prefix": "x",
            "kms_key": "k", "deletion_protection": true, "enable_services": true, "tags": {},
        }));
        Config::parse(&text).expect("the block is good")
    }

    #[test]
    fn what_partners_were_told_is_precious() {
        let precious = render(&block(json!({})), &instance()).expect("good").precious;
        for name in ["google_compute_address.db[2]", "google_compute_address.egress", "google_container_cluster.this"] {
            assert!(precious.contains(&format!("module.gke.{name}")), "{name}");
        }
    }
}
