//! `hangar up --adopt` on an instance that tanka manifests made, with its database running.

pub(crate) mod theirs;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim, Pod};
use kube::{Api, Client, ResourceExt as _};
use test_support::{Plugin, Workspace, needed};

use self::theirs::{Instance, Layout};
use crate::authority::Authority;
use crate::cluster::{Origins, client, origins_in};
use crate::pooled::{ALONE, Stage, alone};

const NAMESPACE: &str = "theirs";
const NOTHING_DONE: &str = "is as it should be: nothing was done";

/// What the operator writes into the values file under `cockroachdb`, in the words of the chart's README.
const NAMES: &str = "  locality: [{ key: zone, value: uss4 }]
  join: [cockroachdb-0.cockroachdb.theirs.svc.cluster.local:26257]
  advertise: { suffix: db.dss.uss4.example.com }
  names: { nodes: cockroachdb, clients: cockroachdb-balanced, external: cockroach-db-external-node }
  secrets: { node: cockroachdb.node, clientRoot: cockroachdb.client.root }
";

fn workspace(stage: &Stage) -> Result<Workspace> {
    let mut description = stage.description(ALONE)?;
    let file = needed("HANGAR_PLUGINS_DIR")?.join("local.wasm");
    description.plugins = vec![Plugin::of_file("local", &file)];
    description.infra = "local".into();
    let workspace = Workspace::lay_down(&stage.root.join("adopted"), &description)?;
    workspace.edit("hangar.hcl", "  nodes     = 3\n", "  nodes     = 3\n  namespace = \"theirs\"\n")?;
    Ok(workspace)
}

/// Puts a file into the volume of each node.
async fn mark(client: &Client) -> Result<()> {
    for number in 0..3 {
        std::fs::write(marker(client, number).await?.1, format!("the volume of node {number}"))?;
    }
    Ok(())
}

/// The volume of a node, and the file in it.
async fn marker(client: &Client, number: usize) -> Result<(String, PathBuf)> {
    let claims: Api<PersistentVolumeClaim> = Api::namespaced(client.clone(), NAMESPACE);
    let claim = claims.get(&format!("datadir-cockroachdb-{number}")).await?;
    let volume = claim.spec.as_ref().and_then(|spec| spec.volume_name.clone()).context("a volume")?;
    let volumes: Api<PersistentVolume> = Api::all(client.clone());
    let folder = volumes.get(&volume).await?.spec.and_then(|spec| spec.host_path).context("a folder")?.path;
    Ok((format!("{} {volume}", claim.uid().context("a uid")?), Path::new(&folder).join("marker")))
}

/// What must be the same afterwards: every pod, every claim with its volume, and the file in it.
async fn identities(client: &Client) -> Result<BTreeMap<String, String>> {
    let pods: Api<Pod> = Api::namespaced(client.clone(), NAMESPACE);
    let mut found = BTreeMap::new();
    for number in 0..3 {
        let pod = format!("cockroachdb-{number}");
        found.insert(pod.clone(), pods.get(&pod).await?.uid().context("a uid")?);
        let (volume, marker) = marker(client, number).await?;
        let content =
            std::fs::read_to_string(&marker).with_context(|| format!("the volume of node {number} is another"))?;
        found.insert(format!("volume {number}"), format!("{volume} {content}"));
    }
    Ok(found)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_of_tanka_is_shown_refused_where_it_would_lose_and_adopted_with_its_data() -> Result<()> {
    let apart = alone().await?;
    let organisation = apart.stage.organisation(ALONE)?;
    let (client, workspace) = (client(organisation).await?, workspace(&apart.stage)?);
    let (own, other) = (Authority::new("Cockroach CA")?, Authority::new("Cockroach CA of a partner")?);
    let made = Instance {
        organisation: ALONE,
        namespace: NAMESPACE,
        layout: Layout::Tanka,
        addresses: None,
        join: None,
        own: &own,
        bundle: format!("{}{}", own.pem(), other.pem()),
    };
    made.lay_down(&client).await?;
    made.init(&client).await?;
    made.ready(&client).await?;
    mark(&client).await?;
    let (before, founded) = (identities(&client).await?, origins_in(organisation, NAMESPACE).await?);
    ensure!(founded == Origins { n_nodes: 3, n_founded: 1, n_joined: 2 }, "{founded:?}");
    workspace.run(&["init", "--yes"]).await?.done()?;
    workspace.run(&["up", "--yes"]).await?.done()?;

    // Seen without being asked for; without the values that say how it was made nothing more can be known.
    let plan = workspace.run(&["plan"]).await?.done()?.stdout;
    ensure!(plan.contains("! StatefulSet cockroachdb, made by `tanka`"), "{plan}");
    ensure!(
        plan.contains("is known once the chart renders") && plan.contains("cockroachdb.locality is needed"),
        "{plan}"
    );
    workspace.edit("services.yaml", "coreService:\n", &format!("{NAMES}schema:\n  run: true\ncoreService:\n"))?;
    workspace.edit("services.yaml", "nodes: cockroachdb, ", "")?;
    let plan = workspace.run(&["plan"]).await?.done()?.stdout;
    ensure!(plan.contains("StatefulSet dss-cockroachdb would be another one, empty, beside it"), "{plan}");
    let doubled = workspace.run(&["up", "--adopt", "--yes"]).await?.exits(4)?;
    ensure!(doubled.stderr.contains("runs `cockroach` on volumes of its own"), "{}", doubled.stderr);

    // The Secret of the node's certificate knows one authority, that of the bundle two.
    workspace.edit("services.yaml", "names: { ", "names: { nodes: cockroachdb, ")?;
    let lost = workspace.run(&["up", "--adopt", "--yes"]).await?.exits(4)?;
    ensure!(
        lost.stderr.contains(&format!("would no longer trust `{}`", "CN=Cockroach CA of a partner")),
        "{}",
        lost.stderr
    );
    ensure!(identities(&client).await? == before, "something was done");

    workspace.edit("services.yaml", "secrets: { ", "secrets: { authorities: cockroachdb.ca.crt, ")?;
    let plan = workspace.run(&["plan"]).await?.done()?.stdout;
    for line in [
        "-/+ StatefulSet cockroachdb, made anew; its pods and volumes stay",
        "= Deployment core-service, made by `tanka`, stays",
        "certificate in Secret cockroachdb.node/node.crt: `CN=node,O=Cockroach`",
        "authority in Secret cockroachdb.ca.crt/ca.crt: ",
    ] {
        ensure!(plan.contains(line), "no `{line}`: {plan}");
    }
    workspace.run_killed_at("helm.remake.orphaned", &["up", "--adopt", "--yes"]).await?;
    workspace.run(&["up", "--adopt", "--yes"]).await?.done()?;
    ensure!(identities(&client).await? == before, "{before:?}");
    let again = workspace.run(&["up", "--yes"]).await?.done()?;
    ensure!(again.stdout.contains(NOTHING_DONE), "{}", again.stdout);

    // A node of the new template is the node it was, on the volume it had.
    let shown = workspace.run(&["restart", "--dry-run"]).await?.done()?.stdout;
    ensure!(shown.contains("restart pod cockroachdb-2") && shown.contains("restart pod cockroachdb-0"), "{shown}");
    workspace.run_killed_at("kube.restart.pod", &["restart", "--yes"]).await?;
    workspace.run(&["restart", "--yes"]).await?.done()?;
    let after = identities(&client).await?;
    for (what, identity) in &before {
        let is_same = after.get(what) == Some(identity);
        ensure!(is_same == what.starts_with("volume"), "{what} was {identity}: {after:?}");
    }
    let origins = origins_in(organisation, NAMESPACE).await?;
    ensure!(origins == Origins { n_nodes: 3, n_founded: 0, n_joined: 0 }, "a node of its own: {origins:?}");
    let again = workspace.run(&["restart", "--yes"]).await?.done()?;
    ensure!(again.stdout.contains("nothing was restarted"), "{}", again.stdout);
    workspace.run(&["down", "--yes"]).await?.done()?;
    Ok(())
}
