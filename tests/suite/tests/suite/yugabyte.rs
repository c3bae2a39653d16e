//! The other database: the same commands, the same chart, another plugin.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use test_support::{Database, Workspace};

use crate::cluster::logs;
use crate::pooled::{Stage, join, turn};

const PLUGINS: [&str; 2] = ["local", "yugabytedb"];

/// What a master says when it founds a universe, and when it comes into one.
const FOUNDED: &str = "founded universe ";
const ADDED: &str = "added to universe ";

#[tokio::test(flavor = "multi_thread")]
async fn an_organisation_founds_a_universe_with_its_own_masters_once_and_another_joins_it() -> Result<()> {
    let _turn = turn().await;
    let stage = Stage::start("yugabyte", &["uss1", "uss2"]).await?;
    let founder = stage.member_of("uss1", Database::Yugabytedb)?;
    let joiner = stage.member_of("uss2", Database::Yugabytedb)?;
    stage.push_all(&founder, &PLUGINS).await?;
    tokio::try_join!(deploy(&founder), deploy(&joiner))?;
    let founded = founder.run(&["pool", "create", "--yes", "--json"]).await?.done()?;
    let key = founded.value("identity")?["fingerprint"].as_str().context("no fingerprint")?.to_owned();
    let status = status(&founder).await?;
    let universe = status["cluster-id"].as_str().context("no identity")?.to_owned();
    assert_eq!(origins(&stage, "uss1", &universe).await?, (1, 2), "one master founds, two are its founders too");
    is_left_alone(&founder).await?;

    join(&founder, &key, &[], &joiner).await?;
    Ok(())
}

async fn status(member: &Workspace) -> Result<Value> {
    member.run(&["pool", "status", "--json"]).await?.done()?.value("pool-status")
}

async fn is_left_alone(member: &Workspace) -> Result<()> {
    let again = member.run(&["up", "--yes"]).await?.done()?;
    ensure!(again.stdout.contains("is as it should be: nothing was done"), "{}", again.stdout);
    Ok(())
}

async fn deploy(member: &Workspace) -> Result<()> {
    member.run(&["init", "--yes"]).await?.done()?;
    member.run(&["up", "--yes"]).await?.done()?;
    Ok(())
}

/// How many masters of an organisation have founded this universe, and how many were added to it. None is in another.
async fn origins(stage: &Stage, name: &str, universe: &str) -> Result<(usize, usize)> {
    let (mut n_founded, mut n_added) = (0, 0);
    let mut universes = BTreeSet::new();
    for log in logs(stage.organisation(name)?, "master").await? {
        let found = |what: &str| {
            log.lines()
                .filter_map(|line| line.split_once(what)?.1.split(' ').next())
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        let (founded, added) = (found(FOUNDED), found(ADDED));
        n_founded += founded.len();
        n_added += added.len();
        universes.extend(founded.into_iter().chain(added));
    }
    assert_eq!(universes.into_iter().collect::<Vec<_>>(), [universe]);
    Ok((n_founded, n_added))
}
