//! `hangar up` with the plugin `existing`, on a cluster that stands already and is opened by a kubeconfig.

use std::fs;

use anyhow::{Context as _, Result, ensure};
use test_support::{Plugin, Workspace, needed};

use crate::cluster::has_namespace;
use crate::pooled::{ALONE, Stage, alone};

/// A workspace of an operator who has a kubeconfig and nothing else. Keys are kept by the plugin `local`.
fn workspace(stage: &Stage, name: &str) -> Result<Workspace> {
    let folder = needed("HANGAR_PLUGINS_DIR")?;
    let mut description = stage.description(ALONE)?;
    let plugin = |name: &str| Plugin::of_file(name, &folder.join(format!("{name}.wasm")));
    description.plugins = vec![plugin("existing"), plugin("local")];
    description.infra = "existing".into();
    description.secrets = Some("local".into());
    let kubeconfig = stage.organisation(ALONE)?.kubeconfig.display().to_string();
    description.entry =
        Some(format!("credential \"kubeconfig\" {{\n  kubeconfig {{\n    file = \"{kubeconfig}\"\n  }}\n}}\n"));
    Workspace::lay_down(&stage.root.join(name), &description)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_of_ones_own_is_brought_up_by_its_kubeconfig_and_left_as_it_was() -> Result<()> {
    let apart = alone().await?;
    let organisation = apart.stage.organisation(ALONE)?;
    let workspace = workspace(&apart.stage, "existing")?;
    workspace.run(&["init", "--yes"]).await?.done()?;
    let up = workspace.run(&["up", "--yes"]).await?.done()?;
    assert!(up.stdout.contains("terraform_data.node[2]"), "{}", up.stdout);
    assert!(has_namespace(organisation).await?);
    let again = workspace.run(&["up", "--yes"]).await?.done()?;
    assert!(again.stdout.contains("nothing was done"), "{}", again.stdout);

    doctor_tells_a_chart_for_another_kubernetes(&workspace).await?;

    // Partners were told the third address.
    let range = &organisation.load_balancer_range;
    let prefix = range.rsplit_once('.').map_or("", |(prefix, _)| prefix);
    workspace.edit("hangar.hcl", &format!("{prefix}.12\""), &format!("{prefix}.99\""))?;
    let run = workspace.run(&["up", "--yes"]).await?.exits(4)?;
    assert!(run.stderr.contains("`terraform_data.node[2]`"), "{}", run.stderr);
    workspace.edit("hangar.hcl", &format!("{prefix}.99\""), &format!("{prefix}.12\""))?;

    workspace.run(&["down", "--yes"]).await?.done()?;
    assert!(!has_namespace(organisation).await?);
    Ok(())
}

async fn doctor_tells_a_chart_for_another_kubernetes(workspace: &Workspace) -> Result<()> {
    let told = workspace.run(&["doctor"]).await?.stdout;
    ensure!(told.contains("good    cluster: ") && told.contains("knows us and runs Kubernetes v1."), "{told}");
    let folder = workspace.folder.join("for-later");
    fs::create_dir(&folder)?;
    fs::write(folder.join("Chart.yaml"), "apiVersion: v2\nname: later\nversion: 0.1.0\nkubeVersion: '>=9.0.0'\n")?;
    let file = fs::read_to_string(workspace.folder.join("hangar.hcl"))?;
    let chart = file.lines().find(|line| line.trim_start().starts_with("chart")).context("a chart")?;
    workspace.edit("hangar.hcl", chart, "  chart  = \"for-later\"")?;
    let told = workspace.run(&["doctor"]).await?.exits(1)?.stdout;
    ensure!(told.contains("chart `later` 0.1.0 was made for >=9.0.0"), "{told}");
    workspace.edit("hangar.hcl", "  chart  = \"for-later\"", chart)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kubeconfig_that_runs_a_program_is_refused_before_anything_is_done_in_the_cluster() -> Result<()> {
    let apart = alone().await?;
    let workspace = workspace(&apart.stage, "existing-program")?;
    workspace.write(
        "kubeconfig",
        "{apiVersion: v1, kind: Config, current-context: x, clusters: [{name: c, cluster: {server: 'https://127.0.0.1:9'}}],
          users: [{name: u, user: {exec: {apiVersion: client.authentication.k8s.io/v1, command: kubelogin}}}],
          contexts: [{name: x, context: {cluster: c, user: u}}]}",
    )?;
    let real = apart.stage.organisation(ALONE)?.kubeconfig.display().to_string();
    workspace.edit("hangar.hcl", &real, "kubeconfig")?;
    workspace.run(&["init", "--yes"]).await?.done()?;
    let run = workspace.run(&["up", "--yes"]).await?.exits(1)?;
    assert!(run.stderr.contains("it wants `kubelogin` run for a token"), "{}", run.stderr);
    assert!(run.stderr.contains("hint: make one that holds a token: `kubectl create token"), "{}", run.stderr);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_wrong_about_a_cluster_is_shown_at_once_where_it_stands() -> Result<()> {
    let apart = alone().await?;
    let workspace = workspace(&apart.stage, "existing-wrong")?;
    let wrong = "egress    = [\"192.0.2.1/24\", \"0.0.0.0/0\"]\n  endpoint  = \"https://a.example.com\"";
    let egress = format!("egress    = [\"{}\"]", apart.stage.organisation(ALONE)?.pod_range);
    workspace.edit("hangar.hcl", &egress, wrong)?;
    workspace.run(&["init", "--yes"]).await?.done()?;
    let run = workspace.run(&["up", "--yes"]).await?.exits(1)?;
    for said in [
        "the kubeconfig says its own `endpoint`",
        "does not begin with its first address",
        "write `192.0.2.0/24`",
        "partners would have to let everybody in",
        "says plugin `existing`",
    ] {
        assert!(run.stderr.contains(said), "no `{said}`: {}", run.stderr);
    }
    Ok(())
}
