//! What is wrong is told early, with the object and its cure.

use std::time::Duration;

use anyhow::{Context as _, Result};
use hangar_kube::KubeError;
use hangar_kube::rollout::{self, Level, Limits, Target};
use hangar_plan::hint::Hint as _;
use kube::Api;
use kube::api::{DynamicObject, Patch, PatchParams};
use kube::core::{ApiResource, GroupVersionKind};
use serde_json::{Value, json};

use crate::control_plane::SOON;
use crate::kubelet::{Kubelet, Play};
use crate::machine::fresh;

const SHORT: Limits = Limits { deadline: SOON, patience: Duration::from_secs(2) };

async fn apply(cluster: &hangar_kube::Cluster, namespace: &str, object: Value) -> Result<()> {
    let text = |field: &str| object[field].as_str().unwrap_or_default().to_owned();
    let (version, kind) = (text("apiVersion"), text("kind"));
    let (group, version) = version.split_once('/').unwrap_or(("", &version));
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, &kind));
    let api: Api<DynamicObject> = Api::namespaced_with(cluster.client().clone(), namespace, &resource);
    let name = object["metadata"]["name"].as_str().context("no name")?;
    api.patch(name, &PatchParams::apply("test"), &Patch::Apply(&object)).await?;
    Ok(())
}

fn set(claims: Value) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "db"}, "spec": {
        "replicas": 1, "serviceName": "db", "selector": {"matchLabels": {"app": "db"}}, "volumeClaimTemplates": claims,
        "template": {"metadata": {"labels": {"app": "db"}}, "spec": {"containers": [
            {"name": "main", "image": "example/db:1", "resources": {"requests": {"cpu": "1"}}}]}}}})
}

/// The error that a set ends with, its words and its cure.
async fn told(
    cluster: &hangar_kube::Cluster,
    namespace: &str,
    target: Target,
    limits: Limits,
) -> Result<(String, String)> {
    let mut heard = Vec::new();
    let err = rollout::wait(cluster, namespace, &[target], limits, |text| heard.push(text.to_owned())).await;
    let err = err.err().context("it runs")?;
    let KubeError::NotRunning { seen, .. } = &err else { anyhow::bail!("{err:?}") };
    assert_eq!(heard.last(), Some(seen), "progress ends with what the error says");
    Ok((seen.clone(), err.hint().unwrap_or_default()))
}

#[tokio::test]
async fn a_missing_storage_class_is_named_with_its_claim() -> Result<()> {
    let cluster = fresh("no-class").await?;
    let claim = json!([{"metadata": {"name": "datadir"}, "spec": {"accessModes": ["ReadWriteOnce"],
        "storageClassName": "fast", "resources": {"requests": {"storage": "1Gi"}}}}]);
    apply(&cluster, "no-class", set(claim)).await?;
    let (seen, cure) = told(&cluster, "no-class", Target::StatefulSet("db".into(), Level::Running), SHORT).await?;
    assert!(seen.contains("volume claim `datadir-db-0`: no storage class `fast`"), "{seen}");
    assert!(cure.contains("kubectl get storageclass"), "{cure}");
    Ok(())
}

#[tokio::test]
async fn a_quota_that_is_used_up_is_told_by_the_set_it_stops() -> Result<()> {
    let cluster = fresh("quota").await?;
    let quota = json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "small"}, "spec": {"hard": {"requests.cpu": "500m"}}});
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("", "v1", "ResourceQuota"));
    let quotas: Api<DynamicObject> = Api::namespaced_with(cluster.client().clone(), "quota", &resource);
    quotas.patch("small", &PatchParams::apply("test"), &Patch::Apply(&quota)).await?;
    apply(&cluster, "quota", set(json!([]))).await?;
    let (seen, cure) = told(&cluster, "quota", Target::StatefulSet("db".into(), Level::Running), SHORT).await?;
    assert!(
        seen.contains("0 of 1 pods of `db` run, no more can be made: ") && seen.contains("exceeded quota: small"),
        "{seen}"
    );
    assert!(cure.contains("raise the quota"), "{cure}");
    Ok(())
}

#[tokio::test]
async fn an_image_that_is_not_found_ends_the_wait_before_its_deadline() -> Result<()> {
    let cluster = fresh("no-image").await?;
    let _kubelet = Kubelet::start(&cluster, "no-image", |_| Play::Wait {
        reason: "ErrImagePull",
        message: "failed to pull: example/db:1: not found".to_owned(),
    });
    apply(&cluster, "no-image", set(json!([]))).await?;
    let (seen, cure) = told(&cluster, "no-image", Target::StatefulSet("db".into(), Level::Running), SHORT).await?;
    assert!(seen.ends_with("pod db-0: main: image `example/db:1` not found"), "{seen}");
    assert!(cure.contains("check the image's name"), "{cure}");
    Ok(())
}

#[tokio::test]
async fn a_program_that_ends_again_and_again_is_waited_for_and_told_with_its_last_words() -> Result<()> {
    let cluster = fresh("crash").await?;
    let _kubelet =
        Kubelet::start(&cluster, "crash", |_| Play::Wait { reason: "CrashLoopBackOff", message: String::new() });
    apply(&cluster, "crash", set(json!([]))).await?;
    let limits = Limits { deadline: Duration::from_secs(10), patience: Duration::from_secs(1) };
    let (seen, cure) = told(&cluster, "crash", Target::StatefulSet("db".into(), Level::Running), limits).await?;
    assert!(seen.ends_with("pod db-0: main: ends again and again"), "{seen}");
    assert!(cure.contains("--previous"), "{cure}");
    Ok(())
}

#[tokio::test]
async fn a_load_balancer_without_an_address_is_named() -> Result<()> {
    let cluster = fresh("no-address").await?;
    let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "db-0"},
        "spec": {"type": "LoadBalancer", "ports": [{"port": 1}]}});
    apply(&cluster, "no-address", service).await?;
    let limits = Limits { deadline: Duration::from_secs(6), patience: Duration::from_secs(1) };
    let (seen, cure) = told(&cluster, "no-address", Target::Service("db-0".into()), limits).await?;
    assert_eq!(seen, "service `db-0` has no address yet");
    assert!(cure.contains("load balancer controller"), "{cure}");
    Ok(())
}
