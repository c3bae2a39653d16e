//! The nodes of a member get other public addresses, or other names.

use anyhow::{Context as _, Result, bail, ensure};
use test_support::wait_for;
use test_world::OrganisationFile;

use crate::cluster::service_addresses;
use crate::pool::sees_nine;
use crate::pooled::pooled;
use crate::traffic::{Gateway, Traffic};

/// The last numbers of a member's three addresses, where every case finds them and where they are for a while.
const HERE: u8 = 10;
const ELSEWHERE: u8 = 200;

/// Names stay as they are, so nobody has to be told but the resolver; what the records say follows.
#[tokio::test(flavor = "multi_thread")]
async fn nodes_move_to_other_addresses_under_load_and_every_member_finds_them() -> Result<()> {
    let pooled = pooled().await?;
    let [first, second, third] = &pooled.members[..] else { bail!("three members") };
    let organisation = pooled.stage.organisation("uss2")?;
    let traffic = Traffic::begin(&pooled.stage, &["uss1", "uss3"]).await?;
    for (from, to) in [(HERE, ELSEWHERE), (ELSEWHERE, HERE)] {
        let (before, after) = (addresses(organisation, from)?, addresses(organisation, to)?);
        for (before, after) in before.iter().zip(&after) {
            second.edit("hangar.hcl", &format!("\"{before}\""), &format!("\"{after}\""))?;
        }
        second.run(&["up", "--yes"]).await?.done()?;
        wait_for("the new addresses", async || {
            let all = service_addresses(organisation).await?;
            ensure!(after.iter().all(|one| all.contains(one)), "{all:?}");
            ensure!(!before.iter().any(|one| all.contains(one)), "{all:?}");
            Ok(Some(()))
        })
        .await?;
        for member in [first, second, third] {
            sees_nine(member).await?;
        }
        let again = second.run(&["up", "--yes"]).await?.done()?;
        ensure!(again.stdout.contains("nothing was done"), "{}", again.stdout);
    }
    traffic.ends_well(0).await
}

/// The part of the public names of the second member's nodes that is theirs.
const NAMES: [&str; 2] = ["db.dss.uss2.example.com", "nodes.uss2.example.com"];

/// A node advertises its former name until it is restarted, and is called by it: both lead to it for as long. The member's host
/// is killed once between two of its nodes.
#[tokio::test(flavor = "multi_thread")]
async fn nodes_go_by_other_names_under_load_and_are_found_under_both_until_all_have_restarted() -> Result<()> {
    let pooled = pooled().await?;
    let [first, second, third] = &pooled.members[..] else { bail!("three members") };
    let gateway = Gateway::to(pooled.stage.organisation("uss1")?, pooled.stage.organisation("uss1")?).await?;
    let advertised = async |suffix: &str| -> Result<usize> {
        let all = gateway.ask("SELECT address FROM crdb_internal.gossip_nodes").await?;
        Ok(all.iter().filter(|address| address.contains(&format!(".{suffix}:"))).count())
    };
    let traffic = Traffic::begin(&pooled.stage, &["uss1", "uss3"]).await?;
    for (former, new) in [(NAMES[0], NAMES[1]), (NAMES[1], NAMES[0])] {
        second.edit("hangar.hcl", &format!("\"{former}\""), &format!("\"{new}\""))?;
        let up = second.run(&["up", "--yes"]).await?.done()?;
        ensure!(up.stderr.contains("former names until `hangar restart`"), "{}", up.stderr);
        let again = second.run(&["up", "--yes"]).await?.done()?;
        ensure!(again.stdout.contains("nothing was done"), "{}", again.stdout);
        ensure!((advertised(former).await?, advertised(new).await?) == (3, 0), "a node restarted by itself");
        sees_nine(first).await?;
        second.run_killed_at("kube.restart.pod:2", &["restart", "--yes"]).await?;
        // News of a name go from node to node.
        wait_for("the other name to be told of", async || {
            let seen = third.run(&["pool", "status"]).await?.done()?;
            ensure!(seen.stdout.contains("it may go by another name by now\n  uss2: "), "{}", seen.stdout);
            Ok(Some(()))
        })
        .await?;
        second.run(&["restart", "--yes"]).await?.done()?;
        wait_for("nobody to go by a former name", async || {
            let both = (advertised(former).await?, advertised(new).await?);
            ensure!(both == (0, 3), "{both:?}");
            Ok(Some(()))
        })
        .await?;
        // The second one lets go of the former names; the others join by the new ones from now on.
        for member in [second, first, third] {
            member.run(&["up", "--yes"]).await?.done()?;
        }
        for member in [first, second, third] {
            sees_nine(member).await?;
            let last = member.run(&["up", "--yes"]).await?.done()?;
            ensure!(last.stdout.contains("nothing was done"), "{}", last.stdout);
        }
    }
    // A query that meets a node on its way down is lost with it; no write is.
    traffic.ends_lossless().await
}

fn addresses(organisation: &OrganisationFile, first: u8) -> Result<Vec<String>> {
    let (prefix, _) = organisation.load_balancer_range.rsplit_once('.').context("a range")?;
    Ok((first..first + 3).map(|n| format!("{prefix}.{n}")).collect())
}
