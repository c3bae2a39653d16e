//! The terraform module for Azure, without `hangar`: its own tests, and the whole life of its example.

use std::path::Path;

use anyhow::{Context as _, Result};
use test_support::{AZURE, Terraform};

use crate::module::{User, Walk, goes_only_unprotected, is_made_and_found_again, passes_its_tests};

const SECRET: &str = "a-client-secret-of-entra";

fn user(name: &str) -> Result<User> {
    User::new(name, "aks", AZURE)
}

fn terraform(user: &User, folder: &Path) -> Terraform {
    user.terraform(folder)
        .with("ARM_CLIENT_SECRET", SECRET)
        .with("ARM_TENANT_ID", "11111111-2222-3333-4444-555555555555")
        .with("TF_VAR_subscription_id", "00000000-0000-0000-0000-000000000001")
}

#[tokio::test]
async fn the_tests_of_the_module_for_azure_pass() -> Result<()> {
    let user = user("aks-tests")?;
    passes_its_tests(&terraform(&user, &user.module), &user.module).await
}

#[tokio::test]
async fn the_example_for_azure_is_made_found_again_and_taken_away_whole() -> Result<()> {
    let user = user("aks-life")?;
    let example = user.module.join("examples/simple");
    let terraform = terraform(&user, &example);
    is_made_and_found_again(&terraform, &example, SECRET).await?;
    let cloud = user.clouds.cloud("azurerm");
    assert_eq!(cloud.resources("azurerm_dns_a_record")?.len(), 4);
    assert_eq!(cloud.resources("azurerm_management_lock")?.len(), 7);
    assert_eq!(cloud.resources("azurerm_public_ip")?.len(), 5);
    goes_only_unprotected(&terraform, &example).await?;
    assert_eq!(cloud.all()?, Vec::<String>::new());
    Ok(())
}

#[tokio::test]
async fn a_network_that_is_there_is_not_made_again() -> Result<()> {
    let user = user("aks-network")?;
    let example = user.module.join("examples/existing-network");
    let terraform = terraform(&user, &example);
    terraform.done(&["init"]).await?;
    terraform.done(&["apply", "-auto-approve"]).await?;
    let cloud = user.clouds.cloud("azurerm");
    for kind in ["azurerm_virtual_network", "azurerm_subnet", "azurerm_nat_gateway", "azurerm_network_security_group"] {
        assert_eq!(cloud.resources(kind)?.len(), 0, "{kind}");
    }
    let cluster = cloud.resources("azurerm_kubernetes_cluster")?.pop().context("no cluster")?;
    assert_eq!(cluster["private_cluster_enabled"], true);
    goes_only_unprotected(&terraform, &example).await?;
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
    let user = user("aks-variables")?;
    let around =
        "provider \"azurerm\" {\n  subscription_id = \"00000000-0000-0000-0000-000000000001\"\n  features {}\n}\n";
    let base = [
        ("name", "uss1"),
        ("location", "westeurope"),
        ("db_suffix", "db.uss1.example.com"),
        ("hostname", "dss.uss1.example.com"),
        ("dns_zone_id", "/subscriptions/s/resourceGroups/dns/providers/Microsoft.Network/dnsZones/uss1.example.com"),
    ];
    // Azure numbers the zones of every region alike, so there is one value.
    let walk = Walk { module: &user.module, around, base: &base, settings: &settings(), left: &["zones"] };
    walk.each_changes_the_plan(&terraform(&user, &walk.lay_down()?)).await?;
    Ok(())
}
