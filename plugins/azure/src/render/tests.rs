use std::collections::BTreeSet;
use std::path::Path;

use hangar_sdk::serde_json::{from_slice, from_str};

use super::*;

use hangar_sdk::testing::embeds_all_of;
pub(crate) use hangar_sdk::testing::instance;

/// The least block.
pub(crate) const BLOCK: &str =
    r#"{"subscription_id":"00000000-0000-0000-0000-000000000001","location":"westeurope","cluster_name":"uss1"}"#;
pub(crate) const ZONE: &str = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/dns/providers/\
                               Microsoft.Network/dnsZones/uss1.example.com";

fn root(block: &Value) -> Value {
    let workspace = render(&block.to_string(), &instance()).expect("the block is good");
    from_slice(&workspace.files[0].1).expect("the root module is JSON")
}

fn schema() -> Value {
    from_slice(include_bytes!("../../schema.json")).expect("the schema is JSON")
}

/// A value for every key of the schema, none of them a default.
fn values() -> Vec<(&'static str, Value)> {
    let subnet = "/subscriptions/s/resourceGroups/r/providers/Microsoft.Network/virtualNetworks/v/subnets/n";
    vec![
        ("subscription_id", json!("00000000-0000-0000-0000-000000000002")),
        ("location", json!("eastus2")),
        ("cluster_name", json!("other")),
        ("resource_group_id", json!("/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/x")),
        ("operators", json!(["00000000-0000-0000-0000-0000000000aa"])),
        ("admin_groups", json!(["00000000-0000-0000-0000-0000000000bb"])),
        ("kubernetes_version", json!("1.33")),
        ("vm_size", json!("Standard_D8s_v5")),
        ("os_disk_size_gb", json!(128)),
        ("node_count", json!({"min": 3, "desired": 6, "max": 9})),
        ("vnet_cidr", json!("10.99.0.0/16")),
        ("existing_network", json!({"subnet_id": subnet, "egress_addresses": ["198.51.100.7"]})),
        ("pod_cidr", json!("10.98.0.0/16")),
        ("service_cidr", json!("10.97.0.0/16")),
        ("api_allowed_cidrs", json!(["203.0.113.0/24"])),
        ("dns_zone_id", json!(ZONE)),
        ("prometheus_hostname", json!("prometheus.uss1.example.com")),
        ("gateway_certificate", json!(false)),
        ("secrets_service_account", json!("other")),
        ("key_vault_name", json!("vault-1")),
        ("storage_class", json!("fast")),
        ("deletion_protection", json!(false)),
        ("tags", json!({"owner": "operations"})),
        ("endpoints", json!({"management": "https://management.example.com"})),
    ]
}

#[test]
fn every_key_of_the_schema_reaches_the_root_module() {
    let before: Value = from_str(BLOCK).expect("JSON");
    let mut left: BTreeSet<String> = schema()["properties"].as_object().expect("an object").keys().cloned().collect();
    for (key, value) in values() {
        let mut after = before.clone();
        after[key] = value;
        assert_ne!(root(&before), root(&after), "`{key}` changes nothing");
        assert!(left.remove(key), "the schema has no `{key}`");
    }
    assert!(left.is_empty(), "no value for {left:?}");
}

#[test]
fn the_module_is_given_nothing_that_it_does_not_take_and_all_that_it_needs() {
    let text = std::fs::read_to_string(folder().join("variables.tf")).expect("the module has variables");
    let mut declared: BTreeSet<&str> =
        text.lines().filter_map(|line| line.strip_prefix("variable \"")?.split('"').next()).collect();
    let mut block: Value = from_str(BLOCK).expect("JSON");
    for (key, value) in values() {
        block[key] = value;
    }
    let root = root(&block);
    for name in root["module"]["aks"].as_object().expect("arguments").keys().filter(|name| *name != "source") {
        assert!(declared.remove(name.as_str()), "the module has no variable `{name}`");
    }
    // Azure numbers the zones of every region alike.
    assert_eq!(declared, ["zones"].into());
}

#[test]
fn the_embedded_files_are_all_of_the_modules() {
    embeds_all_of(MODULE, &folder());
    embeds_all_of(COMMON, &folder().with_file_name("common"));
}

#[test]
fn every_output_that_is_read_is_one_of_the_module() {
    let text = std::fs::read_to_string(folder().join("outputs.tf")).expect("the module has outputs");
    for name in OUTPUTS {
        assert!(text.contains(&format!("output \"{name}\" {{")), "the module has no output `{name}`");
    }
}

/// What is declared without `count` or `for_each` is named without an index.
#[test]
fn every_precious_address_is_a_resource_of_the_module() {
    let text: String = MODULE.iter().map(|(_, bytes)| String::from_utf8_lossy(bytes)).collect();
    for address in render(BLOCK, &instance()).expect("good").precious {
        let resource = address.trim_start_matches("module.aks.");
        let (resource, is_many) = resource.split_once('[').map_or((resource, false), |(resource, _)| (resource, true));
        let (kind, name) = resource.split_once('.').expect("a type and a name");
        let declaration = format!("resource \"{kind}\" \"{name}\" {{\n");
        let (_, body) = text.split_once(&declaration).unwrap_or_else(|| panic!("no `{address}`"));
        assert_eq!(body.starts_with("  count"), is_many, "{address}");
    }
}

#[test]
fn equal_arguments_give_equal_files() {
    assert_eq!(render(BLOCK, &instance()).expect("good").files, render(BLOCK, &instance()).expect("good").files);
}

#[test]
fn a_setting_is_never_a_template() {
    let mut block: Value = from_str(BLOCK).expect("JSON");
    block["tags"] = json!({"owner": "${file(\"/etc/passwd\")}"});
    assert_eq!(root(&block)["module"]["aks"]["tags"]["owner"], json!("$${file(\"/etc/passwd\")}"));
}

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/infrastructure/aks")
}
