//! A member that is dead is put out by the others.

use anyhow::{Result, ensure};
use serde_json::Value;
use test_support::{Workspace, wait_for};

use crate::cluster::lose_database;
use crate::killed::dying_at;
use crate::leave::{Watch, is_out};
use crate::pool::verifies;
use crate::pooled::{Carrier, Pooled, Setting, turn};
use crate::traffic::Traffic;

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_member_is_put_out_under_load_and_a_living_one_is_not() -> Result<()> {
    let _turn = turn().await;
    // Its records travel by the registry, as folders carry those of other cases.
    let setting = Setting { name: "evict", create: &["--silence", "3s"], carrier: Carrier::Registry("pools/east") };
    let pooled = Pooled::form(&setting).await?;
    let [first, second, _] = &pooled.members[..] else { anyhow::bail!("three members") };
    let evict = ["pool", "evict", "uss3", "--yes"];
    // One that is late to answer a look is not counted by it.
    wait_for("a refusal that counts all three", async || {
        let lives = first.run(&evict).await?.exits(4)?;
        ensure!(lives.stderr.contains("`uss3` is not dead: 3 of its nodes answer"), "{}", lives.stderr);
        Ok(Some(()))
    })
    .await?;
    let traffic = Traffic::begin(&pooled.stage, &["uss1", "uss2"]).await?;
    lose_database(pooled.stage.organisation("uss3")?).await?;
    sees_dead(first).await?;
    sees_dead(second).await?;
    // What was under way when the nodes were lost is the database's own matter; from here on nothing fails.
    let n_lost_with_the_nodes = traffic.n_failed();
    let watch = Watch::begin(pooled.stage.organisation("uss1")?).await?;
    let put_out = async |member, points: &[&str]| {
        let run = dying_at(points, member, &evict).await?;
        ensure!(
            run.stdout.contains("`uss3` is out of the pool") || run.stdout.contains("so already"),
            "{}",
            run.stdout
        );
        Ok(())
    };
    // With its vote at home alone; where nothing of it is known to have been done; and with a helm that works on, which the next
    // run waits for although it looks at something else first.
    let points = ["pool.record.kept", "engine.act.before", "helm.upgrade.started"];
    tokio::try_join!(put_out(first, &points), put_out(second, &[]))?;
    watch.ends_well().await?;
    traffic.ends_well(n_lost_with_the_nodes).await?;
    is_out(&pooled, &[first, second]).await?;
    let again = first.run(&evict).await?.done()?;
    assert!(again.stdout.contains("It was so already"), "{}", again.stdout);
    let up = second.run(&["up", "--yes"]).await?.done()?;
    assert!(up.stdout.contains("nothing was done"), "{}", up.stdout);
    verifies(first).await?;
    Ok(())
}

/// Waits until every own node of a member calls every node of the third one dead.
pub(crate) async fn sees_dead(member: &Workspace) -> Result<()> {
    wait_for("the third member's nodes to be dead", async || {
        let status = member.run(&["pool", "status", "--json"]).await?.done()?.value("pool-status")?;
        let members = status["members"].as_array().into_iter().flatten();
        let mut nodes =
            members.filter(|one| one["id"] == "uss3").flat_map(|one| one["nodes"].as_array().into_iter().flatten());
        let is_dead = |node: &Value| node["live"][0] == 0 && node["accepts-us"] == false;
        ensure!(nodes.all(is_dead), "{status:#}");
        Ok(Some(()))
    })
    .await
}
