//! The terraform module for AWS, without `hangar`: its own tests, every variable, its examples, its add-ons. The provider is the
//! real one, the cloud an emulator that checks signatures.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use test_support::{Clouds, Provider, Terraform, is_set, needed, scratch};

use crate::aws::account::{Account, REGION};
use crate::aws::left;
use crate::module::{
    Walk, copied, goes_only_unprotected, holds_no_credential, is_made_and_found_again, passes_its_tests,
};

/// Terraform's provider for Helm, whose stand-in is told the part of its schema that the add-ons use.
const HELM: Provider = Provider { name: "helm", version: "3.0.2" };

/// A terraform user with a copy of the module, and an account.
struct User {
    module: PathBuf,
    account: Account,
    cli_config: PathBuf,
}

impl User {
    async fn new(name: &str) -> Result<Self> {
        let root = scratch(Path::new(env!("CARGO_TARGET_TMPDIR")), name)?;
        let module = copied(&root, "eks")?;
        let account = Account::open(&root, "uss1").await?;
        let cli_config = cli_config(&root)?;
        Ok(Self { module, account, cli_config })
    }

    /// Terraform in a folder, with the key and a provider that comes to the emulator.
    fn terraform(&self, folder: &Path) -> Result<Terraform> {
        let endpoints = self.account.endpoints();
        let provider = format!(
            "provider \"aws\" {{\n  region = \"{REGION}\"\n  skip_metadata_api_check = true\n  skip_region_validation = true\n  \
             s3_use_path_style = true\n  endpoints {{\n{endpoints}\n  }}\n}}\n"
        );
        fs::write(folder.join("provider.tf"), provider)?;
        let key = &self.account.operator.key;
        let terraform = Terraform::new(folder, &self.cli_config).with("AWS_ACCESS_KEY_ID", &key.id);
        Ok(terraform.with("AWS_SECRET_ACCESS_KEY", key.secret()))
    }

    async fn everything(&self) -> Result<BTreeSet<String>> {
        left::everything(&self.account.emulator, &self.account.operator.key).await
    }

    /// An example as a part of another root, which has the provider and says where the state is.
    fn example(&self, name: &str) -> Result<String> {
        let main = self.module.join("examples").join(name).join("main.tf");
        let text = fs::read_to_string(&main)?.replace("Z0123456789", &self.account.zone);
        let start = text.find("module \"dss\"").context("no module")?;
        fs::write(&main, &text[start..])?;
        Ok(format!("module \"example-{name}\" {{\n  source = \"../eks/examples/{name}\"\n}}\n"))
    }

    /// The whole life of an example, by terraform alone.
    async fn makes_and_removes(&self, example: &str) -> Result<()> {
        let before = self.everything().await?;
        let example = self.module.join("examples").join(example);
        let terraform = self.terraform(&example)?;
        is_made_and_found_again(&terraform, &example, self.account.operator.key.secret()).await?;
        let made = self.everything().await?;
        let n_of = |kind: &str| made.difference(&before).filter(|what| what.starts_with(kind)).count();
        // Three nodes, the API, Prometheus and the way out; a record for each name and one for the certificate.
        ensure!(n_of("ec2:eipalloc-") == 6 && n_of("route53:") == 6 && n_of("eks:") == 1, "{made:?}");
        goes_only_unprotected(&terraform, &example).await?;
        let after = self.everything().await?;
        ensure!(after == before, "left: {:?}", after.difference(&before).collect::<Vec<_>>());
        Ok(())
    }
}

/// A configuration of terraform by which the real provider is found.
pub(crate) fn cli_config(root: &Path) -> Result<PathBuf> {
    let mirror = needed("HANGAR_AWS_PROVIDER_MIRROR")?;
    let config = root.join("cli.tfrc");
    let text = format!(
        "disable_checkpoint = true\nprovider_installation {{\n  filesystem_mirror {{\n    path = {mirror:?}\n  }}\n}}\n"
    );
    fs::write(&config, text)?;
    Ok(config)
}

/// The provider is mocked in them, by the real one's schema.
#[tokio::test]
async fn the_tests_of_the_module_for_aws_pass() -> Result<()> {
    let root = scratch(Path::new(env!("CARGO_TARGET_TMPDIR")), "eks-tests")?;
    let module = copied(&root, "eks")?;
    passes_its_tests(&Terraform::new(&module, &cli_config(&root)?), &module).await
}

/// A value for every variable of the module, none of them the default.
fn settings() -> Vec<(&'static str, &'static str)> {
    vec![
        ("name", "other"),
        ("kubernetes_version", "1.33"),
        ("availability_zones", r#"["us-east-1d", "us-east-1e", "us-east-1f"]"#),
        ("vpc_cidr", "10.99.0.0/16"),
        ("api_allowed_cidrs", r#"["203.0.113.0/24"]"#),
        ("instance_type", "m6i.2xlarge"),
        ("node_count", r#"{"min": 3, "desired": 6, "max": 9}"#),
        ("db_nodes", "5"),
        ("db_suffix", "nodes.uss1.example.com"),
        ("hostname", "api.uss1.example.com"),
        ("route53_zone_id", ""),
        ("prometheus_hostname", "prometheus.uss1.example.com"),
        ("secrets_prefix", "other"),
        ("iam_permissions_boundary", "arn:aws:iam::123456789012:policy/bounds"),
        ("key_deletion_days", "7"),
        ("deletion_protection", "false"),
        ("protected_from", r#"["pipeline"]"#),
        ("tags", r#"{"owner": "operations"}"#),
    ]
}

/// No accepted setting is ignored: each changes what is planned. The examples are planned beside them, and nothing that is
/// planned holds a credential.
///
/// That an example is also made, found again and taken away whole takes six minutes, and is done with
/// `HANGAR_SUITE_ALL_POINTS=1`: `hangar` makes the same module in the case of the whole life.
#[tokio::test]
async fn every_variable_of_the_module_for_aws_changes_the_plan() -> Result<()> {
    let user = User::new("eks-variables").await?;
    let zone = user.account.zone.as_str();
    let base = [
        ("name", "uss1"),
        ("availability_zones", r#"["us-east-1a", "us-east-1b", "us-east-1c"]"#),
        ("db_suffix", "db.uss1.example.com"),
        ("hostname", "dss.uss1.example.com"),
        ("secrets_prefix", "dss/uss1"),
        ("route53_zone_id", zone),
    ];
    let around = user.example("complete")? + &user.example("existing-network")?;
    // A network that is there comes with no zones; who uses the secrets stands beside the cluster's issuer, which is not known
    // before there is a cluster. The module's own tests have both.
    let left = &["existing_network", "secrets_service_account"];
    let walk = Walk { module: &user.module, around: &around, base: &base, settings: &settings(), left };
    let planned = walk.each_changes_the_plan(&user.terraform(&walk.lay_down()?)?).await?;
    holds_no_credential(&planned["planned_values"]);
    for name in ["complete", "existing-network"] {
        let of_example = format!("module.example-{name}.module.dss.aws_eks_cluster.this");
        ensure!(planned.to_string().contains(&of_example), "no `{of_example}` is planned");
    }
    if is_set("HANGAR_SUITE_ALL_POINTS") {
        user.makes_and_removes("complete").await?;
    }
    Ok(())
}

/// What `hangar` hands to Helm, terraform hands to it too: one release an add-on, with the roles in place.
#[tokio::test]
async fn the_add_ons_of_aws_are_releases_with_the_roles_of_the_module() -> Result<()> {
    let root = scratch(Path::new(env!("CARGO_TARGET_TMPDIR")), "eks-add-ons")?;
    let module = copied(&root, "eks")?.join("add-ons");
    let clouds = Clouds::lay_down(&root, &[HELM])?;
    let text = |required: bool| json!({ "type": "string", "required": required, "optional": !required });
    let release = json!({ "version": 2, "block": { "attributes": {
        "id": { "type": "string", "computed": true },
        "name": text(true), "chart": text(true), "namespace": text(false), "repository": text(false), "version": text(false),
        "values": { "type": ["list", "string"], "optional": true },
    }}});
    let schema = json!({ "provider_schemas": { "registry.terraform.io/hashicorp/helm": {
        "resource_schemas": { "helm_release": release },
    }}});
    clouds.cloud("helm").schema(&schema)?;
    let copy = format!("oci://registry.example.com/charts/lb@sha256:{}", "0".repeat(64));
    let terraform = Terraform::new(&module, &clouds.cli_config())
        .with("TF_VAR_cluster_name", "uss1")
        .with("TF_VAR_region", REGION)
        .with("TF_VAR_vpc_id", "vpc-1")
        .with("TF_VAR_workload_roles", r#"{"load-balancers": "arn:lb", "volumes": "arn:volumes"}"#);
    terraform.done(&["fmt", "-check"]).await?;
    terraform.done(&["init"]).await?;
    let plan = terraform.planned(&[]).await?;
    let volumes = release_of(&plan, "volumes")?;
    ensure!(volumes["repository"] == "https://kubernetes-sigs.github.io/aws-ebs-csi-driver", "{volumes}");
    let values: Value = serde_json::from_str(volumes["values"][0].as_str().context("no values")?)?;
    ensure!(
        values["controller"]["serviceAccount"]["annotations"]["eks.amazonaws.com/role-arn"] == "arn:volumes",
        "{values}"
    );
    let balancers = release_of(&plan, "load_balancers")?;
    let values: Value = serde_json::from_str(balancers["values"][0].as_str().context("no values")?)?;
    ensure!(values["clusterName"] == "uss1" && values["vpcId"] == "vpc-1" && values["region"] == REGION, "{values}");

    let plan = terraform.planned(&["-var", &format!("charts={{load_balancers = \"{copy}\"}}")]).await?;
    let balancers = release_of(&plan, "load_balancers")?;
    ensure!(balancers["chart"] == copy && balancers["version"].is_null(), "{balancers}");
    let unknown = terraform.run(&["plan", "-var", "charts={dns = \"oci://a/b\"}"]).await?.exits(1)?;
    ensure!(unknown.words().contains("A chart is an oci:// reference"), "{}", unknown.said);
    Ok(())
}

fn release_of(plan: &Value, key: &str) -> Result<Value> {
    let resources = plan["planned_values"]["root_module"]["resources"].as_array().context("no resources")?;
    let found = resources.iter().find(|resource| resource["index"] == key);
    Ok(found.with_context(|| format!("no release `{key}`"))?["values"].clone())
}
