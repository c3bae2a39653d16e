//! The other database: the same commands, the same chart, another plugin.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use serde_json::Value;
use test_support::{Database, Workspace, wait_for};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::cluster::{client, logs};
use crate::pool::live_nodes;
use crate::pooled::{Stage, accept, join, turn};

const PLUGINS: [&str; 2] = ["local", "yugabytedb"];

/// What a master says when it founds a universe, and when it comes into one.
const FOUNDED: &str = "founded universe ";
const ADDED: &str = "added to universe ";

#[tokio::test(flavor = "multi_thread")]
async fn a_universe_is_founded_once_joined_left_and_whole_after_each() -> Result<()> {
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
    assert_eq!(origins(&stage, "uss2", &universe).await?, (0, 3), "nobody founds twice");
    for member in [&joiner, &founder] {
        is_whole(member, &universe, 6).await?;
        is_left_alone(member).await?;
    }
    assert_eq!(places(&stage, "uss2").await?, ["dss.uss1", "dss.uss2"]);
    founder.run(&["pool", "status", "--wait", "--timeout", "2m"]).await?.done()?;

    let leave = async { joiner.run(&["pool", "leave", "--yes"]).await?.done() };
    tokio::try_join!(leave, accept(&founder, "uss2"))?;
    joiner.run(&["down", "--yes"]).await?.done()?;
    assert_eq!(places(&stage, "uss1").await?, ["dss"]);
    is_whole(&founder, &universe, 3).await?;
    is_left_alone(&founder).await
}

/// Every node of the pool is known and live, and nothing is said against it.
async fn is_whole(member: &Workspace, universe: &str, n_nodes: usize) -> Result<()> {
    wait_for("a whole pool", async || {
        let status = status(member).await?;
        let is_one = status["identities"] == serde_json::json!([universe]) && status["gateways-agree"] == true;
        ensure!(is_one && live_nodes(&status) == n_nodes && status["open"] == Value::Null, "{status:#}");
        Ok(Some(()))
    })
    .await
}

/// Where copies have to lie, by a master of an organisation.
async fn places(stage: &Stage, name: &str) -> Result<Vec<String>> {
    let pods: Api<Pod> = Api::namespaced(client(stage.organisation(name)?).await?, "dss");
    let address = pods.get("dss-yugabytedb-0").await?.status.and_then(|status| status.pod_ip).context("no address")?;
    // The API shows an address of the world as one of a cluster.
    let address = address.replacen("10.", "127.", 1);
    let mut stream = TcpStream::connect((address.as_str(), 7000)).await?;
    let request = format!("GET /api/v1/cluster-config HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let (_, body) = answer.split_once("\r\n\r\n").with_context(|| answer.clone())?;
    let page: Value = serde_json::from_str(body).with_context(|| answer.clone())?;
    let blocks = page["replication_info"]["live_replicas"]["placement_blocks"].as_array();
    let parts = ["placement_cloud", "placement_region", "placement_zone"];
    let place = |block: &Value| {
        let said: Vec<&str> = parts.iter().filter_map(|part| block["cloud_info"][*part].as_str()).collect();
        said.join(".")
    };
    Ok(blocks.with_context(|| page.to_string())?.iter().map(place).collect())
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
