//! The nodes of a member get other public addresses.

use anyhow::{Context as _, Result, bail, ensure};
use test_support::{Workspace, wait_for};
use test_world::OrganisationFile;

use crate::cluster::service_addresses;
use crate::pool::live_nodes;
use crate::pooled::pooled;
use crate::traffic::Traffic;

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
            is_found(member).await?;
        }
        let again = second.run(&["up", "--yes"]).await?.done()?;
        ensure!(again.stdout.contains("nothing was done"), "{}", again.stdout);
    }
    traffic.ends_well(0).await
}

fn addresses(organisation: &OrganisationFile, first: u8) -> Result<Vec<String>> {
    let (prefix, _) = organisation.load_balancer_range.rsplit_once('.').context("a range")?;
    Ok((first..first + 3).map(|n| format!("{prefix}.{n}")).collect())
}

/// Its nodes reach all others, and its probes are let in everywhere.
async fn is_found(member: &Workspace) -> Result<()> {
    wait_for("nine live nodes that let us in", async || {
        let status = member.run(&["pool", "status", "--json"]).await?.done()?.value("pool-status")?;
        ensure!(live_nodes(&status) == 9, "{status:#}");
        Ok(Some(()))
    })
    .await
}
