//! Organisation keys that are replaced: by the former one, by the recovery key, by the word of the others.

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use test_support::{Run, Workspace};

use crate::pooled::{Pooled, RECOVERY, pooled};

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_replaced_by_the_former_one_and_all_take_it() -> Result<()> {
    let pooled = pooled().await?;
    let [first, second, _] = &pooled.members[..] else { anyhow::bail!("three members") };
    let new = key(&second.run(&["pool", "rotate-key", "--json"]).await?.done()?)?;
    let early = second.run(&["pool", "rotate-key"]).await?.exits(4)?;
    assert!(early.stderr.contains("our former change of key is not seen yet by uss1, uss3"), "{}", early.stderr);
    takes_in(first, "uss2", &new).await?;
    is_at_rest(&pooled).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_key_is_replaced_with_the_recovery_key_and_no_other() -> Result<()> {
    let pooled = pooled().await?;
    let [first, second, _] = &pooled.members[..] else { anyhow::bail!("three members") };
    let other = pooled.stage.root.join("other.key").display().to_string();
    std::fs::write(&other, "no key at all\n")?;
    let refused = first.run(&["pool", "rotate-key", "--recovery", &other]).await?.exits(1)?;
    assert!(refused.stderr.contains("holds no recovery key"), "{}", refused.stderr);
    let file = pooled.stage.root.join(RECOVERY).display().to_string();
    let refused = second.run(&["pool", "rotate-key", "--recovery", &file]).await?.exits(1)?;
    assert!(refused.stderr.contains("is not the recovery key of our record"), "{}", refused.stderr);
    let new = key(&first.run(&["pool", "rotate-key", "--recovery", &file, "--json"]).await?.done()?)?;
    takes_in(second, "uss1", &new).await?;
    is_at_rest(&pooled).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_key_is_replaced_by_the_word_of_most_others() -> Result<()> {
    let pooled = pooled().await?;
    let [first, second, third] = &pooled.members[..] else { anyhow::bail!("three members") };
    let new = key(&third.run(&["pool", "rotate-key", "--vouched", "--json"]).await?.done()?)?;
    let status = first.run(&["pool", "status", "--json"]).await?.done()?.value("pool-status")?;
    let unknown = format!("signed by the unknown key {new}");
    ensure!(messages(&status).contains(&unknown), "one signature of an unknown key is no member's: {status:#}");
    let vouch = ["pool", "accept", "uss3", "--key", &new];
    first.run(&vouch).await?.done()?;
    let status = first.run(&["pool", "status", "--json"]).await?.done()?.value("pool-status")?;
    ensure!(messages(&status).contains(&unknown), "one of two is not enough: {status:#}");
    second.run(&vouch).await?.done()?;
    let again = second.run(&vouch).await?.done()?;
    assert!(again.stdout.contains("It was so already"), "{}", again.stdout);
    for member in [first, second] {
        takes_in(member, "uss3", &new).await?;
    }
    is_at_rest(&pooled).await
}

fn key(run: &Run) -> Result<String> {
    Ok(run.value("identity")?["fingerprint"].as_str().context("no fingerprint")?.to_owned())
}

fn messages(status: &Value) -> Vec<String> {
    let findings = status["findings"].as_array().into_iter().flatten();
    findings.filter_map(|finding| finding["message"].as_str().map(ToOwned::to_owned)).collect()
}

/// Another member holds a record that is signed with the new key, and its history is in order.
async fn takes_in(member: &Workspace, subject: &str, key: &str) -> Result<()> {
    member.run(&["up", "--yes"]).await?.done()?;
    let events = member.run(&["pool", "history", "--json"]).await?.done()?.values("event");
    let newest = events.iter().rfind(|event| event["member"] == subject).context("no record of it")?;
    ensure!(newest["key"] == key, "`{}` holds {newest:#}", member.name);
    Ok(())
}

/// Nobody has anything to do or to complain of.
async fn is_at_rest(pooled: &Pooled) -> Result<()> {
    for member in &pooled.members {
        let up = member.run(&["up", "--yes"]).await?.done()?;
        ensure!(up.stdout.contains("nothing was done"), "{}: {}", member.name, up.stdout);
    }
    for member in &pooled.members {
        let waited = member.run(&["pool", "status", "--wait", "--timeout", "2m", "--json"]).await?.done()?;
        let status = waited.value("pool-status")?;
        ensure!(messages(&status).is_empty(), "{}: {status:#}", member.name);
        let tally = waited.values("pool-tally").pop().context("no counts")?;
        ensure!(tally["acknowledgements"]["done"] == 6 && tally["nodes"]["done"] == 9, "{tally:#}");
    }
    Ok(())
}
