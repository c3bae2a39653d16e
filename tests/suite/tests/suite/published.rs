//! The terraform modules as they are published: folders of a git repository that terraform itself fetches.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, Result, ensure};
use test_support::{AZURE, Clouds, GOOGLE, Terraform, scratch};
use tokio::process::Command;

use crate::module::{copy, infrastructure};

const TAG: &str = "v0.1.0";

/// A bare repository that has the modules at a tag, and nothing else.
struct Published {
    root: PathBuf,
}

impl Published {
    async fn new(name: &str) -> Result<Self> {
        let root = scratch(Path::new(env!("CARGO_TARGET_TMPDIR")), name)?;
        let tree = root.join("tree");
        copy(&infrastructure(), &tree.join("deploy/infrastructure"))?;
        git(&tree, &["init", "--quiet"]).await?;
        git(&tree, &["add", "."]).await?;
        let author = ["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"];
        git(&tree, &[&author[..], &["commit", "--quiet", "--message=modules"]].concat()).await?;
        git(&tree, &["tag", TAG]).await?;
        git(&root, &["clone", "--quiet", "--bare", "tree", "hangar.git"]).await?;
        fs::remove_dir_all(&tree)?;
        Ok(Self { root })
    }

    /// How a terraform user names a module.
    fn source(&self, module: &str) -> String {
        format!("git::file://{}//deploy/infrastructure/{module}?ref={TAG}", self.root.join("hangar.git").display())
    }

    /// A root module that calls `module` with `arguments`.
    fn user(&self, module: &str, provider: &str, arguments: &str) -> Result<PathBuf> {
        let folder = self.root.join(format!("user-{module}"));
        fs::create_dir_all(&folder)?;
        let source = self.source(module);
        let call = format!("{provider}\nmodule \"dss\" {{\n  source = \"{source}\"\n{arguments}}}\n");
        let names = "  db_suffix = \"db.uss1.example.com\"\n  hostname = \"dss.uss1.example.com\"\n";
        fs::write(folder.join("main.tf"), call.replace("NAMES\n", names))?;
        Ok(folder)
    }
}

#[expect(clippy::disallowed_methods, reason = "a person publishes with git itself")]
async fn git(folder: &Path, arguments: &[&str]) -> Result<()> {
    let mut command = Command::new("git");
    command.current_dir(folder).args(arguments).env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
    let output = command.stdin(Stdio::null()).output().await.context("git is needed")?;
    ensure!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

/// What was fetched has what the modules have in common beside it, or nothing could be planned.
#[tokio::test]
async fn modules_for_google_cloud_and_azure_are_fetched_from_where_they_are_published() -> Result<()> {
    let published = Published::new("published").await?;
    let clouds = Clouds::lay_down(&published.root, &[GOOGLE, AZURE])?;
    let google = published.user(
        "gke",
        "provider \"google\" {}\n",
        "NAMES\n  name = \"uss1\"\n  project = \"dss-prod\"\n  region = \"europe-west4\"\n  \
         zones = [\"europe-west4-a\", \"europe-west4-b\", \"europe-west4-c\"]\n",
    )?;
    let terraform =
        Terraform::new(&google, &clouds.cli_config()).with("GOOGLE_OAUTH_ACCESS_TOKEN", "a-token-of-google");
    terraform.done(&["init"]).await?;
    let plan = terraform.planned(&[]).await?;
    ensure!(plan.to_string().contains("module.dss.google_compute_address.db[2]"), "no address is planned");

    let subscription = "00000000-0000-0000-0000-000000000001";
    let azure = published.user(
        "aks",
        &format!("provider \"azurerm\" {{\n  subscription_id = \"{subscription}\"\n  features {{}}\n}}\n"),
        "NAMES\n  name = \"uss1\"\n  location = \"westeurope\"\n",
    )?;
    let terraform = Terraform::new(&azure, &clouds.cli_config())
        .with("ARM_CLIENT_SECRET", "a-client-secret-of-entra")
        .with("ARM_TENANT_ID", "11111111-2222-3333-4444-555555555555");
    terraform.done(&["init"]).await?;
    let plan = terraform.planned(&[]).await?;
    ensure!(plan.to_string().contains("module.dss.azurerm_public_ip.db[2]"), "no address is planned");
    Ok(())
}

/// What no cloud takes is refused by each module, all at once and in the same words, though it is written once.
#[tokio::test]
async fn what_no_cloud_takes_is_refused_by_every_module_in_the_same_words() -> Result<()> {
    let published = Published::new("published-refusals").await?;
    let clouds = Clouds::lay_down(&published.root, &[GOOGLE, AZURE])?;
    let bad = "  db_suffix = \"example\"\n  hostname = \"dss.uss1.example.com.\"\n  db_nodes = 0\n  kubernetes_version = 1.3\n  \
               api_allowed_cidrs = [\"anybody\"]\n  prometheus_hostname = \"A\"\n";
    let google = format!(
        "{bad}  name = \"uss1\"\n  project = \"dss-prod\"\n  region = \"europe-west4\"\n  \
         zones = [\"europe-west4-a\", \"europe-west4-b\", \"europe-west4-c\"]\n"
    );
    let azure = format!("{bad}  name = \"uss1\"\n  location = \"westeurope\"\n");
    let provider =
        "provider \"azurerm\" {\n  subscription_id = \"00000000-0000-0000-0000-000000000001\"\n  features {}\n}\n";
    for (module, provider, arguments) in [("gke", "provider \"google\" {}\n", google), ("aks", provider, azure)] {
        let folder = published.user(module, provider, &arguments)?;
        let terraform = Terraform::new(&folder, &clouds.cli_config())
            .with("GOOGLE_OAUTH_ACCESS_TOKEN", "a-token-of-google")
            .with("ARM_CLIENT_SECRET", "a-client-secret-of-entra")
            .with("ARM_TENANT_ID", "11111111-2222-3333-4444-555555555555");
        terraform.done(&["init"]).await?;
        let refused = terraform.run(&["plan"]).await?.exits(1)?.words();
        for words in [
            "A suffix is a name of DNS in lower case",
            "it is the certificate's",
            "An instance has 1 to 9 database nodes",
            "A version is quoted and has two parts",
            "A range is such as 203.0.113.0/24",
            "prometheus_hostname = var.prometheus_hostname",
        ] {
            ensure!(refused.contains(words), "{module} does not say `{words}`: {refused}");
        }
    }
    Ok(())
}

#[cfg(feature = "real-aws")]
mod aws {
    use super::*;
    use crate::eks::cli_config;

    #[tokio::test]
    async fn the_module_for_aws_is_fetched_from_where_it_is_published() -> Result<()> {
        let published = Published::new("published-aws").await?;
        let zones = "  availability_zones = [\"us-east-1a\", \"us-east-1b\", \"us-east-1c\"]\n";
        let provider = "provider \"aws\" {\n  region = \"us-east-1\"\n}\n";
        let folder = published.user("eks", provider, &format!("NAMES\n  name = \"uss1\"\n{zones}"))?;
        let terraform = Terraform::new(&folder, &cli_config(&published.root)?);
        terraform.done(&["init"]).await?;
        terraform.done(&["validate"]).await?;
        Ok(())
    }
}
