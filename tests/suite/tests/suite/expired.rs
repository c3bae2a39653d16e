//! Leaves that nobody has renewed in time.

use anyhow::{Context as _, Result, bail, ensure};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{Pod, Secret};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams};
use test_support::wait_for;
use test_world::OrganisationFile;

use crate::authority::{Authority, in_cluster};
use crate::cluster::{CLIENT_SECRET, DATABASE, NAMESPACE, client, logs};
use crate::pool::{lists_well, sees_nine};
use crate::pooled::pooled;
use crate::traffic::Traffic;

/// A node that stops then does not come back, and no client of its organisation is let in: nothing that asks the database
/// stands in the way of the one command that mends it. Its host is killed with the new leaves in the cluster.
#[tokio::test(flavor = "multi_thread")]
async fn leaves_that_are_over_are_told_with_their_cure_and_renewed_though_no_node_answers() -> Result<()> {
    let pooled = pooled().await?;
    let [first, second, third] = &pooled.members[..] else { bail!("three members") };
    let organisation = pooled.stage.organisation("uss3")?;
    let traffic = Traffic::begin(&pooled.stage, &["uss1", "uss2"]).await?;
    give(organisation, &Authority::of(third)?).await?;
    let pods: Api<Pod> = Api::namespaced(client(organisation).await?, NAMESPACE);
    pods.delete(&format!("{DATABASE}-0"), &DeleteParams::default()).await?;
    wait_for("the node not to come back", async || {
        let all = logs(organisation, "cockroachdb").await?;
        Ok(all.iter().any(|log| log.contains("remote error: tls: expired certificate")).then_some(()))
    })
    .await?;

    let list = third.run(&["cert", "list"]).await?.exits(4)?;
    ensure!(list.stderr.contains("`hangar cert renew`"), "{}", list.stderr);
    let met = first.run(&["cert", "list"]).await?.exits(4)?;
    ensure!(met.stderr.contains("uss3: `hangar cert renew`"), "{}", met.stderr);
    for member in [first, third] {
        let status = member.run(&["pool", "status"]).await?;
        ensure!(status.stdout.contains("is over"), "{}\n{}", status.stdout, status.stderr);
        ensure!(status.stdout.contains("hangar cert renew"), "{}\n{}", status.stdout, status.stderr);
    }

    third.run_killed_at("kube.secret.after:2", &["cert", "renew", "--yes"]).await?;
    third.run(&["cert", "renew", "--yes"]).await?.done()?;
    lists_well(third, "7").await?;
    for member in [first, second, third] {
        sees_nine(member).await?;
    }
    // What was under way at the node that stopped is lost with it; no write is.
    traffic.ends_lossless().await
}

/// Puts leaves that are over into the Secrets of an organisation's nodes and of its client, as time alone does.
async fn give(organisation: &OrganisationFile, authority: &Authority) -> Result<()> {
    let services = [DATABASE, &format!("*.{DATABASE}"), &format!("{DATABASE}-public")];
    let public = (0..3).map(|n| format!("{n}.db.dss.{}.example.com", organisation.name));
    let node = authority.leaf_of_old("node", in_cluster(&services, NAMESPACE).into_iter().chain(public).collect())?;
    let root = authority.leaf_of_old("root", Vec::new())?;
    let secrets: Api<Secret> = Api::namespaced(client(organisation).await?, NAMESPACE);
    let before = n_loads(organisation).await?;
    let both = [(format!("{DATABASE}-node"), "node", node), (CLIENT_SECRET.to_owned(), "client.root", root)];
    for (secret, file, (certificate, key)) in both {
        let held = secrets.get(&secret).await.with_context(|| secret.clone())?;
        let mut files = held.data.unwrap_or_default();
        for (ending, text) in [("crt", certificate), ("key", key)] {
            let old = files.insert(format!("{file}.{ending}"), ByteString(text.into_bytes()));
            ensure!(old.is_some(), "`{secret}` has no `{file}.{ending}`");
        }
        let ObjectMeta { labels, annotations, .. } = held.metadata;
        let metadata = ObjectMeta { name: Some(secret.clone()), labels, annotations, ..ObjectMeta::default() };
        let put = Secret { metadata, data: Some(files), type_: held.type_, ..Secret::default() };
        // As its one owner: whatever another one has changed is that one's.
        secrets.patch(&secret, &PatchParams::apply("hangar"), &Patch::Apply(put)).await?;
    }
    wait_for("every node to load them", async || {
        let now = n_loads(organisation).await?;
        let have_all = now.len() == 3 && now.iter().zip(&before).all(|(now, before)| now > before);
        Ok(have_all.then_some(()))
    })
    .await
}

/// How often each node of an organisation has loaded its certificates anew.
async fn n_loads(organisation: &OrganisationFile) -> Result<Vec<usize>> {
    let all = logs(organisation, "cockroachdb").await?;
    Ok(all.iter().map(|log| log.matches("successfully reloaded certificates").count()).collect())
}
