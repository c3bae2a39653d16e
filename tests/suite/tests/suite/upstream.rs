//! Three instances that the DSS's own scripts made, in one cluster, become a roster.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Result, ensure};
use futures::future::try_join_all;
use k8s_openapi::api::core::v1::Pod;
use kube::api::ListParams;
use kube::{Api, ResourceExt as _};
use serde_json::Value;
use test_support::{Workspace, is_set, wait_for};

use crate::adopted::theirs::{Instance, Layout};
use crate::authority::Authority;
use crate::cluster::{Origins, client, origins};
use crate::pool::live_nodes;
use crate::pooled::{ALONE, MEMBERS, Stage, accept, deploy, join, join_by, turn};
use crate::traffic::Traffic;

const NAMESPACE: &str = "dss";
/// The second is of the chart's layout, so that both are in one pool.
const LAYOUTS: [Layout; 3] = [Layout::Tanka, Layout::Helm, Layout::Tanka];

/// Makes the pool, in which every authority has the one name that the vendor's tool gives.
async fn make(stage: &Stage) -> Result<()> {
    let authorities = MEMBERS.iter().map(|_| Authority::new("Cockroach CA")).collect::<Result<Vec<_>>>()?;
    for (n, organisation) in MEMBERS.into_iter().enumerate() {
        // The own one first, as the script appends those of the others.
        let others = authorities.iter().enumerate().filter(|(other, _)| *other != n);
        let made = Instance {
            organisation,
            namespace: NAMESPACE,
            layout: LAYOUTS[n],
            addresses: Some(stage.description(organisation)?.addresses),
            join: (n > 0).then(|| format!("0.db.dss.{}.example.com:26257", MEMBERS[0])),
            own: &authorities[n],
            bundle: std::iter::once(authorities[n].pem()).chain(others.map(|(_, one)| one.pem())).collect(),
        };
        let client = client(stage.organisation(organisation)?).await?;
        made.lay_down(&client).await?;
        if n == 0 {
            made.init(&client).await?;
        }
        made.ready(&client).await?;
    }
    Ok(())
}

/// Every database pod of the pool and how often it was restarted.
async fn nodes(stage: &Stage) -> Result<BTreeMap<String, (String, i32)>> {
    let mut found = BTreeMap::new();
    for name in MEMBERS {
        let pods: Api<Pod> = Api::namespaced(client(stage.organisation(name)?).await?, NAMESPACE);
        for pod in pods.list(&ListParams::default()).await? {
            let containers = pod.status.iter().flat_map(|status| status.container_statuses.iter().flatten());
            let database = containers.into_iter().find(|container| container.name == "cockroachdb");
            let Some(database) = database else { continue };
            let key = format!("{name}/{}", pod.name_any());
            found.insert(key, (pod.uid().unwrap_or_default(), database.restart_count));
        }
    }
    Ok(found)
}

async fn status(member: &Workspace) -> Result<Value> {
    member.run(&["pool", "status", "--json"]).await?.done()?.value("pool-status")
}

async fn is_whole(members: &[Workspace], n_nodes: usize) -> Result<()> {
    for member in members {
        // On a busy machine a node's sign of life may come late.
        let whole = wait_for("every node live and every authority loaded", async || {
            let seen = status(member).await?;
            let loaded = seen["members"]
                .as_array()
                .into_iter()
                .flatten()
                .all(|one| one["deployed-by"].as_array().is_some_and(|all| all.len() == members.len()));
            Ok((live_nodes(&seen) == n_nodes && loaded && seen["open"].is_null()).then_some(()))
        });
        whole.await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_of_other_tools_becomes_a_roster_and_no_node_is_touched() -> Result<()> {
    let _turn = turn().await;
    let goes_on = is_set("HANGAR_SUITE_ALL_POINTS");
    let organisations = if goes_on { [&MEMBERS[..], &[ALONE]].concat() } else { MEMBERS.to_vec() };
    let stage = Arc::new(Stage::start("upstream", &organisations).await?.published().await?);
    make(&stage).await?;
    let before = nodes(&stage).await?;
    ensure!(before.len() == 9, "{before:?}");
    let traffic = Traffic::begin_by(&stage, &MEMBERS, "cockroachdb.client.root").await?;

    let members: Vec<_> = MEMBERS.iter().map(|name| stage.member(name)).collect::<Result<_>>()?;
    for (member, layout) in members.iter().zip(LAYOUTS) {
        let layout = if layout == Layout::Helm { "helm" } else { "tanka" };
        let named = format!("  locality = \"{}\"\n", member.name);
        member.edit("hangar.hcl", &named, &format!("{named}  layout   = \"{layout}\"\n"))?;
    }
    try_join_all(members.iter().map(deploy)).await?;
    let create = ["pool", "create", "--adopt", "--yes", "--json"];
    members[0].run_killed_at("pool.record.kept", &create).await?;
    let founded = members[0].run(&create).await?.done()?;
    let founder = founded.value("identity")?["fingerprint"].as_str().unwrap_or_default().to_owned();
    // Asked first without a thought of what runs already.
    members[1].run(&["pool", "request"]).await?.done()?;
    let request = ["pool", "request", "--adopt", "--json"];
    join_by(&members[0], &founder, &[], &members[1], &request).await?;
    join_by(&members[0], &founder, &members[1..2], &members[2], &request).await?;

    is_whole(&members, 9).await?;
    let seen = status(&members[0]).await?;
    let told: Vec<&str> =
        seen["findings"].as_array().into_iter().flatten().filter_map(|one| one["cure"].as_str()).collect();
    ensure!(told.iter().any(|cure| cure.contains("hangar pool rotate-ca")), "{seen:#}");
    for member in &members {
        let again = member.run(&["up", "--yes"]).await?.done()?;
        ensure!(again.stderr.contains("`hangar up --adopt` takes them over"), "{}", again.stderr);
        // Nothing of ours would tell their nodes to load another certificate.
        let refused = member.run(&["pool", "rotate-ca", "--yes"]).await?.exits(4)?;
        ensure!(refused.stderr.contains("as other tools made them"), "{}", refused.stderr);
    }
    traffic.ends_well(0).await?;
    ensure!(nodes(&stage).await? == before, "a node was touched: {before:?}");
    let founded = origins(stage.organisation(MEMBERS[0])?).await?;
    ensure!(founded == Origins { n_nodes: 3, n_founded: 1, n_joined: 2 }, "{founded:?}");
    if goes_on { taken_over(&stage, &members, &founder).await } else { Ok(()) }
}

/// Each takes its nodes over, one goes over to an authority of its own, and a newcomer joins.
async fn taken_over(stage: &Stage, members: &[Workspace], founder: &str) -> Result<()> {
    let traffic = Traffic::begin_by(stage, &MEMBERS, "cockroachdb.client.root").await?;
    for member in members {
        member.edit("services.yaml", "coreService:\n", "schema:\n  run: true\ncoreService:\n")?;
        member.run(&["up", "--adopt", "--yes"]).await?.done()?;
        is_whole(members, 9).await?;
    }
    // It trusts what it was given at the start, as the clients of the other tools did.
    traffic.ends_lossless().await?;
    let [first, second, third] = members else { anyhow::bail!("three members") };
    let rotate = async { second.run(&["pool", "rotate-ca", "--yes"]).await?.done() };
    tokio::try_join!(rotate, accept(first, "uss2"), accept(third, "uss2"))?;
    let newcomer = stage.member(ALONE)?;
    deploy(&newcomer).await?;
    join(first, founder, &members[1..], &newcomer).await?;
    is_whole(&[members, &[newcomer]].concat(), 12).await
}
