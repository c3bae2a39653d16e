//! The plugin `gcp`: the real terraform with a stand-in of Google's provider and of the cloud behind it, the real helm and a real
//! Kubernetes that takes the token.

use std::fs;

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use test_support::{Cloud, Clouds, GOOGLE, Plugin, Run, Workspace, needed};

use crate::cluster::furnish;
use crate::gke::gone;
use crate::life::Life;
use crate::pooled::{ALONE, Apart, alone};

/// A workspace of an operator of Google Cloud, and the cloud.
struct Site {
    workspace: Workspace,
    cloud: Cloud,
    token: String,
}

impl Site {
    /// Approved, on the Kubernetes of an organisation that has nothing else.
    async fn approved(apart: &Apart, name: &str) -> Result<Self> {
        let stage = &apart.stage;
        let organisation = stage.organisation(ALONE)?;
        let root = stage.root.join(name);
        fs::create_dir_all(&root)?;
        let clouds = Clouds::lay_down(&root, &[GOOGLE])?;
        let folder = needed("HANGAR_PLUGINS_DIR")?;
        let plugin = |name: &str| Plugin::of_file(name, &folder.join(format!("{name}.wasm")));
        let mut description = stage.description(ALONE)?;
        description.plugins = ["gcp", "local", "cockroachdb"].map(plugin).into();
        description.infra = "gcp".into();
        description.pool = Some("west".into());
        description.secrets = Some("local".into());
        description.block = Some(
            r#"  project             = "dss-prod"
  region              = "europe-west4"
  cluster_name        = "uss1"
  dns_managed_zone    = "uss1"
  prometheus_hostname = "prometheus.uss1.example.com"
  deletion_protection = false"#
                .into(),
        );
        description.entry = Some(format!(
            r#"{cluster}
credential "google" {{
  google {{
    access_token_env = "GOOGLE_TOKEN"
  }}
}}

terraform {{
  provider_mirror = "{mirror}"
}}
"#,
            cluster = description.access.cluster(),
            mirror = clouds.mirror().display(),
        ));
        let workspace = Workspace::lay_down(&root, &description)?;
        let cloud = clouds.cloud("google");
        furnish(organisation, test_world::Cloud::Google).await?;
        // Addresses that the cluster's load balancers can have.
        let network = organisation.load_balancer_range.rsplit_once('.').context("no range")?.0.to_owned();
        cloud.control(&json!({ "networks": [network] }))?;
        let token = fs::read_to_string(&organisation.token_file)?.trim().to_owned();
        let site = Self { workspace, cloud, token };
        site.run(&["init", "--yes"]).await?.done()?;
        Ok(site)
    }

    async fn run(&self, arguments: &[&str]) -> Result<Run> {
        self.workspace.run_with(arguments, &[("GOOGLE_TOKEN", &self.token)]).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_on_google_cloud_goes_from_nothing_to_a_pool_and_back_to_nothing() -> Result<()> {
    let apart = alone().await?;
    let site = Site::approved(&apart, "gcp").await?;
    let life = Life {
        workspace: &site.workspace,
        organisation: apart.stage.organisation(ALONE)?,
        cloud: &site.cloud,
        variables: &[("GOOGLE_TOKEN", &site.token)],
        secrets: std::slice::from_ref(&site.token),
        signed_in_by: "environment GOOGLE_OAUTH_ACCESS_TOKEN",
        is_gone: gone,
    };
    life.is_lived("module.gke.google_compute_address.db[2]").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quota_of_google_cloud_that_is_short_is_told_with_its_cure() -> Result<()> {
    let apart = alone().await?;
    let site = Site::approved(&apart, "gcp-quota").await?;
    site.cloud.fail(json!({
        "operation": "create", "type": "google_compute_address", "nth": 3,
        "summary": "Error creating Address: googleapi: Error 403: Quota 'STATIC_ADDRESSES' exceeded.  Limit: 2.0 in region europe-west4.",
    }))?;
    let run = site.run(&["up", "--yes"]).await?.exits(3)?;
    ensure!(run.stderr.contains("STATIC_ADDRESSES"), "{}", run.stderr);
    ensure!(run.stderr.contains("hint: "), "{}", run.stderr);
    let n_made = site.cloud.calls("create", "google_compute_address")?;
    site.cloud.heal()?;
    let down = site.run(&["down", "--yes"]).await?.done()?;
    ensure!(n_made > 0 && gone(&site.cloud)?, "{}", down.stdout);
    Ok(())
}
