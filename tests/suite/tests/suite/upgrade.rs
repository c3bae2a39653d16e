//! Another release of the database comes in, member after member, under a writer and a reader; and a member calls from elsewhere.

use anyhow::{Context as _, Result, ensure};
use futures::try_join;
use k8s_openapi::api::core::v1::Service;
use kube::Api;
use kube::api::ListParams;
use serde_json::Value;
use test_support::{Workspace, is_set, wait_for};

use crate::cluster::client;
use crate::killed::dying_at;
use crate::pooled::{Pooled, pooled};
use crate::traffic::{Gateway, Traffic};

const NEXT: &str = "docker.io/cockroachdb/cockroach:v24.3.1";
/// A range from which the first member says that it calls as well.
const ELSEWHERE: &str = "203.0.113.0/24";

#[tokio::test(flavor = "multi_thread")]
async fn another_release_comes_in_under_load_and_the_last_member_opens_the_way() -> Result<()> {
    let pooled = pooled().await?;
    let first = &pooled.members[0];
    pooled.members.iter().try_for_each(wants_next)?;
    first.edit("hangar.hcl", "egress    = [", &format!("egress    = [\"{ELSEWHERE}\", "))?;
    let traffic = Traffic::begin(&pooled.stage, &["uss1", "uss3"]).await?;
    if is_set("HANGAR_SUITE_ALL_POINTS") {
        // One after the other: whoever waits for one that dies so often would not end in time.
        for member in &pooled.members {
            dying_at(&[], member, &["up", "--yes"]).await?;
        }
    } else {
        all_at_once(&pooled).await?;
    }
    // A query that meets a node on its way down is lost with it; no write is.
    let n_met_a_restart = traffic.n_failed();
    traffic.ends_well(n_met_a_restart).await?;
    ensure!(version(&pooled).await? == ["24.1"], "no way back was taken before the first member looks again");
    first.run(&["up", "--yes"]).await?.done()?;
    ensure!(version(&pooled).await? == ["24.3"], "the first member lets the cluster go over");
    let second = &pooled.members[1];
    second.run(&["up", "--yes"]).await?.done()?;
    ensure!(lets_in(&pooled, "uss2").await?, "the second member lets in from where the first one calls now");
    let again = second.run(&["up", "--yes"]).await?.done()?;
    ensure!(again.stdout.contains("nothing was done"), "{}", again.stdout);
    let older = "docker.io/cockroachdb/cockroach:v24.1.3";
    second.edit("hangar.hcl", NEXT, older)?;
    let refused = second.run(&["up", "--yes"]).await?.exits(4)?;
    ensure!(refused.stderr.contains("v24.1.3 is older than the cluster, which is at 24.3"), "{}", refused.stderr);
    second.edit("hangar.hcl", older, NEXT)?;
    Ok(())
}

/// As operators would after they have agreed: each waits for those before it. The last one's host dies with one of its nodes
/// restarted: the pool says who goes on, and how.
async fn all_at_once(pooled: &Pooled) -> Result<()> {
    let up = async |member: &Workspace| member.run(&["up", "--yes"]).await?.done();
    let [first, second, third] = &pooled.members[..] else { anyhow::bail!("three members") };
    let killed = async {
        third.run_killed_at("kube.restart.pod", &["up", "--yes"]).await?;
        says_who_goes_on(first).await?;
        up(third).await
    };
    try_join!(up(first), up(second), killed)?;
    Ok(())
}

/// Its workspace names the other release.
pub(crate) fn wants_next(member: &Workspace) -> Result<()> {
    member.edit("hangar.hcl", "  nodes     = 3", &format!("  nodes     = 3\n  database_image = \"{NEXT}\""))
}

/// A member's mark that its nodes are being restarted outlives its host.
async fn says_who_goes_on(member: &Workspace) -> Result<()> {
    wait_for("the workspace to be free", async || {
        let run = member.run(&["pool", "status", "--json"]).await?;
        if run.code == Some(3) {
            return Ok(None);
        }
        let status = run.done()?.value("pool-status")?;
        let is_it = |one: &&Value| one["message"].as_str().is_some_and(|text| text.contains("are being restarted"));
        let told = status["findings"].as_array().into_iter().flatten().find(is_it);
        let told = told.with_context(|| format!("nobody is told to go on: {status:#}"))?;
        ensure!(told["whose"] == "uss3" && told["cure"] == "`hangar up`", "{told:#}");
        Ok(Some(()))
    })
    .await
}

/// What the cluster is at, by the third member's nodes.
pub(crate) async fn version(pooled: &Pooled) -> Result<Vec<String>> {
    let organisation = pooled.stage.organisation("uss3")?;
    Gateway::to(organisation, organisation).await?.ask("SHOW CLUSTER SETTING version").await
}

/// Whether the load balancers of a member's nodes let in the range.
async fn lets_in(pooled: &Pooled, name: &str) -> Result<bool> {
    let services: Api<Service> = Api::namespaced(client(pooled.stage.organisation(name)?).await?, "dss");
    let all = services.list(&ListParams::default()).await?.items;
    let of_nodes: Vec<_> = all.into_iter().filter_map(|service| service.spec?.load_balancer_source_ranges).collect();
    Ok(!of_nodes.is_empty() && of_nodes.iter().all(|ranges| ranges.iter().any(|range| range == ELSEWHERE)))
}
