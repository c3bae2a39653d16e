//! `hangar pool …`.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use test_support::wait_for;
use test_support::{Description, Plugin, Workspace, needed, scratch};

use crate::cluster::{Origins, origins};
use crate::pooled::{MEMBERS, pooled};

/// Before there is a key there is no roster that it would sign.
#[tokio::test]
async fn who_has_made_nothing_yet_is_in_no_pool() -> Result<()> {
    let file = |name: &str| Ok::<_, anyhow::Error>(needed("HANGAR_PLUGINS_DIR")?.join(format!("{name}.wasm")));
    let mut description = Description::without_world("uss1", Plugin::of_file("local", &file("local")?));
    description.plugins.push(Plugin::of_file("cockroachdb", &file("cockroachdb")?));
    description.pool = Some("east".into());
    let root = scratch(Path::new(env!("CARGO_TARGET_TMPDIR")), "in-no-pool")?;
    let workspace = Workspace::lay_down(&root, &description)?;
    workspace.run(&["init", "--yes"]).await?.done()?;
    for command in ["status", "history"] {
        let run = workspace.run(&["pool", command]).await?.exits(1)?;
        assert!(run.stderr.contains("this instance is in no pool"), "{}", run.stderr);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn three_organisations_see_nine_live_nodes_of_one_cluster() -> Result<()> {
    let pooled = pooled().await?;
    let mut clusters = BTreeSet::new();
    for member in &pooled.members {
        // A node's sign of life, or its answer, may be late for one look on a busy machine.
        let status = wait_for("a pool at rest", async || {
            let status = member.run(&["pool", "status", "--json"]).await?.done()?.value("pool-status")?;
            ensure!(live_nodes(&status) == 9 && status["unavailable"] == 0, "{status:#}");
            ensure!(status["open"] == Value::Null, "{status:#}");
            Ok(Some(status))
        })
        .await?;
        clusters.insert(status["cluster-id"].as_str().context("no cluster id")?.to_owned());
        assert_eq!(status["own"], member.name.as_str());
        assert_eq!(status["founder"], MEMBERS[0]);
        assert_eq!(states(&status), ["active"; 3], "{status:#}");
    }
    assert_eq!(clusters.len(), 1, "{clusters:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_is_drawn_whole_for_people() -> Result<()> {
    let pooled = pooled().await?;
    // A node's own liveness may lag for a moment on a busy machine.
    wait_for("a whole pool", async || {
        let drawn = pooled.members[1].run(&["pool", "status"]).await?.done()?.stdout;
        ensure!(drawn.contains("uss1 (active, founder)") && drawn.contains("uss2 (active, us)"), "{drawn}");
        ensure!(drawn.contains("whole: every node is live and accepts us"), "{drawn}");
        Ok(Some(()))
    })
    .await
}

/// A second `init` would fork the pool.
#[tokio::test(flavor = "multi_thread")]
async fn only_the_founder_ever_initialised_a_database() -> Result<()> {
    let pooled = pooled().await?;
    let mut found = Vec::new();
    for name in MEMBERS {
        found.push(origins(pooled.stage.organisation(name)?).await?);
    }
    assert_eq!(found[0], Origins { n_nodes: 3, n_founded: 1, n_joined: 2 });
    for joiner in &found[1..] {
        // A node that another case has restarted says only that it has returned.
        assert!(joiner.n_nodes == 3 && joiner.n_founded == 0, "{found:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_can_neither_found_nor_ask_again() -> Result<()> {
    let pooled = pooled().await?;
    let joiner = &pooled.members[2];
    let run = joiner.run(&["pool", "create", "--yes"]).await?.exits(4)?;
    assert!(run.stderr.contains("so it cannot found that one"), "{}", run.stderr);
    let run = joiner.run(&["pool", "request"]).await?.exits(1)?;
    assert!(run.stderr.contains("is in the pool already"), "{}", run.stderr);
    // What only a first record says is not taken for done.
    let founder = &pooled.members[0];
    let run = founder.run(&["pool", "create", "--yes", "--silence", "5d"]).await?.exits(4)?;
    assert!(run.stderr.contains("another period of silence"), "{}", run.stderr);
    let late = pooled.stage.root.join("late.key");
    let run = founder.run(&["pool", "create", "--yes", "--recovery", &late.display().to_string()]).await?.exits(4)?;
    assert!(run.stderr.contains("to hold against the key in it") && !late.exists(), "{}", run.stderr);
    Ok(())
}

/// Waits until a member's nodes reach all nine of the pool, and its probes are let in everywhere.
pub(crate) async fn sees_nine(member: &Workspace) -> Result<()> {
    wait_for("nine live nodes that let us in", async || {
        let status = member.run(&["pool", "status", "--json"]).await?.done()?.value("pool-status")?;
        ensure!(live_nodes(&status) == 9, "{status:#}");
        Ok(Some(()))
    })
    .await
}

/// Nodes that every own node calls live and that take our certificate, or are ours.
pub(crate) fn live_nodes(status: &Value) -> usize {
    let members = status["members"].as_array().into_iter().flatten();
    let nodes = members.flat_map(|member| member["nodes"].as_array().into_iter().flatten());
    let is_live = |node: &&Value| node["live"][1] != 0 && node["live"][0] == node["live"][1];
    nodes.filter(is_live).filter(|node| node["accepts-us"] != false).count()
}

/// Waits until a member's certificates are listed without a complaint.
pub(crate) async fn lists_well(member: &Workspace, within: &str) -> Result<()> {
    finds_nothing(member, &["cert", "list", "--within", within]).await
}

/// Waits until a member finds nothing wrong with the pool.
pub(crate) async fn verifies(member: &Workspace) -> Result<()> {
    finds_nothing(member, &["pool", "verify"]).await
}

/// Waits until a look ends well: on a busy machine a node's sign of life, or its answer, may come late.
async fn finds_nothing(member: &Workspace, look: &[&str]) -> Result<()> {
    wait_for("a look that finds nothing wrong", async || {
        let run = member.run(look).await?;
        ensure!(run.code == Some(0), "{look:?}: {}\n{}", run.stdout, run.stderr);
        Ok(Some(()))
    })
    .await
}

/// No change is open, and none is proposed.
pub(crate) fn is_still(status: &Value) -> bool {
    status["open"].is_null() && status["proposed"].as_array().is_some_and(Vec::is_empty)
}

fn states(status: &Value) -> Vec<&str> {
    status["members"].as_array().into_iter().flatten().filter_map(|member| member["state"].as_str()).collect()
}
