//! What goes wrong between an operator and a cloud: `hangar up` says what and what to do, and the next run goes on.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use test_support::{Cloud, Clouds, Description, GOOGLE, Plugin, Run, Workspace, needed, scratch};

use crate::infra::{render, scripted, terraform};

/// An operator of Google Cloud whose cluster nobody can reach: an `up` ends right after terraform.
pub(crate) struct Site {
    workspace: Workspace,
    pub(crate) cloud: Cloud,
}

impl Site {
    pub(crate) async fn approved(name: &str) -> Result<Self> {
        let root = scratch(Path::new(env!("CARGO_TARGET_TMPDIR")), name)?;
        let clouds = Clouds::lay_down(&root, &[GOOGLE])?;
        let folder = needed("HANGAR_PLUGINS_DIR")?;
        let plugin = |name: &str| Plugin::of_file(name, &folder.join(format!("{name}.wasm")));
        let mut description = Description::without_world("uss1", plugin("gcp"));
        description.plugins.push(plugin("local"));
        description.secrets = Some("local".into());
        description.block = Some(
            "  project      = \"dss-prod\"\n  region       = \"europe-west4\"\n  cluster_name = \"uss1\"\n".to_owned(),
        );
        description.entry = Some(format!(
            "cluster {{\n  endpoint = \"https://127.0.0.1:9\"\n}}\n\ncredential \"google\" {{\n  google {{\n    access_token_env = \
             \"GOOGLE_TOKEN\"\n  }}\n}}\n\nterraform {{\n  provider_mirror = \"{}\"\n}}\n",
            clouds.mirror().display()
        ));
        let workspace = Workspace::lay_down(&root, &description)?;
        let site = Self { workspace, cloud: clouds.cloud("google") };
        site.run(&["init", "--yes"]).await?.done()?;
        Ok(site)
    }

    pub(crate) async fn run(&self, arguments: &[&str]) -> Result<Run> {
        self.workspace.run_with(arguments, &[("GOOGLE_TOKEN", "a-token-of-google")]).await
    }

    /// The failure is told in the cloud's words, with this cure.
    async fn fails(&self, told: &Value, words: &str, cure: &str) -> Result<()> {
        self.cloud.control(told)?;
        let run = self.run(&["up", "--yes"]).await?.exits(3)?;
        ensure!(run.stderr.contains(words), "no `{words}`: {}", run.stderr);
        let hint = run.stderr.lines().find(|line| line.starts_with("hint: ")).unwrap_or_default();
        ensure!(hint.contains(cure), "no `{cure}` in `{hint}`: {}", run.stderr);
        Ok(())
    }
}

fn on_create(kind: &str, summary: &str) -> Value {
    json!({ "faults": [{ "operation": "create", "type": kind, "summary": summary }] })
}

/// One after the other in one workspace, each where the last has stopped.
#[tokio::test]
async fn each_failure_of_a_cloud_has_its_cure_and_the_next_run_goes_on() -> Result<()> {
    let site = Site::approved("bad-input").await?;
    let expired = json!({ "tokens": ["another"] });
    site.fails(&expired, "Error 401", "sign in again").await?;
    ensure!(site.cloud.all()?.is_empty(), "something was made: {:?}", site.cloud.all()?);

    let forbidden = "Error creating Network: googleapi: Error 403: Required 'compute.networks.create' permission for \
                     'projects/dss-prod/global/networks/uss1', forbidden";
    site.fails(&on_create("google_compute_network", forbidden), "compute.networks.create", "lacks a permission")
        .await?;
    let region = "Error creating Subnetwork: googleapi: Error 404: The resource 'projects/dss-prod/regions/europe-west44' \
                  was not found, notFound";
    site.fails(&on_create("google_compute_subnetwork", region), "europe-west44", "check `region`").await?;
    let cut = "Post \"https://container.googleapis.com/v1/projects/dss-prod\": dial tcp 142.250.1.95:443: connect: network is \
               unreachable";
    site.fails(&on_create("google_container_cluster", cut), "network is unreachable", "see to the network").await?;
    let machine =
        "googleapi: Error 400: Machine type with name 'n2-standard-4' does not exist in zone 'europe-west4-a'.";
    let of_nodes = on_create("google_container_node_pool", machine);
    site.fails(&of_nodes, "does not exist in zone", "name other `zones` or another `machine_type`").await?;
    let crash = json!({ "faults": [{ "operation": "create", "type": "google_container_node_pool", "crash": true }] });
    site.fails(&crash, "not wholly applied", "the provider crashed").await?;

    site.cloud.heal()?;
    let end = site.run(&["up", "--yes"]).await?.exits(3)?;
    ensure!(end.stderr.contains("the Kubernetes API"), "{}", end.stderr);
    let (made, n_made) = (site.cloud.all()?, site.cloud.calls("create", "")?);
    ensure!(made.len() == n_made, "{n_made} were made, and there are {made:?}");
    site.run(&["up", "--yes"]).await?.exits(3)?;
    ensure!(site.cloud.calls("create", "")? == n_made, "something was made twice");
    Ok(())
}

/// A cloud that protects its cluster does so once the nodes are gone: the host refuses before anything is.
#[tokio::test]
async fn what_is_protected_is_not_taken_down_and_nothing_of_it_is_touched() -> Result<()> {
    let site = Site::approved("protected").await?;
    site.run(&["up", "--yes"]).await?.exits(3)?;
    let made = site.cloud.all()?;
    let refused = site.run(&["down", "--yes"]).await?.exits(4)?;
    ensure!(refused.stderr.contains("protected against deletion: nothing was touched"), "{}", refused.stderr);
    ensure!(
        refused.stderr.contains("`deletion_protection = false` in the block `infra \"gcp\"`"),
        "{}",
        refused.stderr
    );

    // It is lifted by an `up`, as terraform wants it, and not by what the file says.
    let name = "  cluster_name = \"uss1\"\n";
    site.workspace.edit("hangar.hcl", name, &format!("{name}  deletion_protection = false\n"))?;
    site.run(&["down", "--yes"]).await?.exits(4)?;
    ensure!(site.cloud.all()? == made && site.cloud.calls("delete", "")? == 0, "something was touched");
    site.run(&["up", "--yes"]).await?.exits(3)?;
    let down = site.run(&["down", "--yes"]).await?.exits(3)?;
    ensure!(!down.stderr.contains("protected against deletion"), "{}", down.stderr);
    Ok(())
}

/// The answer to a call is lost, and what it made stands: the next run says that it is there, and what to do.
#[tokio::test]
async fn what_a_lost_answer_has_left_is_named() -> Result<()> {
    let site = Site::approved("lost-answer").await?;
    let lost = json!({ "faults": [{
        "operation": "create", "type": "google_compute_network", "done": "forgotten",
        "summary": "Post \"https://compute.googleapis.com/compute/v1/projects/dss-prod\": read: connection reset by peer",
    }]});
    site.fails(&lost, "connection reset", "see to the network").await?;
    let there = "choose another `cluster_name`, or import it";
    site.fails(&json!({}), "already exists", there).await
}

#[tokio::test]
async fn a_terraform_that_is_missing_or_too_old_is_told_before_anything_is_done() -> Result<()> {
    let module = render("resource \"terraform_data\" \"a\" {\n}\n", &[]);
    let workspace = scripted("terraform-missing", &module).await?;
    let nowhere = [("HANGAR_TERRAFORM", ""), ("PATH", "/nowhere"), ("HANGAR_TOOLS_DIR", "/nowhere")];
    let missing = workspace.run_with(&["up", "--yes"], &nowhere).await?.exits(3)?;
    ensure!(missing.stderr.contains("neither `terraform` nor `tofu` is in `/nowhere`"), "{}", missing.stderr);
    ensure!(missing.stderr.contains("hint: install terraform 1.9 or later"), "{}", missing.stderr);

    let script = "if [ \"$1\" = version ]; then echo '{\"terraform_version\":\"1.5.7\"}'; exit 0; fi";
    let old = terraform(&workspace, script)?;
    let variables = [("HANGAR_TERRAFORM", old.to_str().context("a path in UTF-8")?)];
    let old = workspace.run_with(&["up", "--yes"], &variables).await?.exits(3)?;
    ensure!(old.stderr.contains("1.5.7") && old.stderr.contains("hint: install "), "{}", old.stderr);
    ensure!(!workspace.folder.join(".hangar/terraform").exists(), "terraform was put to work");
    Ok(())
}

#[tokio::test]
async fn a_state_that_another_run_has_locked_is_left_and_its_owner_named() -> Result<()> {
    let module = render("resource \"terraform_data\" \"a\" {\n}\n", &[]);
    let workspace = scripted("state-locked", &module).await?;
    let script = r#"if [ "$1" = plan ]; then
        echo 'VERSION'
        echo '{"type":"diagnostic","diagnostic":{"severity":"error","summary":"Error acquiring the state lock","detail":"Lock Info:\n  ID:        a7cf5879\n  Operation: OperationTypeApply\n  Who:       ana@build-3\n  Created:   2026-11-27 23:25:33.202491996 +0000 UTC\n"}}'
        exit 1; fi"#;
    let locked = terraform(&workspace, &script.replace("\\n", "\\\\n"))?;
    let variables = [("HANGAR_TERRAFORM", locked.to_str().context("a path in UTF-8")?)];
    let run = workspace.run_with(&["up", "--yes"], &variables).await?.exits(3)?;
    ensure!(run.stderr.contains("is locked by ana@build-3 (apply, since 2026-11-27 23:25:33 UTC"), "{}", run.stderr);
    ensure!(run.stderr.contains("hint: wait for ana@build-3"), "{}", run.stderr);
    Ok(())
}
