//! A host that is killed, and goes on.
//!
//! Each name is of a `FAIL_POINTS` table of the host. By default one instance lives through a sample of them, one after
//! the other; with `HANGAR_SUITE_ALL_POINTS=1` every point that a run passes has an instance and a world of its own.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context as _, Result, ensure};
use test_support::{Workspace, is_set};

use crate::cluster::{Origins, origins};
use crate::pool::live_nodes;
use crate::pooled::{Stage, turn};

const NAME: &str = "uss1";
const UP: &[&str] = &["up", "--yes"];
const CREATE: &[&str] = &["pool", "create", "--yes"];

const IN_UP: [&str; 4] =
    ["journal.intent.after", "terraform.apply.started", "engine.act.after", "kube.namespace.after"];
const IN_CREATE: [&str; 6] = [
    "pool.record.kept",
    "kube.secret.after",
    "helm.upgrade.started",
    "kube.job.started",
    "kube.job.ended",
    "engine.verify.after",
];

#[tokio::test(flavor = "multi_thread")]
async fn a_host_killed_at_any_of_these_points_ends_with_one_database() -> Result<()> {
    let _turn = turn().await;
    if is_set("HANGAR_SUITE_ALL_POINTS") { every_point().await } else { lives_through(&IN_UP, &IN_CREATE).await }
}

/// One instance, killed at each of these points in turn, ends as one that never was.
async fn lives_through(in_up: &[&str], in_create: &[&str]) -> Result<()> {
    let stage = Stage::start("killed", &[NAME]).await?;
    let workspace = begin(&stage).await?;
    for point in in_up {
        workspace.run_killed_at(point, UP).await.with_context(|| format!("`{point}` in `up`"))?;
    }
    workspace.run(UP).await?.done()?;
    for point in in_create {
        workspace.run_killed_at(point, CREATE).await.with_context(|| format!("`{point}` in `pool create`"))?;
    }
    workspace.run(CREATE).await?.done()?;
    is_as_it_should_be(&stage, &workspace).await
}

async fn every_point() -> Result<()> {
    let (up, create) = passed().await?;
    ensure!(IN_UP.iter().all(|point| up.contains(*point)), "the sample of `up` is stale: {up:?}");
    ensure!(IN_CREATE.iter().all(|point| create.contains(*point)), "the sample of `pool create` is stale: {create:?}");
    for point in up {
        lives_through(&[&point], &[]).await.with_context(|| format!("killed at `{point}` in `up`"))?;
    }
    for point in create {
        lives_through(&[], &[&point]).await.with_context(|| format!("killed at `{point}` in `pool create`"))?;
    }
    Ok(())
}

/// The points that an undisturbed `up` and an undisturbed `pool create` pass.
async fn passed() -> Result<(BTreeSet<String>, BTreeSet<String>)> {
    let stage = Stage::start("listed", &[NAME]).await?;
    let workspace = begin(&stage).await?;
    let list = async |name: &str, arguments: &[&str]| -> Result<BTreeSet<String>> {
        let file = stage.root.join(name);
        let variable = [("HANGAR_FAIL_LIST", file.to_str().context("no text")?)];
        workspace.run_with(arguments, &variable).await?.done()?;
        Ok(fs::read_to_string(&file)?.lines().map(ToOwned::to_owned).collect())
    };
    Ok((list("up", UP).await?, list("create", CREATE).await?))
}

async fn begin(stage: &Stage) -> Result<Workspace> {
    let workspace = stage.member(NAME)?;
    stage.push(&workspace).await?;
    workspace.run(&["init", "--yes"]).await?.done()?;
    Ok(workspace)
}

async fn is_as_it_should_be(stage: &Stage, workspace: &Workspace) -> Result<()> {
    let again = workspace.run(UP).await?.done()?;
    ensure!(again.stdout.contains("nothing was done"), "`up` still found work: {}", again.stdout);
    let status = workspace.run(&["pool", "status", "--json"]).await?.done()?.value("pool-status")?;
    ensure!(status["cluster-id"].is_string(), "no cluster: {status:#}");
    ensure!(live_nodes(&status) == 3, "not all nodes are live: {status:#}");
    let origins = origins(stage.organisation(NAME)?).await?;
    ensure!(origins == Origins { n_nodes: 3, n_founded: 1, n_joined: 2 }, "{origins:?}");
    Ok(())
}
