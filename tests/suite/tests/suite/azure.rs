//! The plugin `azure` through the real terraform, with a stand-in of the provider and of the cloud behind it.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::json;
use test_support::{AZURE, Cloud, Clouds, Description, Plugin, Run, Workspace, needed, scratch};
use test_world::azure::{Azure, Principal};

use crate::cluster::furnish;
use crate::life::Life;
use crate::pooled::{ALONE, alone};

pub(crate) const SECRET: &str = "a-client-secret-of-entra";
pub(crate) const SUBSCRIPTION: &str = "00000000-0000-0000-0000-000000000001";

pub(crate) const TENANT: &str = "11111111-2222-3333-4444-555555555555";
pub(crate) const CLIENT: &str = "11111111-2222-3333-4444-666666666666";
/// How long tokens are good for.
pub(crate) const TOKENS: Duration = Duration::from_secs(3600);
/// Where no Entra is.
const NOWHERE: &str = "http://127.0.0.1:9";

/// A workspace of an operator of Azure, and the cloud.
struct Site {
    workspace: Workspace,
    cloud: Cloud,
}

impl Site {
    fn lay_down(name: &str) -> Result<Self> {
        let root = scratch(Path::new(env!("CARGO_TARGET_TMPDIR")), name)?;
        let mut description = Description::without_world("uss1", plugin("azure")?);
        description.plugins.push(plugin("local")?);
        Self::of(&root, description, NOWHERE, true)
    }

    /// The operator's block and credential, beside whatever the description has.
    fn of(root: &Path, mut description: Description, authority: &str, is_protected: bool) -> Result<Self> {
        let clouds = Clouds::lay_down(root, &[AZURE])?;
        description.infra = "azure".into();
        description.secrets = Some("local".into());
        description.block = Some(format!(
            r#"  subscription_id   = "{SUBSCRIPTION}"
  location          = "westeurope"
  cluster_name      = "uss1"
  api_allowed_cidrs = ["203.0.113.0/24"]
  deletion_protection = {is_protected}"#
        ));
        description.entry = Some(format!(
            r#"{cluster}
credential "azure" {{
  azure {{
    tenant_id         = "{TENANT}"
    client_id         = "{CLIENT}"
    client_secret_env = "ENTRA_SECRET"
    authority         = "{authority}"
  }}
}}

terraform {{
  provider_mirror = "{mirror}"
}}
"#,
            cluster = description.access.cluster(),
            mirror = clouds.mirror().display(),
        ));
        let workspace = Workspace::lay_down(root, &description)?;
        Ok(Self { workspace, cloud: clouds.cloud("azurerm") })
    }

    async fn approved(name: &str) -> Result<Self> {
        let site = Self::lay_down(name)?;
        site.run(&["init", "--yes"]).await?.done()?;
        Ok(site)
    }

    async fn run(&self, arguments: &[&str]) -> Result<Run> {
        self.workspace.run_with(arguments, &[("ENTRA_SECRET", SECRET)]).await
    }

    fn addresses(&self) -> Result<Vec<String>> {
        let found = self.cloud.resources("azurerm_public_ip")?;
        let mut names: Vec<_> = found.iter().filter_map(|one| one["name"].as_str().map(str::to_owned)).collect();
        names.sort();
        Ok(names)
    }
}

pub(crate) fn plugin(name: &str) -> Result<Plugin> {
    Ok(Plugin::of_file(name, &needed("HANGAR_PLUGINS_DIR")?.join(format!("{name}.wasm"))))
}

/// There is no Entra here: `up` lays the infrastructure down, and then has no token for the cluster.
#[tokio::test]
async fn azure_is_planned_laid_down_and_found_again_through_terraform() -> Result<()> {
    let site = Site::approved("azure-life").await?;
    let plan = site.run(&["plan"]).await?.done()?;
    assert!(plan.stdout.contains("module.aks.azurerm_public_ip.db[2]"), "{}", plan.stdout);
    assert_eq!(site.cloud.all()?.len(), 0, "a plan made something");

    let up = site.run(&["up", "--yes"]).await?.exits(1)?;
    assert!(up.stderr.contains("no credential for the Kubernetes API"), "{}", up.stderr);
    assert!(up.stderr.contains(&format!("{NOWHERE}/{TENANT}/oauth2/v2.0/token")), "{}", up.stderr);
    let addresses = ["uss1-db-0", "uss1-db-1", "uss1-db-2", "uss1-egress", "uss1-gateway"];
    assert_eq!(site.addresses()?, addresses);
    assert_eq!(site.cloud.configured()?["signed_in_by"], "environment ARM_CLIENT_SECRET");
    let n_made = site.cloud.calls("create", "")?;

    let cluster = site.cloud.resources("azurerm_kubernetes_cluster")?.pop().context("no cluster")?;
    assert_eq!(cluster["local_account_disabled"], true);
    assert_eq!(cluster["default_node_pool"][0]["zones"].as_array().map(Vec::len), Some(3));
    let ranges = cluster["api_server_access_profile"][0]["authorized_ip_ranges"].as_array().context("no ranges")?;
    assert!(ranges.contains(&json!("203.0.113.0/24")), "{ranges:?}");

    // What is there is found again, and nothing is made twice.
    site.run(&["up", "--yes"]).await?.exits(1)?;
    assert_eq!(site.cloud.calls("create", "")?, n_made);
    holds_no_credential(&site)?;

    // What partners were told is not replaced in passing.
    site.workspace.edit("hangar.hcl", "\"westeurope\"", "\"eastus2\"")?;
    let moved = site.run(&["up", "--yes"]).await?.exits(4)?;
    assert!(moved.stderr.contains("module.aks.azurerm_public_ip"), "{}", moved.stderr);
    assert_eq!(site.addresses()?, addresses);
    Ok(())
}

/// Neither the state nor anything else in the workspace holds what opens the cloud or the cluster.
fn holds_no_credential(site: &Site) -> Result<()> {
    let mut n_files = 0;
    for entry in walkdir::WalkDir::new(&site.workspace.folder) {
        let entry = entry?;
        if !entry.file_type().is_file() {
            continue;
        }
        let bytes = fs::read(entry.path())?;
        let text = String::from_utf8_lossy(&bytes);
        n_files += 1;
        for forbidden in [SECRET, "PRIVATE KEY"] {
            assert!(!text.contains(forbidden), "`{}` holds {forbidden}", entry.path().display());
        }
    }
    assert!(n_files > 10, "only {n_files} files");
    let state = site.workspace.folder.join(".hangar/terraform/infrastructure.tfstate");
    crate::module::holds_no_credential(&serde_json::from_str(&fs::read_to_string(&state)?)?);
    Ok(())
}

/// With an Entra, and a cluster that takes its tokens.
#[tokio::test(flavor = "multi_thread")]
async fn an_instance_on_azure_goes_from_nothing_to_a_pool_and_back_to_nothing() -> Result<()> {
    let apart = alone().await?;
    let organisation = apart.stage.organisation(ALONE)?;
    let principal = Principal::with_secret(TENANT, CLIENT, SECRET);
    let azure = Azure::start(principal, Some(&organisation.token_file), TOKENS).await?;
    let root = apart.stage.root.join("azure");
    fs::create_dir_all(&root)?;
    let mut description = apart.stage.description(ALONE)?;
    description.plugins = vec![plugin("azure")?, plugin("local")?, plugin("cockroachdb")?];
    description.pool = Some("north".into());
    let site = Site::of(&root, description, azure.authority(), false)?;
    furnish(organisation, test_world::Cloud::Azure).await?;
    // Addresses that the cluster's load balancers can have.
    let network = organisation.load_balancer_range.rsplit_once('.').context("no range")?.0.to_owned();
    site.cloud.control(&json!({ "networks": [network] }))?;
    site.run(&["init", "--yes"]).await?.done()?;
    let token = fs::read_to_string(&organisation.token_file)?.trim().to_owned();
    let life = Life {
        workspace: &site.workspace,
        organisation,
        cloud: &site.cloud,
        variables: &[("ENTRA_SECRET", SECRET)],
        secrets: &[token, SECRET.to_owned()],
        signed_in_by: "environment ARM_CLIENT_SECRET",
        is_gone: |cloud| Ok(cloud.all()?.is_empty()),
    };
    life.is_lived("module.aks.azurerm_public_ip.db[2]").await
}

#[tokio::test]
async fn a_credential_that_is_not_there_is_named_before_anything_is_made() -> Result<()> {
    let site = Site::approved("azure-credential").await?;
    let run = site.workspace.run(&["up", "--yes"]).await?.exits(1)?;
    assert!(run.stderr.contains("environment variable `ENTRA_SECRET` is not set"), "{}", run.stderr);
    assert_eq!(site.cloud.all()?.len(), 0);
    Ok(())
}

#[tokio::test]
async fn a_secret_of_azure_that_has_expired_is_told_with_its_cure() -> Result<()> {
    let site = Site::approved("azure-expired").await?;
    site.cloud.control(&json!({ "tokens": ["another"] }))?;
    let run = site.run(&["up", "--yes"]).await?.exits(3)?;
    assert!(run.stderr.contains("AADSTS7000222"), "{}", run.stderr);
    assert!(run.stderr.contains("hint: the secret of slot `azure` has expired"), "{}", run.stderr);
    assert_eq!(site.cloud.all()?.len(), 0);
    Ok(())
}

#[tokio::test]
async fn everything_wrong_about_a_block_of_azure_is_shown_at_once_where_it_stands() -> Result<()> {
    let site = Site::approved("azure-wrong").await?;
    site.workspace.edit("hangar.hcl", "\"westeurope\"", "\"westus\"")?;
    site.workspace.edit("hangar.hcl", "203.0.113.0/24", "0.0.0.0/0")?;
    let run = site.run(&["up", "--yes"]).await?.exits(1)?;
    for said in ["region `westus` has no availability zones", "this lets the whole internet in", "says plugin `azure`"]
    {
        assert!(run.stderr.contains(said), "no `{said}`: {}", run.stderr);
    }
    site.workspace.edit("hangar.hcl", "cluster_name      = \"uss1\"", "kubernetes_version = 1.34")?;
    let run = site.run(&["up", "--yes"]).await?.exits(1)?;
    assert!(run.stderr.contains("kubernetes_version"), "{}", run.stderr);
    Ok(())
}
