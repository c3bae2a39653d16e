//! How soon a wait ends once the last object is ready.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use hangar_kube::Cluster;
use hangar_kube::rollout::{self, Level, Target};
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::json;
use test_support::wait_for;
use tokio::sync::mpsc;

use crate::control_plane::SOON;
use crate::machine::fresh;

const NAMESPACE: &str = "ready";
const ROUNDS: usize = 9;
const AT_MOST: Duration = Duration::from_millis(100);

async fn say(pods: &Api<Pod>, is_ready: bool) -> Result<()> {
    let status = if is_ready { "True" } else { "False" };
    let containers = json!([{"name": "main", "image": "example/db:1", "imageID": "", "ready": is_ready, "restartCount": 0,
        "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}}}]);
    let conditions = ["Ready", "ContainersReady"]
        .map(|kind| json!({"type": kind, "status": status, "lastTransitionTime": "2026-01-01T00:00:00Z"}));
    let status = json!({"status": {"phase": "Running", "containerStatuses": containers, "conditions": conditions}});
    pods.patch_status("db-0", &PatchParams::default(), &Patch::Merge(status)).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_ends_as_soon_as_the_last_object_is_ready() -> Result<()> {
    let cluster = fresh(NAMESPACE).await?;
    let set = json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "db"}, "spec": {
        "replicas": 1, "serviceName": "db", "selector": {"matchLabels": {"app": "db"}},
        "template": {"metadata": {"labels": {"app": "db"}}, "spec": {"containers": [{"name": "main", "image": "example/db:1"}]}}}});
    let sets: Api<StatefulSet> = Api::namespaced(cluster.client().clone(), NAMESPACE);
    sets.patch("db", &PatchParams::apply("test"), &Patch::Apply(set)).await?;
    let pods: Api<Pod> = Api::namespaced(cluster.client().clone(), NAMESPACE);
    let targets = [Target::StatefulSet("db".to_owned(), Level::Running)];
    // Its pod is there once it is told not to run yet.
    let (telling, mut told) = mpsc::unbounded_channel();
    let first = rollout::wait(&cluster, NAMESPACE, &targets, SOON, |text| drop(telling.send(text.to_owned())));
    let run = async {
        while !told.recv().await.context("nothing is said")?.contains("pod db-0") {}
        say(&pods, false).await
    };
    let (waited, ran) = tokio::join!(first, run);
    ran?;
    waited?;

    let targets = [Target::StatefulSet("db".to_owned(), Level::Ready)];
    // Load shifts all rounds, but not for ever.
    wait_for("rounds that no load has shifted", async || {
        let median = median_of_rounds(&cluster, &pods, &targets).await?;
        ensure!(median < AT_MOST, "{median:?}");
        Ok(Some(()))
    })
    .await
}

/// What a wait adds after its last object is ready.
#[expect(clippy::print_stdout, reason = "the figure is what this is run for")]
async fn median_of_rounds(cluster: &Cluster, pods: &Api<Pod>, targets: &[Target]) -> Result<Duration> {
    let mut added = Vec::new();
    for _ in 0..ROUNDS {
        say(pods, false).await?;
        let (telling, mut told) = mpsc::unbounded_channel();
        let wait = async {
            rollout::wait(cluster, NAMESPACE, targets, SOON, |text| drop(telling.send(text.to_owned()))).await?;
            anyhow::Ok(Instant::now())
        };
        let ready = async {
            told.recv().await.context("it is ready already")?;
            let before = Instant::now();
            say(pods, true).await?;
            anyhow::Ok(before)
        };
        let (ended, ready) = tokio::join!(wait, ready);
        // Counted from before the pod is said to be ready: that request is in it.
        added.push(ended? - ready?);
    }
    added.sort();
    let median = added[ROUNDS / 2];
    println!(
        "a wait ends {median:?} after the last pod is said to be ready (median of {ROUNDS}, at most {:?})",
        added[ROUNDS - 1]
    );
    Ok(median)
}
