//! The chart of the services from a registry: pinned by its digest, and told where it cannot be had.

use std::fs;

use anyhow::{Context as _, Result, ensure};
use test_support::{Plugin, Workspace, needed};

use crate::add_ons::helm;
use crate::pooled::{ALONE, Stage, alone};

/// A workspace whose chart comes from the world's registry.
fn workspace(stage: &Stage, name: &str, version: &str) -> Result<Workspace> {
    let mut description = stage.description(ALONE)?;
    description.plugins = vec![Plugin::of_file("local", &needed("HANGAR_PLUGINS_DIR")?.join("local.wasm"))];
    description.infra = "local".into();
    let workspace = Workspace::lay_down(&stage.root.join(name), &description)?;
    let file = fs::read_to_string(workspace.folder.join("hangar.hcl"))?;
    let folder = file.lines().find(|line| line.trim_start().starts_with("chart")).context("a chart")?;
    let chart = format!("  chart  = \"oci://{}/charts/pinned:{version}\"\n  dev = true", stage.world.file().registry);
    workspace.edit("hangar.hcl", folder, &chart)?;
    Ok(workspace)
}

/// Pushes a chart under this tag whose description says this.
async fn push(stage: &Stage, description: &str) -> Result<()> {
    let folder = stage.root.join("pinned");
    fs::create_dir_all(&folder)?;
    let chart = format!("apiVersion: v2\nname: pinned\nversion: 0.1.0\ndescription: {description}\n");
    fs::write(folder.join("Chart.yaml"), chart)?;
    helm(&stage.root, &["package", "pinned"]).await?;
    let registry = format!("oci://{}/charts", stage.world.file().registry);
    helm(&stage.root, &["push", "pinned-0.1.0.tgz", &registry, "--plain-http"]).await.map(drop)
}

/// Where the doctor finds the chart.
async fn found(workspace: &Workspace) -> Result<String> {
    let doctor = workspace.run(&["doctor"]).await?;
    let told = format!("{}{}", doctor.stdout, doctor.stderr);
    let line = told.lines().find(|line| line.contains("chart:")).with_context(|| format!("no chart: {told}"))?;
    Ok(line.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chart_of_a_registry_is_accepted_unsigned_and_stays_the_one_that_was_pinned() -> Result<()> {
    let apart = alone().await?;
    push(&apart.stage, "first").await?;
    let workspace = workspace(&apart.stage, "pinned-chart", "0.1.0")?;
    let refused = workspace.run(&["init", "--yes"]).await?.exits(1)?;
    ensure!(refused.stderr.contains("so this one counts as unsigned"), "{}", refused.stderr);
    workspace.edit("hangar.hcl", "  dev = true", "  dev = true\n  unsigned = true")?;
    ensure!(found(&workspace).await?.contains("is not pinned"), "{}", found(&workspace).await?);
    let init = workspace.run(&["init", "--yes"]).await?.done()?;
    ensure!(init.stdout.contains("charts/pinned:0.1.0 (sha256:"), "{}", init.stdout);
    let (lock, first) = (fs::read_to_string(workspace.folder.join("hangar.lock"))?, found(&workspace).await?);
    ensure!(lock.contains("[chart]") && lock.contains("signer = \"unsigned\""), "{lock}");

    // Somebody moves the tag: what was pinned stays.
    push(&apart.stage, "second").await?;
    workspace.run(&["init", "--yes"]).await?.done()?;
    ensure!(fs::read_to_string(workspace.folder.join("hangar.lock"))? == lock, "the lock follows the tag");
    ensure!(found(&workspace).await? == first, "{first}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chart_that_its_registry_does_not_have_is_named() -> Result<()> {
    let apart = alone().await?;
    let workspace = workspace(&apart.stage, "missing-chart", "9.9.9")?;
    workspace.edit("hangar.hcl", "  dev = true", "  dev = true\n  unsigned = true")?;
    let run = workspace.run(&["init", "--yes"]).await?;
    ensure!(run.code.is_some_and(|code| code != 0), "{}", run.stdout);
    ensure!(run.stderr.contains("cannot fetch the services' chart"), "{}", run.stderr);
    ensure!(run.stderr.contains("charts/pinned:9.9.9") && run.stderr.contains("hint: "), "{}", run.stderr);
    Ok(())
}
