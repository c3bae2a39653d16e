//! The stand-ins of terraform's providers for Google and Azure (`tests/world/providers`), behind the real terraform: what
//! the tests of those clouds stand on.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use test_support::{AZURE, Cloud, Clouds, GOOGLE, Provider, Terraform, scratch};

/// A root module in a folder of its own, with a stand-in and its cloud.
struct Site {
    terraform: Terraform,
    cloud: Cloud,
    module: std::path::PathBuf,
}

impl Site {
    async fn new(name: &str, provider: Provider, resources: &str) -> Result<Self> {
        let site = Self::laid_down(name, provider, resources)?;
        site.terraform.done(&["init"]).await?;
        Ok(site)
    }

    fn laid_down(name: &str, provider: Provider, resources: &str) -> Result<Self> {
        let root = scratch(Path::new(env!("CARGO_TARGET_TMPDIR")), name)?;
        let clouds = Clouds::lay_down(&root, &[provider])?;
        let module = root.join("module");
        fs::create_dir(&module)?;
        let Provider { name, version } = provider;
        let block = match name {
            "google" => "project = \"p1\"\n  region = \"europe-west4\"",
            "azurerm" => "subscription_id = \"s1\"\n  tenant_id = \"t1\"\n  features {}",
            _ => "",
        };
        fs::write(
            module.join("provider.tf"),
            format!(
                "terraform {{\n  required_providers {{\n    {name} = {{ source = \"hashicorp/{name}\", version = \"{version}\" \
                 }}\n  }}\n}}\nprovider \"{name}\" {{\n  {block}\n}}\n"
            ),
        )?;
        let terraform = Terraform::new(&module, &clouds.cli_config());
        let terraform = terraform.with("GOOGLE_OAUTH_ACCESS_TOKEN", "token").with("ARM_CLIENT_SECRET", "secret");
        let site = Self { terraform, cloud: clouds.cloud(name), module };
        site.write(resources)?;
        Ok(site)
    }

    fn write(&self, resources: &str) -> Result<()> {
        fs::write(self.module.join("main.tf"), resources).context("cannot write the module")
    }

    async fn apply(&self) -> Result<()> {
        self.terraform.done(&["apply", "-auto-approve"]).await.map(drop)
    }
}

const NETWORK: &str = r#"
resource "google_compute_network" "net" {
  name                    = "net"
  auto_create_subnetworks = false
}
resource "google_compute_subnetwork" "nodes" {
  name          = "nodes"
  network       = google_compute_network.net.id
  ip_cidr_range = "10.0.0.0/20"
}
resource "google_compute_address" "db" {
  count = 3
  name  = "db-${count.index}"
}
"#;

#[tokio::test]
async fn a_stand_in_remembers_replaces_and_forgets_as_a_cloud_does() -> Result<()> {
    let site = Site::new("standin-life", GOOGLE, NETWORK).await?;
    site.apply().await?;
    assert_eq!(site.cloud.all()?.len(), 5);
    assert_eq!(site.cloud.configured()?["signed_in_by"], "environment GOOGLE_OAUTH_ACCESS_TOKEN");
    site.terraform.done(&["plan", "-detailed-exitcode"]).await?;

    // A reserved address cannot move: terraform must say that it will be another.
    site.write(&NETWORK.replace("count = 3", "count = 3\n  network_tier = \"STANDARD\""))?;
    let plan = site.terraform.planned(&[]).await?;
    let replaced = |change: &&Value| change["change"]["actions"] == json!(["delete", "create"]);
    let changes = plan["resource_changes"].as_array().context("no changes")?;
    assert_eq!(changes.iter().filter(replaced).count(), 3, "{changes:?}");
    site.write(NETWORK)?;

    let vanished = site.cloud.drift("google_compute_address", |_| None)?;
    let drifted = site.cloud.drift("google_compute_subnetwork", |mut values| {
        values["private_ip_google_access"] = json!(true);
        values["ip_cidr_range"] = json!("10.0.16.0/20");
        Some(values)
    })?;
    assert_eq!((vanished, drifted), (3, 1));
    let plan = site.terraform.planned(&[]).await?;
    let drift = plan["resource_drift"].as_array().context("no drift")?;
    assert_eq!(drift.len(), 4, "{drift:?}");

    site.terraform.done(&["destroy", "-auto-approve"]).await?;
    assert_eq!(site.cloud.all()?, [""; 0]);
    Ok(())
}

#[tokio::test]
async fn a_faulty_cloud_fails_where_it_is_told_to() -> Result<()> {
    let site = Site::new("standin-faults", GOOGLE, NETWORK).await?;
    let quota = "googleapi: Error 403: QUOTA_EXCEEDED - Quota 'STATIC_ADDRESSES' exceeded.";
    site.cloud.fail(json!({"operation": "create", "type": "google_compute_address", "above": 2, "summary": quota}))?;
    let run = site.terraform.run(&["apply", "-auto-approve"]).await?.exits(1)?;
    assert!(run.words().contains(quota), "{}", run.said);
    assert_eq!(site.cloud.resources("google_compute_address")?.len(), 2);

    // The cloud did it, the answer was lost: an orphan that terraform knows nothing of.
    let lost = json!({"operation": "create", "nth": 1, "done": "forgotten", "summary": "connection reset by peer"});
    site.cloud.fail(lost)?;
    site.terraform.run(&["apply", "-auto-approve"]).await?.exits(1)?;
    assert_eq!(site.cloud.resources("google_compute_address")?.len(), 3);
    site.cloud.heal()?;
    let run = site.terraform.run(&["apply", "-auto-approve"]).await?.exits(1)?;
    assert!(run.words().contains("already exists"), "{}", run.said);

    site.cloud.drift("google_compute_address", |_| None)?;
    site.cloud.fail(json!({"operation": "create", "nth": 2, "crash": true}))?;
    let run = site.terraform.run(&["apply", "-auto-approve"]).await?.exits(1)?;
    // Terraform has three ways to say that the process was gone, by what it was doing then.
    let ways = ["crash", "Plugin did not respond", "Request cancelled"];
    assert!(ways.iter().any(|way| run.words().contains(way)), "{}", run.said);
    site.cloud.heal()?;
    site.cloud.drift("google_compute_address", |_| None)?;
    site.apply().await?;
    assert_eq!(site.cloud.all()?.len(), 5);

    site.cloud.control(&json!({"tokens": ["another"]}))?;
    let run = site.terraform.run(&["plan"]).await?.exits(1)?;
    assert!(run.words().contains("Error 401: Request had invalid authentication credentials"), "{}", run.said);
    Ok(())
}

#[tokio::test]
async fn what_the_real_providers_refuse_is_refused() -> Result<()> {
    let site = Site::new("standin-refusals", GOOGLE, NETWORK).await?;
    let refused = [
        ("name = \"a\"\n  colour = \"red\"", "An argument named \"colour\" is not expected here."),
        ("description = \"a\"", "The argument \"name\" is required, but no definition was found."),
        ("name = \"a\"\n  labels = \"x\"", "Inappropriate value for attribute \"labels\": map of string required."),
        (
            "name = \"a\"\n  network_tier = \"GOLD\"",
            "expected network_tier to be one of [\"PREMIUM\" \"STANDARD\"], got GOLD",
        ),
        ("name = \"a\"\n  address_type {\n  }", "Blocks of type \"address_type\" are not expected here."),
        ("name = \"a\"\n  self_link = \"b\"", "Can't configure a value for \"self_link\""),
    ];
    for (body, words) in refused {
        site.write(&format!("resource \"google_compute_address\" \"a\" {{\n  {body}\n}}\n"))?;
        let run = site.terraform.run(&["validate"]).await?.exits(1)?;
        assert!(run.words().contains(words), "{body}: {}", run.said);
    }
    let secret = |replication: &str| {
        format!(
            "resource \"google_secret_manager_secret\" \"a\" {{\n  secret_id = \"a\"\n  replication {{\n{replication}\n}}\n}}\n"
        )
    };
    site.write(&secret("    auto {}\n    user_managed {\n      replicas {\n        location = \"x\"\n      }\n    }"))?;
    let run = site.terraform.run(&["validate"]).await?.exits(1)?;
    assert!(
        run.words().contains("only one of `replication.auto,replication.user_managed` can be specified"),
        "{}",
        run.said
    );
    site.write(&secret(""))?;
    let run = site.terraform.run(&["validate"]).await?.exits(1)?;
    assert!(
        run.words().contains("one of `replication.auto,replication.user_managed` must be specified"),
        "{}",
        run.said
    );
    site.write(
        "resource \"google_container_node_pool\" \"a\" {\n  cluster = \"c\"\n  name = \"a\"\n  name_prefix = \"b\"\n}\n",
    )?;
    let run = site.terraform.run(&["validate"]).await?.exits(1)?;
    assert!(run.words().contains("\"name\": conflicts with name_prefix"), "{}", run.said);
    Ok(())
}

#[tokio::test]
async fn the_azure_stand_in_has_clusters_whose_credentials_are_sensitive() -> Result<()> {
    let resources = r#"
resource "azurerm_resource_group" "this" {
  name     = "uss1"
  location = "westeurope"
}
resource "azurerm_public_ip" "db" {
  count               = 2
  name                = "db-${count.index}"
  resource_group_name = azurerm_resource_group.this.name
  location            = azurerm_resource_group.this.location
  allocation_method   = "Static"
}
resource "azurerm_kubernetes_cluster" "this" {
  name                   = "uss1"
  resource_group_name    = azurerm_resource_group.this.name
  location               = azurerm_resource_group.this.location
  dns_prefix             = "uss1"
  kubernetes_version     = "1.33"
  local_account_disabled = true
  identity {
    type = "SystemAssigned"
  }
  default_node_pool {
    name       = "system"
    vm_size    = "Standard_D4s_v5"
    node_count = 3
  }
}
data "azurerm_client_config" "current" {}
output "endpoint" {
  value = nonsensitive(azurerm_kubernetes_cluster.this.kube_config[0].host)
}
output "tenant" {
  value = data.azurerm_client_config.current.tenant_id
}
"#;
    let site = Site::new("standin-azure", AZURE, resources).await?;
    site.apply().await?;
    site.terraform.done(&["plan", "-detailed-exitcode"]).await?;
    let outputs = site.terraform.done(&["output", "-json"]).await?;
    let outputs: Value = serde_json::from_str(&outputs.stdout)?;
    let endpoint = outputs["endpoint"]["value"].as_str().context("no endpoint")?;
    assert!(endpoint.starts_with("https://uss1-") && endpoint.ends_with(".hcp.westeurope.azmk8s.io:443"), "{endpoint}");
    assert_eq!(outputs["tenant"]["value"], "t1");
    site.write(&resources.replace("nonsensitive(", "("))?;
    let run = site.terraform.run(&["plan"]).await?.exits(1)?;
    assert!(run.words().contains("Output refers to sensitive values"), "{}", run.said);
    site.write(resources)?;
    site.terraform.done(&["destroy", "-auto-approve"]).await?;
    assert_eq!(site.cloud.all()?, [""; 0]);
    Ok(())
}

/// The technique itself, held to a real provider: given the schema of the one for AWS, the stand-in refuses what that one
/// refuses, word for word.
#[cfg(feature = "real-aws")]
#[tokio::test]
async fn a_stand_in_with_the_schema_of_aws_answers_as_the_real_provider() -> Result<()> {
    use test_support::AWS;

    let stand_in = Site::laid_down("standin-aws", AWS, "")?;
    let real = scratch(Path::new(env!("CARGO_TARGET_TMPDIR")), "real-aws")?;
    let config = crate::eks::cli_config(&real)?;
    fs::copy(stand_in.module.join("provider.tf"), real.join("provider.tf"))?;
    let terraform = Terraform::new(&real, &config);
    terraform.done(&["init"]).await?;

    let schema = terraform.done(&["providers", "schema", "-json"]).await?;
    let mut schema: Value = serde_json::from_str(&schema.stdout)?;
    let source = "registry.terraform.io/hashicorp/aws";
    let resources = schema["provider_schemas"][source]["resource_schemas"].as_object_mut().context("no resources")?;
    resources.retain(|name, _| ["aws_eip", "aws_route53_record", "aws_vpc"].contains(&name.as_str()));
    let trimmed = json!({"provider_schemas": {(source): {"resource_schemas": resources}}});
    stand_in.cloud.schema(&trimmed)?;
    stand_in.terraform.done(&["init"]).await?;

    let refused = [
        "resource \"aws_vpc\" \"a\" {\n  cidr_blok = \"10.0.0.0/16\"\n}\n",
        "resource \"aws_eip\" \"a\" {\n  tags = [\"a\"]\n}\n",
        "resource \"aws_route53_record\" \"a\" {\n  name = \"a\"\n}\n",
        "resource \"aws_route53_record\" \"a\" {\n  name = \"a\"\n  type = \"A\"\n  zone_id = {}\n}\n",
        "resource \"aws_eip\" \"a\" {\n  public_ip = \"192.0.2.1\"\n}\n",
        "resource \"aws_eip\" \"a\" {\n  timeouts {\n    create = \"1m\"\n  }\n}\n",
    ];
    for body in refused {
        stand_in.write(body)?;
        fs::write(real.join("main.tf"), body)?;
        let theirs = terraform.run(&["validate", "-json"]).await?.exits(1)?;
        let ours = stand_in.terraform.run(&["validate", "-json"]).await?.exits(1).with_context(|| body.to_owned())?;
        let [theirs, ours] = [theirs, ours].map(|run| serde_json::from_str::<Value>(&run.stdout));
        assert_eq!(diagnostics(&ours?), diagnostics(&theirs?), "{body}");
    }
    Ok(())
}

/// What `terraform validate -json` found, in an order of its own: terraform's changes from run to run.
#[cfg(feature = "real-aws")]
fn diagnostics(said: &Value) -> Vec<String> {
    let mut found: Vec<String> =
        said["diagnostics"].as_array().into_iter().flatten().map(ToString::to_string).collect();
    found.sort();
    found
}
