//! The terraform module for Azure, without `hangar`: its own tests, and the whole life of its example.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::Value;
use test_support::{AZURE, Clouds, Terraform, scratch};

const SECRET: &str = "a-client-secret-of-entra";

/// A terraform user with a copy of the module, and the cloud.
struct User {
    module: std::path::PathBuf,
    clouds: Clouds,
}

impl User {
    fn new(name: &str) -> Result<Self> {
        let root = scratch(Path::new(env!("CARGO_TARGET_TMPDIR")), name)?;
        let clouds = Clouds::lay_down(&root, &[AZURE])?;
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/infrastructure/aks");
        let module = root.join("aks");
        for entry in walkdir::WalkDir::new(&source) {
            let entry = entry?;
            let target = module.join(entry.path().strip_prefix(&source)?);
            if entry.file_type().is_dir() {
                fs::create_dir_all(&target)?;
            } else {
                fs::copy(entry.path(), &target)?;
            }
        }
        Ok(Self { module, clouds })
    }

    fn terraform(&self, folder: &Path) -> Terraform {
        Terraform::new(folder, &self.clouds.cli_config())
            .with("ARM_CLIENT_SECRET", SECRET)
            .with("ARM_TENANT_ID", "11111111-2222-3333-4444-555555555555")
            .with("TF_VAR_subscription_id", "00000000-0000-0000-0000-000000000001")
    }
}

#[tokio::test]
async fn the_tests_of_the_module_for_azure_pass() -> Result<()> {
    let user = User::new("aks-tests")?;
    let terraform = user.terraform(&user.module);
    terraform.done(&["fmt", "-check", "-recursive"]).await?;
    terraform.done(&["init"]).await?;
    let tested = terraform.done(&["test"]).await?;
    assert!(tested.words().contains(" 0 failed."), "{}", tested.said);
    assert!(!tested.words().contains("Success! 0 passed"), "{}", tested.said);
    Ok(())
}

#[tokio::test]
async fn the_example_for_azure_is_made_found_again_and_taken_away_whole() -> Result<()> {
    let user = User::new("aks-life")?;
    let example = user.module.join("examples/simple");
    // The state of this run stays here, and not in the account that the example names.
    fs::write(example.join("override.tf"), "terraform {\n  backend \"local\" {}\n}\n")?;
    let terraform = user.terraform(&example);
    terraform.done(&["init"]).await?;
    let planned = terraform.planned(&[]).await?;
    holds_no_credential(&planned["planned_values"]);
    terraform.done(&["apply", "plan"]).await?;
    terraform.done(&["plan", "-detailed-exitcode"]).await?;
    let cloud = user.clouds.cloud("azurerm");
    assert_eq!(cloud.resources("azurerm_dns_a_record")?.len(), 4);
    assert_eq!(cloud.resources("azurerm_management_lock")?.len(), 7);
    assert_eq!(cloud.resources("azurerm_public_ip")?.len(), 5);
    let state = fs::read_to_string(example.join("terraform.tfstate"))?;
    assert!(!state.contains(SECRET));
    let state: Value = serde_json::from_str(&state)?;
    assert!(state["resources"].as_array().context("no resources")?.len() > 20);
    holds_no_credential(&state);
    terraform.done(&["destroy", "-auto-approve"]).await?;
    assert_eq!(cloud.all()?, Vec::<String>::new());
    Ok(())
}

#[tokio::test]
async fn a_network_that_is_there_is_not_made_again() -> Result<()> {
    let user = User::new("aks-network")?;
    let example = user.module.join("examples/existing-network");
    let terraform = user.terraform(&example);
    terraform.done(&["init"]).await?;
    terraform.done(&["apply", "-auto-approve"]).await?;
    let cloud = user.clouds.cloud("azurerm");
    for kind in ["azurerm_virtual_network", "azurerm_subnet", "azurerm_nat_gateway", "azurerm_network_security_group"] {
        assert_eq!(cloud.resources(kind)?.len(), 0, "{kind}");
    }
    let cluster = cloud.resources("azurerm_kubernetes_cluster")?.pop().context("no cluster")?;
    assert_eq!(cluster["private_cluster_enabled"], true);
    terraform.done(&["destroy", "-auto-approve"]).await?;
    assert_eq!(cloud.all()?, Vec::<String>::new());
    Ok(())
}

/// A value for every variable of the module, none of them the default; those that need a zone come with one.
fn settings() -> Vec<(&'static str, &'static str)> {
    let subnet = r#"{"subnet_id": "/subscriptions/s/resourceGroups/r/providers/Microsoft.Network/virtualNetworks/v/subnets/n", "egress_addresses": ["198.51.100.7"]}"#;
    vec![
        ("name", "other"),
        ("location", "eastus2"),
        ("operators", r#"["00000000-0000-0000-0000-0000000000aa"]"#),
        ("admin_groups", r#"["00000000-0000-0000-0000-0000000000bb"]"#),
        ("resource_group_id", "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/x"),
        ("kubernetes_version", "1.33"),
        ("vnet_cidr", "10.99.0.0/16"),
        ("existing_network", subnet),
        ("pod_cidr", "10.98.0.0/16"),
        ("service_cidr", "10.97.0.0/16"),
        ("api_allowed_cidrs", r#"["203.0.113.0/24"]"#),
        ("vm_size", "Standard_D8s_v5"),
        ("os_disk_size_gb", "128"),
        ("node_count", r#"{"min": 3, "desired": 6, "max": 9}"#),
        ("db_nodes", "5"),
        ("db_suffix", "nodes.uss1.example.com"),
        ("hostname", "api.uss1.example.com"),
        ("prometheus_hostname", "prometheus.uss1.example.com"),
        ("dns_zone_id", ""),
        ("gateway_certificate", "false"),
        ("namespace", "other"),
        ("secrets_service_account", "other"),
        ("key_vault_name", "vault-1"),
        ("storage_class", "fast"),
        ("deletion_protection", "false"),
        ("tags", r#"{"owner": "operations"}"#),
    ]
}

/// No accepted setting is ignored: each changes what is planned.
#[tokio::test]
async fn every_variable_of_the_module_for_azure_changes_the_plan() -> Result<()> {
    let user = User::new("aks-variables")?;
    let own =
        "provider \"azurerm\" {\n  subscription_id = \"00000000-0000-0000-0000-000000000001\"\n  features {}\n}\n";
    fs::write(user.module.join("provider.tf"), own)?;
    let zone = "/subscriptions/s/resourceGroups/dns/providers/Microsoft.Network/dnsZones/uss1.example.com";
    let terraform = user
        .terraform(&user.module)
        .with("TF_VAR_name", "uss1")
        .with("TF_VAR_location", "westeurope")
        .with("TF_VAR_db_suffix", "db.uss1.example.com")
        .with("TF_VAR_hostname", "dss.uss1.example.com")
        .with("TF_VAR_dns_zone_id", zone);
    terraform.done(&["init"]).await?;
    let shown = |plan: &Value| (plan["planned_values"].clone(), plan["resource_changes"].clone());
    let before = shown(&terraform.planned(&[]).await?);
    let text = fs::read_to_string(user.module.join("variables.tf"))?;
    let mut left: Vec<&str> =
        text.lines().filter_map(|line| line.strip_prefix("variable \"")?.split('"').next()).collect();
    for (name, value) in settings() {
        let after = shown(&terraform.planned(&["-var", &format!("{name}={value}")]).await?);
        assert!(before != after, "`{name}` changes nothing");
        left.retain(|variable| *variable != name);
    }
    // Azure numbers the zones of every region alike, so there is one value.
    assert_eq!(left, ["zones"]);
    Ok(())
}

/// What opens a cluster, an account or a vault is nowhere in a plan or a state.
pub(crate) fn holds_no_credential(value: &Value) {
    const SECRETS: [&str; 9] = [
        "client_key",
        "client_certificate",
        "password",
        "admin_password",
        "client_secret",
        "primary_access_key",
        "secondary_access_key",
        "kube_admin_config_raw",
        "kube_config_raw",
    ];
    match value {
        Value::Object(object) => {
            for (key, value) in object {
                let is_secret = SECRETS.contains(&key.as_str());
                assert!(!is_secret || value.as_str().is_none_or(str::is_empty), "`{key}` holds something");
                holds_no_credential(value);
            }
        }
        Value::Array(items) => items.iter().for_each(holds_no_credential),
        _ => {}
    }
}
