//! `hangar up` with larger disks for the database.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod};
use kube::api::ListParams;
use kube::{Api, Client, ResourceExt as _};
use test_support::wait_for;

use crate::cluster::client;
use crate::pooled::{MEMBERS, pooled};

const NAMESPACE: &str = "dss";

async fn nodes(client: &Client) -> Result<BTreeMap<String, Option<String>>> {
    let pods: Api<Pod> = Api::namespaced(client.clone(), NAMESPACE);
    let of_database = ListParams::default().labels("app.kubernetes.io/name=cockroachdb");
    Ok(pods.list(&of_database).await?.items.iter().map(|pod| (pod.name_any(), pod.uid())).collect())
}

/// Sizes of the database's volumes, as they are.
async fn sizes(client: &Client) -> Result<Vec<String>> {
    let claims: Api<PersistentVolumeClaim> = Api::namespaced(client.clone(), NAMESPACE);
    let listed = claims.list(&ListParams::default()).await?.items.into_iter();
    let capacity = |claim: PersistentVolumeClaim| claim.status?.capacity?.remove("storage").map(|size| size.0);
    Ok(listed.filter_map(capacity).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn disks_grow_under_nodes_that_go_on_and_never_shrink() -> Result<()> {
    let pooled = pooled().await?;
    let (member, client) = (&pooled.members[1], client(pooled.stage.organisation(MEMBERS[1])?).await?);
    let before = nodes(&client).await?;
    ensure!(before.len() == 3 && sizes(&client).await? == ["1Gi"; 3], "{before:?}");
    member.edit("services.yaml", "size: 1Gi", "size: 2Gi")?;
    let up = member.run(&["up", "--yes"]).await?.done()?;
    wait_for("larger volumes", async || Ok((sizes(&client).await? == ["2Gi"; 3]).then_some(()))).await?;
    ensure!(nodes(&client).await? == before, "a node was made anew: {}", up.stdout);
    let again = member.run(&["up", "--yes"]).await?.done()?;
    ensure!(again.stdout.contains("is as it should be: nothing was done"), "{}", again.stdout);

    member.edit("services.yaml", "size: 2Gi", "size: 1Gi")?;
    let smaller = member.run(&["up", "--yes"]).await?.exits(3)?;
    ensure!(smaller.stderr.contains("some fields are fixed once an object is made"), "{}", smaller.stderr);
    member.edit("services.yaml", "size: 1Gi", "size: 2Gi")?;
    member.run(&["up", "--yes"]).await?.done()?;
    ensure!(nodes(&client).await? == before, "a node was made anew");
    Ok(())
}
