//! A host that is killed at each fail point that it passes, and goes on.
//!
//! A run of `HANGAR_FAIL_POINT=new` dies at the first point that no former run has passed; run again and again it dies
//! once at each, and then lives. With `HANGAR_SUITE_ALL_POINTS=1` a point counts anew in every step of a plan.

use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use test_support::{Run, Workspace, is_set, wait_for};

use crate::cluster::{Origins, origins};
use crate::pool::live_nodes;
use crate::pooled::{Stage, turn};

/// More often than there are points and steps.
const MOST_DEATHS: usize = 2_000;
const FOUNDER: Origins = Origins { n_nodes: 3, n_founded: 1, n_joined: 2 };
const JOINER: Origins = Origins { n_nodes: 3, n_founded: 0, n_joined: 3 };

#[tokio::test(flavor = "multi_thread")]
async fn a_host_killed_at_every_point_ends_with_one_database() -> Result<()> {
    lives_through(Victims::Host, "killed").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_killed_at_every_point_with_its_tools_ends_with_one_database() -> Result<()> {
    lives_through(Victims::HostAndTools, "killed-both").await
}

/// Runs a command to its end, killed on the way once at each of these points. With `HANGAR_SUITE_ALL_POINTS=1` at every point that it
/// passes, in every step.
pub(crate) async fn dying_at(points: &[&str], workspace: &Workspace, arguments: &[&str]) -> Result<Run> {
    if is_set("HANGAR_SUITE_ALL_POINTS") {
        let folder = workspace.folder.parent().context("a folder of workspaces")?.to_owned();
        return Reaper { victims: Victims::Host, folder }.haunt(workspace, arguments).await;
    }
    for point in points {
        workspace.run_killed_at(point, arguments).await?;
    }
    workspace.run(arguments).await?.done()
}

/// An instance whose every command is killed at every point ends as one that never was.
async fn lives_through(victims: Victims, name: &str) -> Result<()> {
    let _turn = turn().await;
    let stage = Stage::start(name, &["uss1"]).await?;
    let workspace = stage.member("uss1")?;
    stage.push(&workspace).await?;
    let reaper = Reaper { victims, folder: stage.root.clone() };
    reaper.haunt(&workspace, &["init", "--yes"]).await?;
    reaper.haunt(&workspace, &["up", "--yes"]).await?;
    reaper.haunt(&workspace, &["pool", "create", "--yes"]).await?;
    is_as_it_should_be(&stage, &workspace, 3, &FOUNDER).await
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hosts_killed_at_every_point_of_a_joining_end_in_one_pool() -> Result<()> {
    let _turn = turn().await;
    let stage = Stage::start("killed-join", &["uss1", "uss2"]).await?;
    let (inviter, joiner) = (stage.member("uss1")?, stage.member("uss2")?);
    stage.push(&inviter).await?;
    for workspace in [&inviter, &joiner] {
        workspace.run(&["init", "--yes"]).await?.done()?;
        workspace.run(&["up", "--yes"]).await?.done()?;
    }
    let founder = fingerprint(&inviter.run(&["pool", "create", "--yes", "--json"]).await?.done()?)?;
    let reaper = Reaper { victims: Victims::Host, folder: stage.root.clone() };
    let asked = fingerprint(&reaper.haunt(&joiner, &["pool", "request", "--json"]).await?)?;
    let invite = ["pool", "invite", "--to", asked.as_str()];
    let join = ["pool", "join", "--from", founder.as_str()];
    let enter = async {
        let invitation = stage.root.join("carrier/uss2.invitation.json");
        wait_for("the invitation", async || Ok(invitation.exists().then_some(()))).await?;
        reaper.haunt(&joiner, &join).await
    };
    tokio::try_join!(reaper.haunt(&inviter, &invite), enter)?;
    is_as_it_should_be(&stage, &inviter, 6, &FOUNDER).await?;
    is_as_it_should_be(&stage, &joiner, 6, &JOINER).await
}

/// Who dies at a point.
#[derive(Clone, Copy)]
enum Victims {
    Host,
    HostAndTools,
}

/// Kills commands wherever they have not died yet.
struct Reaper {
    victims: Victims,
    /// Where it keeps what each command has passed.
    folder: PathBuf,
}

impl Reaper {
    /// Runs a command again and again until it has died at every point and ended; returns that last run.
    async fn haunt(&self, workspace: &Workspace, arguments: &[&str]) -> Result<Run> {
        let list =
            self.folder.join(format!("{}-{}-points", workspace.name, arguments[..arguments.len().min(2)].join("-")));
        let list = list.to_str().context("no text")?;
        let point = if is_set("HANGAR_SUITE_ALL_POINTS") { "new-in-step" } else { "new" };
        let mut variables = vec![("HANGAR_FAIL_POINT", point), ("HANGAR_FAIL_LIST", list)];
        if matches!(self.victims, Victims::HostAndTools) {
            variables.push(("HANGAR_FAIL_CHILDREN", "1"));
        }
        for n_deaths in 0..MOST_DEATHS {
            let run = workspace.run_with(arguments, &variables).await?;
            if run.signal != Some(9) {
                ensure!(n_deaths > 0, "`{}` passed no fail point", run.command);
                return run.done().with_context(|| format!("after {n_deaths} deaths; they stand in `{list}`"));
            }
        }
        anyhow::bail!("`{arguments:?}` still dies after {MOST_DEATHS} deaths; they stand in `{list}`")
    }
}

fn fingerprint(run: &Run) -> Result<String> {
    Ok(run.value("identity")?["fingerprint"].as_str().context("no fingerprint")?.to_owned())
}

async fn is_as_it_should_be(stage: &Stage, workspace: &Workspace, n_live: usize, wanted: &Origins) -> Result<()> {
    let again = workspace.run(&["up", "--yes"]).await?.done()?;
    ensure!(again.stdout.contains("nothing was done"), "`up` still found work: {}", again.stdout);
    // A node's own liveness may lag for a moment on a busy machine.
    wait_for(&format!("{n_live} live nodes"), async || {
        let status = workspace.run(&["pool", "status", "--json"]).await?.done()?.value("pool-status")?;
        ensure!(status["cluster-id"].is_string(), "no cluster: {status:#}");
        ensure!(live_nodes(&status) == n_live, "not all nodes are live: {status:#}");
        Ok(Some(()))
    })
    .await?;
    let origins = origins(stage.organisation(&workspace.name)?).await?;
    ensure!(origins == *wanted, "{origins:?}");
    Ok(())
}
