//! Evictions, disruption budgets and drains: the API server decides, the kubelet stops and starts.

use anyhow::{Context as _, Result};
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::api::EvictParams;
use kube::{Api, ResourceExt as _};
use serde_json::{Value, json};
use test_world::World;
use test_world::images::ImageBuilder;

use crate::lab::{Namespace, SHELL, impatient_client, is_ready, options, wait_for};

const HELD_BACK: &str = "Cannot evict pod as it would violate the pod's disruption budget.";

fn set() -> Value {
    let container = json!({
        "name": "main", "image": SHELL, "command": ["/bin/sh", "-c", "exec sleep 600"],
        "volumeMounts": [{ "name": "datadir", "mountPath": "/data" }],
    });
    let claim = json!({ "metadata": { "name": "datadir" }, "spec": {
        "accessModes": ["ReadWriteOnce"], "resources": { "requests": { "storage": "1Gi" } } } });
    json!({ "apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": { "name": "db" }, "spec": {
        "replicas": 2, "serviceName": "db", "podManagementPolicy": "Parallel", "selector": { "matchLabels": { "app": "db" } },
        "volumeClaimTemplates": [claim],
        "template": { "metadata": { "labels": { "app": "db" } }, "spec": {
            "terminationGracePeriodSeconds": 1, "automountServiceAccountToken": false, "containers": [container] } } } })
}

/// Applies a budget, and waits until it allows that many disruptions.
async fn budget(lab: &Namespace, min_available: u32, allowed: i32) -> Result<()> {
    let spec = json!({ "minAvailable": min_available, "selector": { "matchLabels": { "app": "db" } } });
    lab.apply(
        json!({ "apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": { "name": "db" }, "spec": spec }),
    )
    .await?;
    let budgets: Api<PodDisruptionBudget> = Api::namespaced(lab.client.clone(), &lab.name);
    wait_for("the budget", async || {
        let budget = budgets.get("db").await?;
        let is_current = |seen: &Option<i64>| *seen == budget.metadata.generation;
        let status = budget.status.as_ref().filter(|status| is_current(&status.observed_generation));
        Ok(status.filter(|status| status.disruptions_allowed == allowed).map(drop))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_budget_holds_back_evictions() -> Result<()> {
    let lab = Namespace::new("budget").await?;
    lab.apply(set()).await?;
    for pod in ["db-0", "db-1"] {
        lab.until_ready(pod).await?;
    }
    budget(&lab, 2, 0).await?;
    let pods: Api<Pod> = Api::namespaced(impatient_client(&lab.organisation).await?, &lab.name);
    let refused = pods.evict("db-0", &EvictParams::default()).await;
    assert!(
        matches!(&refused, Err(kube::Error::Api(status)) if status.code == 429 && status.message == HELD_BACK),
        "{refused:?}"
    );
    budget(&lab, 1, 1).await?;
    let evicted = lab.until_ready("db-0").await?;
    pods.evict("db-0", &EvictParams::default()).await?;
    lab.until("db-0", |pod: &Pod| is_ready(pod) && pod.uid() != evicted.uid()).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_stops_at_the_budget_and_goes_on_where_the_node_comes_back() -> Result<()> {
    let scratch = tempfile::tempdir()?;
    let images = scratch.path().join("images");
    ImageBuilder::new().text("/x", "x", 0o644).write(&images.join("shell"), SHELL)?;
    let mut options = options(scratch.path().join("drained"));
    (options.organisations, options.images_dir) = (vec!["uss1".to_owned()], Some(images));
    let world = World::start(options).await?;
    let organisation = world.file().organisations.first().context("an organisation")?;
    let lab = Namespace::of(organisation, "lab").await?;
    lab.apply(set()).await?;
    lab.until_ready("db-1").await?;
    let before = lab.until_ready("db-0").await?;
    let claims: Api<PersistentVolumeClaim> = Api::namespaced(lab.client.clone(), &lab.name);
    let claim = claims.get("datadir-db-0").await?.uid();
    budget(&lab, 1, 1).await?;
    let node = before.spec.as_ref().and_then(|spec| spec.node_name.clone()).context("on a node")?;
    let drain = ["drain", &node, "--pod-selector=app=db", "--delete-emptydir-data", "--timeout=7s"];
    let told = lab.kubectl(&drain).await.err().context("drained beyond the budget")?;
    assert!(format!("{told:#}").contains(HELD_BACK), "{told:#}");
    let pods = lab.pods().list(&Default::default()).await?;
    assert_eq!(pods.items.iter().filter(|pod| is_ready(pod)).count(), 1, "one of two was let go");
    lab.kubectl(&["uncordon", &node]).await?;
    for pod in ["db-0", "db-1"] {
        lab.until_ready(pod).await?;
    }
    assert_eq!(claims.get("datadir-db-0").await?.uid(), claim, "the very same volume");
    world.stop();
    Ok(())
}
