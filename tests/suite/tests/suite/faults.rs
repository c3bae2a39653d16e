//! Every procedure with bad ways between the organisations: for records, for probes and for the database nodes.

use anyhow::{Context as _, Result, bail, ensure};
use test_support::{Workspace, is_set, repository, wait_for};

use crate::evict::sees_dead;
use crate::leave::is_out;
use crate::links::Cuts;
use crate::pool::verifies;
use crate::pooled::{Carrier, MEMBERS, Pooled, Setting, Stage, accept, invite, quiet, turn};
use crate::post::Fate;
use crate::traffic::Traffic;
use crate::upgrade::{version, wants_next};

/// Which case has which fault in which procedure. The document shows this table.
const MATRIX: [(&str, [&str; 4]); 6] = [
    ("`pool create`", ["`leave`", "—", "—", "`killed`"]),
    ("`pool join`, the third member", ["`leave`", "`leave`", "`leave`", "`killed`"]),
    ("`pool rotate-ca`", ["`faults`", "`changes`", "—", "`changes`"]),
    ("`pool leave`", ["`leave`", "`faults`", "—", "`leave`"]),
    ("`pool evict`", ["`faults`", "`faults`", "—", "`evict`"]),
    ("`up`, with another release", ["`faults`", "`faults`", "—", "`upgrade`"]),
];

#[test]
fn the_document_shows_which_procedure_was_seen_under_which_fault() -> Result<()> {
    let head = "| procedure | messages lost, late, doubled | links of nodes cut | probes refused | host killed |\n";
    let rows = MATRIX.map(|(procedure, cases)| format!("| {procedure} | {} |\n", cases.join(" | ")));
    let table = format!("{head}| --- | --- | --- | --- | --- |\n{}", rows.concat());
    let document = std::fs::read_to_string(repository().join("docs/testing.md"))?;
    ensure!(document.contains(&table), "docs/testing.md shows another table than this:\n{table}");
    Ok(())
}

/// The third member's join, while the second one's firewall has forgotten it, and with every link between their nodes cut once.
///
/// It waits, says for which nodes, and starts none of its own; once it is let in it goes on by itself.
pub(crate) async fn join_on_bad_ways(stage: &Stage, founder: &str, members: &[Workspace]) -> Result<()> {
    let [first, second, joiner] = members else { bail!("three members") };
    let (closed, out) = (stage.organisation(&second.name)?, stage.organisation(&joiner.name)?);
    std::fs::write(&closed.refused_file, &out.pod_range)?;
    let asked = joiner.run(&["pool", "request", "--json"]).await?.done()?;
    let key = asked.value("identity")?["fingerprint"].as_str().context("a fingerprint")?.to_owned();
    let invite = invite(first, &key);
    let enter = async {
        let arrived = stage.root.join("post").join(&joiner.name).join(format!("{}.invitation.json", joiner.name));
        wait_for("the invitation", async || Ok(arrived.exists().then_some(()))).await?;
        let mut join = joiner.start(&["pool", "join", "--from", founder], &[])?;
        let kept_out = "member nodes to accept this organisation's authority \
                        (accepts/uss2/0, accepts/uss2/1, accepts/uss2/2)";
        join.says(kept_out).await?;
        ensure!(crate::cluster::origins(out).await?.n_nodes == 0, "a node runs before all let it in");
        std::fs::remove_file(&closed.refused_file)?;
        let cuts = Cuts::begin(stage, &MEMBERS)?;
        join.ended().await?.done()?;
        ensure!(cuts.end().await? > 0, "no node has heard of a cut");
        anyhow::Ok(())
    };
    tokio::try_join!(invite, enter, accept(second, &joiner.name))?;
    Ok(())
}

/// How it ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// The third member leaves.
    Leaves,
    /// It dies.
    Dies,
    /// It stays, and another release of the database comes in.
    Upgrades,
}

/// A pool under one fate of its messages, from its founding to its end. Only where all is to be tried.
async fn lives_under(fates: &'static [Fate], name: &str, ending: Ending) -> Result<()> {
    if !is_set("HANGAR_SUITE_ALL_POINTS") {
        return Ok(());
    }
    let _turn = turn().await;
    let create: &[&str] = if ending == Ending::Dies { &["--silence", "3s"] } else { &[] };
    let mut pooled = Pooled::form(&Setting { name, create, carrier: Carrier::Post(fates) }).await?;
    for member in &mut pooled.members {
        *member = member.clone().with_deadline(std::time::Duration::from_secs(600));
    }
    let [first, second, third] = &pooled.members[..] else { bail!("three members") };
    let traffic = Traffic::begin(&pooled.stage, &["uss1", "uss2"]).await?;
    let cuts = Cuts::begin(&pooled.stage, &MEMBERS)?;
    let rotate = async {
        let rotate = ["pool", "rotate-ca", "--yes"];
        third.run_killed_at("pool.record.kept:2", &rotate).await?;
        third.run(&rotate).await?.done()
    };
    tokio::try_join!(rotate, accept(first, "uss3"), accept(second, "uss3"))?;
    match ending {
        Ending::Dies => {
            ensure!(cuts.end().await? > 0, "no node has heard of a cut");
            crate::cluster::lose_database(pooled.stage.organisation("uss3")?).await?;
            tokio::try_join!(sees_dead(first), sees_dead(second))?;
            let cuts = Cuts::begin(&pooled.stage, &["uss1", "uss2"])?;
            let evict = async |member: &Workspace| member.run(&["pool", "evict", "uss3", "--yes"]).await?.done();
            tokio::try_join!(evict(first), evict(second))?;
            cuts.end().await?;
        }
        Ending::Leaves => {
            quiet(&pooled.members).await?;
            let leave = async { third.run(&["pool", "leave", "--lose-tolerance", "--yes"]).await?.done() };
            tokio::try_join!(leave, accept(first, "uss3"), accept(second, "uss3"))?;
            ensure!(cuts.end().await? > 0, "no node has heard of a cut");
        }
        Ending::Upgrades => {
            quiet(&pooled.members).await?;
            pooled.members.iter().try_for_each(wants_next)?;
            let up = async |member: &Workspace| member.run(&["up", "--yes"]).await?.done();
            tokio::try_join!(up(first), up(second), up(third))?;
            quiet(&pooled.members).await?;
            up(first).await?;
            ensure!(cuts.end().await? > 0, "no node has heard of a cut");
            ensure!(version(&pooled).await? == ["24.3"], "the first member lets the cluster go over");
        }
    }
    // A query may fail whose gateway is cut from whoever leads; what was written is found again.
    traffic.ends_lossless().await?;
    if ending != Ending::Upgrades {
        is_out(&pooled, &[first, second]).await?;
    }
    verifies(first).await?;
    pooled.post.as_ref().context("a post")?.has_been_bad()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_procedure_ends_well_with_every_message_lost_at_first() -> Result<()> {
    lives_under(&[Fate::Lost], "lost", Ending::Leaves).await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_procedure_ends_well_with_every_message_late() -> Result<()> {
    lives_under(&[Fate::Late], "late", Ending::Dies).await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_procedure_ends_well_with_every_message_doubled() -> Result<()> {
    lives_under(&[Fate::Doubled], "doubled", Ending::Upgrades).await
}
