//! The terraform module for Google Cloud, without `hangar`: its own tests, and the whole life of its examples.

use std::path::Path;

use anyhow::{Context as _, Result};
use test_support::{Cloud, GOOGLE, Terraform};

use crate::module::{User, Walk, goes_only_unprotected, is_made_and_found_again, passes_its_tests};

const TOKEN: &str = "a-token-of-google";

fn user(name: &str) -> Result<User> {
    User::new(name, "gke", GOOGLE)
}

fn terraform(user: &User, folder: &Path) -> Terraform {
    user.terraform(folder).with("GOOGLE_OAUTH_ACCESS_TOKEN", TOKEN)
}

#[tokio::test]
async fn the_tests_of_the_module_for_google_cloud_pass() -> Result<()> {
    let user = user("gke-tests")?;
    passes_its_tests(&terraform(&user, &user.module), &user.module).await
}

#[tokio::test]
async fn the_example_for_google_cloud_is_made_found_again_and_taken_away_whole() -> Result<()> {
    let user = user("gke-life")?;
    let example = user.module.join("examples/new-network");
    let terraform = terraform(&user, &example);
    is_made_and_found_again(&terraform, &example, TOKEN).await?;
    let cloud = user.clouds.cloud("google");
    assert_eq!(cloud.resources("google_dns_record_set")?.len(), 4);
    assert_eq!(cloud.resources("google_compute_address")?.len(), 4);
    let cluster = cloud.resources("google_container_cluster")?.pop().context("no cluster")?;
    assert_eq!(cluster["deletion_protection"], true);

    goes_only_unprotected(&terraform, &example).await?;
    assert!(gone(&cloud)?, "{:?}", cloud.all()?);
    Ok(())
}

/// Whether nothing is left but what Google keeps for ever, and services, which others in the project may use.
pub(crate) fn gone(cloud: &Cloud) -> Result<bool> {
    const KEPT: [&str; 3] = ["google_kms_crypto_key ", "google_kms_key_ring ", "google_project_service "];
    Ok(cloud.all()?.iter().all(|one| KEPT.iter().any(|kept| one.starts_with(kept))))
}

#[tokio::test]
async fn a_network_of_google_cloud_that_is_there_is_not_made_again() -> Result<()> {
    let user = user("gke-network")?;
    let example = user.module.join("examples/existing-network");
    let terraform = terraform(&user, &example);
    terraform.done(&["init"]).await?;
    terraform.done(&["apply", "-auto-approve"]).await?;
    let cloud = user.clouds.cloud("google");
    for kind in ["google_compute_network", "google_compute_subnetwork", "google_kms_crypto_key"] {
        assert_eq!(cloud.resources(kind)?.len(), 0, "{kind}");
    }
    let cluster = cloud.resources("google_container_cluster")?.pop().context("no cluster")?;
    assert_eq!(cluster["private_cluster_config"][0]["enable_private_endpoint"], true);
    Ok(())
}

/// A value for every variable of the module, none of them the default.
fn settings() -> Vec<(&'static str, &'static str)> {
    let network = r#"{"network": "n", "subnetwork": "s", "pods_range": "p", "services_range": "v"}"#;
    vec![
        ("name", "other"),
        ("project", "dss-test"),
        ("zones", r#"["europe-west4-c", "europe-west4-b", "europe-west4-d"]"#),
        ("kubernetes_version", "1.33"),
        ("release_channel", "STABLE"),
        ("maintenance_start", "05:00"),
        ("network", network),
        ("nodes_cidr", "10.99.0.0/20"),
        ("pods_cidr", "10.96.0.0/15"),
        ("services_cidr", "10.98.0.0/20"),
        ("control_plane_cidr", "172.16.1.0/28"),
        ("api_allowed_cidrs", r#"["203.0.113.0/24"]"#),
        ("machine_type", "n2-standard-8"),
        ("disk_size_gb", "100"),
        ("node_count", r#"{"min": 6, "max": 9}"#),
        ("db_nodes", "5"),
        ("db_suffix", "nodes.uss1.example.com"),
        ("hostname", "api.uss1.example.com"),
        ("prometheus_hostname", "prometheus.uss1.example.com"),
        ("dns_managed_zone", ""),
        ("namespace", "other"),
        ("secrets_service_account", "other"),
        ("secrets_prefix", "other"),
        ("kms_key", "projects/p/locations/europe-west4/keyRings/r/cryptoKeys/k"),
        ("deletion_protection", "false"),
        ("enable_services", "false"),
        ("tags", r#"{"owner": "operations"}"#),
    ]
}

#[tokio::test]
async fn every_variable_of_the_module_for_google_cloud_changes_the_plan() -> Result<()> {
    let user = user("gke-variables")?;
    let base = [
        ("name", "uss1"),
        ("project", "dss-prod"),
        ("region", "europe-west4"),
        ("zones", r#"["europe-west4-a", "europe-west4-b", "europe-west4-c"]"#),
        ("db_suffix", "db.uss1.example.com"),
        ("hostname", "dss.uss1.example.com"),
        ("dns_managed_zone", "uss1"),
    ];
    // A region goes with its zones, and both with the existing ones of a network; it has no other value alone.
    let (around, left) = ("provider \"google\" {}\n", &["region"]);
    let walk = Walk { module: &user.module, around, base: &base, settings: &settings(), left };
    walk.each_changes_the_plan(&terraform(&user, &walk.lay_down()?)).await?;
    Ok(())
}
