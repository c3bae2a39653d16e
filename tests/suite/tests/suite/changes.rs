//! What a founded pool goes through: new certificates, a new authority, records in one file.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use test_support::{Workspace, is_set, wait_for};

use crate::api::Asking;
use crate::killed::dying_at;
use crate::links::Cuts;
use crate::pool::{is_still, lists_well, live_nodes, sees_nine, verifies};
use crate::pooled::{MEMBERS, accept, pooled};
use crate::traffic::Traffic;

/// Fingerprints of the authorities of a member, as another one lists them.
fn authorities(list: &[Value], member: &str) -> Vec<String> {
    let place = format!("member {member}");
    let of = list.iter().filter(|one| one["place"] == place.as_str());
    of.filter_map(|one| one["fingerprint"].as_str().map(ToOwned::to_owned)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_authority_is_replaced_and_every_node_stays() -> Result<()> {
    let pooled = pooled().await?;
    let [first, second, third] = &pooled.members[..] else { anyhow::bail!("three members") };
    let before = authorities(&first.run(&["cert", "list", "--json"]).await?.done()?.values("certificate"), "uss2");
    let traffic = Traffic::begin(&pooled.stage, &["uss1", "uss3"]).await?;
    let api = Asking::begin(pooled.stage.organisation("uss2")?).await?;
    let cuts = Cuts::begin(&pooled.stage, &MEMBERS)?;
    // Before the others see its new authority, while they wait for what it proves, with its new leaves in the cluster, and when all is
    // done and only its journal does not say so: the next run begins no other rotation.
    let points = ["pool.record.kept:2", "engine.act.after", "kube.secret.after:3", "journal.end.before"];
    let rotate = dying_at(&points, second, &["pool", "rotate-ca", "--yes"]);
    if is_set("HANGAR_SUITE_ALL_POINTS") {
        tokio::select! {
            rotated = rotate => drop(rotated?),
            ended = accepts_all(first, "uss2") => ended?,
            ended = accepts_all(third, "uss2") => ended?,
        }
        // Theirs ended with it wherever they were, and the next run does what is owed.
        wait_for("every slot to be free", async || {
            for member in [first, third] {
                member.run(&["up", "--yes"]).await?.done()?;
            }
            let status = first.run(&["pool", "status", "--json"]).await?.done()?.value("pool-status")?;
            Ok(is_still(&status).then_some(()))
        })
        .await?;
    } else {
        tokio::try_join!(rotate, accept(first, "uss2"), accept(third, "uss2"))?;
    }
    ensure!(cuts.end().await? > 0, "no node has heard of a cut");
    traffic.ends_well(0).await?;
    api.ends_well().await?;
    let after = authorities(&first.run(&["cert", "list", "--json"]).await?.done()?.values("certificate"), "uss2");
    assert_eq!((before.len(), after.len()), (1, 1));
    assert_ne!(before, after);
    for member in &pooled.members {
        // On a busy machine a node's sign of life may come late: all nine must show one at the same time, in the end.
        let whole = wait_for("nine live nodes and no open change", async || {
            let status = member.run(&["pool", "status", "--json"]).await?.done()?.value("pool-status")?;
            ensure!(live_nodes(&status) == 9 && status["open"] == Value::Null, "{}: {status:#}", member.name);
            Ok(Some(()))
        });
        whole.await?;
    }
    Ok(())
}

/// Accepts whatever is proposed about a member: one that dies once its rotation is over begins another.
async fn accepts_all(member: &Workspace, subject: &str) -> Result<()> {
    loop {
        accept(member, subject).await?;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn leaves_are_renewed_and_every_node_stays() -> Result<()> {
    let pooled = pooled().await?;
    let member = &pooled.members[0];
    let leaf = |list: Vec<Value>| {
        let node = list.into_iter().find(|one| one["place"].as_str().is_some_and(|place| place.ends_with("node.crt")));
        node.and_then(|one| one["fingerprint"].as_str().map(ToOwned::to_owned)).context("the node's leaf")
    };
    let list = member.run(&["cert", "list", "--json"]).await?.done()?.values("certificate");
    for node in (0..3).map(|n| format!("node {n}.db.dss.uss2.example.com")) {
        let shown = list.iter().find(|one| one["place"] == node.as_str()).with_context(|| node.clone())?;
        assert_eq!((&shown["member"], &shown["is-authority"]), (&json!("uss2"), &json!(false)));
        assert!(shown["days-left"].as_u64().is_some_and(|days| days > 100), "{shown:#}");
    }
    let before = leaf(list)?;
    let api = Asking::begin(pooled.stage.organisation("uss1")?).await?;
    dying_at(&["kube.secret.after"], member, &["cert", "renew", "--yes"]).await?;
    let after = leaf(member.run(&["cert", "list", "--json"]).await?.done()?.values("certificate"))?;
    assert_ne!(before, after);
    api.ends_well().await?;
    sees_nine(&pooled.members[1]).await
}

/// Leaves that live for so many days, and how much their end matters by then.
const NEAR: [(u32, &str); 3] = [(50, "note"), (20, "warning"), (5, "error")];

/// The end of a certificate is near because it was made for a short life, not because somebody asks for much.
#[tokio::test(flavor = "multi_thread")]
async fn what_ends_in_sixty_thirty_and_seven_days_is_told_to_everybody_and_renewed() -> Result<()> {
    let pooled = pooled().await?;
    let [first, second, _] = &pooled.members[..] else { anyhow::bail!("three members") };
    let own = |list: &[Value]| {
        let is_leaf = |one: &&Value| one["place"].as_str().is_some_and(|place| place.ends_with("node.crt"));
        list.iter().find(is_leaf).cloned().context("the node's leaf")
    };
    let mut line = "  locality = \"uss1\"\n".to_owned();
    for (days, severity) in NEAR {
        let next = format!("  locality = \"uss1\"\n  leaf_days = {days}\n");
        first.edit("hangar.hcl", &line, &next)?;
        line = next;
        first.run(&["cert", "renew", "--yes"]).await?.done()?;
        let ends = days.to_string();
        let told = first.run(&["cert", "list", "--json", "--within", &ends]).await?.exits(4)?;
        let leaf = own(&told.values("certificate"))?;
        assert_eq!(
            (leaf["days-left"].as_u64(), leaf["severity"].as_str()),
            (Some(u64::from(days) - 1), Some(severity))
        );
        assert!(told.stderr.contains("`hangar cert renew`"), "{}", told.stderr);
    }
    // Whoever asks for nothing in particular hears of what ends within a week, here and at the other members.
    first.run(&["cert", "list"]).await?.exits(4)?;
    let status = first.run(&["pool", "status"]).await?.done()?;
    assert!(status.stdout.contains("node.crt ends in 4 days"), "{}", status.stdout);
    let met = second.run(&["cert", "list"]).await?.exits(4)?;
    assert!(met.stderr.contains("uss1: `hangar cert renew`"), "{}", met.stderr);
    let verified = second.run(&["pool", "verify"]).await?.exits(4)?;
    assert!(verified.stdout.contains("0.db.dss.uss1.example.com ends in 4 days"), "{}", verified.stdout);

    first.edit("hangar.hcl", &line, "  locality = \"uss1\"\n")?;
    first.run(&["cert", "renew", "--yes"]).await?.done()?;
    for member in [first, second] {
        lists_well(member, "60").await?;
    }
    verifies(second).await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_record_is_kept_and_verified_from_one_file() -> Result<()> {
    let pooled = pooled().await?;
    let file = pooled.stage.root.join("records.jsonl").display().to_string();
    pooled.members[0].run(&["pool", "export", &file]).await?.done()?;
    let told = pooled.members[1].run(&["pool", "history", "--file", &file]).await?.done()?.stdout;
    assert!(told.contains("founds the pool") && told.contains("opens the join of uss3"), "{told}");
    pooled.members[2].run(&["pool", "import", &file]).await?.done()?;
    // A file that is not there, is something else or was cut off on its way is no history that is in order.
    for (text, code, told) in [
        (None, 1, "there is no file"),
        (Some("no record at all\n".to_owned()), 1, "holds no record"),
        (Some(std::fs::read_to_string(&file)? + "{\"name\":\"uss1"), 4, "1 lines are no records"),
    ] {
        let other = pooled.stage.root.join("other.jsonl");
        if let Some(text) = text {
            std::fs::write(&other, text)?;
        }
        let other = other.display().to_string();
        for command in [&["pool", "history", "--file", &other][..], &["pool", "import", &other]] {
            let run = pooled.members[2].run(command).await?.exits(code)?;
            assert!(run.stderr.contains(told), "{command:?}: {}", run.stderr);
        }
    }
    verifies(&pooled.members[2]).await
}

/// What is only shown is refused where the change would be, and neither proposed nor done.
#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_shows_a_change_and_begins_nothing() -> Result<()> {
    let pooled = pooled().await?;
    let member = &pooled.members[2];
    let records = async || Ok::<_, anyhow::Error>(member.run(&["pool", "history", "--json"]).await?.done()?.stdout);
    let before = records().await?;
    for (command, phase) in [
        (&["pool", "leave", "--lose-tolerance"][..], "leave"),
        (&["pool", "rotate-certs"], "certificates"),
        (&["pool", "rotate-ca"], "certificates"),
        (&["cert", "renew"], "certificates"),
    ] {
        let shown = member.run(&[command, &["--dry-run"]].concat()).await?.done()?.stdout;
        ensure!(shown.contains(phase) && shown.contains("Nothing was changed."), "{command:?}: {shown}");
        member.run(&[command, &["--dry-run", "--yes"]].concat()).await?.exits(2)?;
    }
    let refused = member.run(&["pool", "leave", "--dry-run"]).await?.exits(4)?;
    ensure!(refused.stderr.contains("2 organisations would remain"), "{}", refused.stderr);
    // New certificates reach the API with the release, and nothing else does unseen.
    member.edit("services.yaml", "coreService:\n", "coreService:\n  podLabels: { a: b }\n")?;
    for command in ["rotate-certs", "rotate-ca"] {
        let refused = member.run(&["pool", command, "--yes"]).await?.exits(4)?;
        ensure!(refused.stderr.contains("was not brought in yet"), "{}", refused.stderr);
    }
    member.edit("services.yaml", "coreService:\n  podLabels: { a: b }\n", "coreService:\n")?;
    ensure!(records().await? == before, "something was published");
    verifies(member).await
}

/// Leaves are ours alone: a carrier that is away keeps nobody from new ones, nor from looking.
#[tokio::test(flavor = "multi_thread")]
async fn leaves_are_renewed_and_the_pool_is_shown_without_a_carrier() -> Result<()> {
    let pooled = pooled().await?;
    let member = &pooled.members[2];
    let (folder, aside) = (pooled.stage.root.join("carrier"), pooled.stage.root.join("carrier.aside"));
    std::fs::rename(&folder, &aside)?;
    std::fs::write(&folder, "no folder")?;
    wait_for("nine live nodes, and a finding about the carrier", async || {
        let shown = member.run(&["pool", "status", "--json"]).await?.done()?.value("pool-status")?;
        let findings = shown["findings"].as_array().context("findings")?;
        ensure!(findings.iter().any(|finding| finding["subject"] == "carrier"), "{shown:#}");
        ensure!(live_nodes(&shown) == 9, "{shown:#}");
        Ok(Some(()))
    })
    .await?;
    member.run(&["pool", "verify"]).await?.exits(4)?;
    member.run(&["pool", "status", "--wait", "--timeout", "1s"]).await?.exits(3)?;
    member.run(&["cert", "renew", "--yes"]).await?.done()?;
    let others = member.run(&["pool", "rotate-ca", "--yes"]).await?.exits(3)?;
    ensure!(others.stderr.contains("make the carrier reachable"), "{}", others.stderr);
    std::fs::remove_file(&folder)?;
    std::fs::rename(&aside, &folder)?;
    verifies(member).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leave_that_costs_tolerance_is_refused_without_consent() -> Result<()> {
    let pooled = pooled().await?;
    let run = pooled.members[2].run(&["pool", "leave", "--yes"]).await?.exits(4)?;
    assert!(run.stderr.contains("2 organisations would remain"), "{}", run.stderr);
    assert!(run.stderr.contains("--lose-tolerance"), "{}", run.stderr);
    Ok(())
}
