//! Instances that the upstream chart or its tanka manifests made: small objects with the same names, labels, selectors and
//! claims. No pod is made anew for one of the database's, and no claim for one of its claims.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use hangar_helm::{Effect, HelmError};
use hangar_plan::hint::Hint as _;
use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod, Service};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::api::{DynamicObject, ListParams, Patch, PatchParams};
use kube::core::{ApiResource, GroupVersionKind};
use kube::{Api, ResourceExt as _};
use serde_json::{Value, json};

use crate::example;
use crate::stage::{Stage, until};

const CHART: &str = include_str!("upstream/chart.yaml");
const TANKA: &str = include_str!("upstream/tanka.yaml");

/// The example with the names that stand.
fn values(names: &Value) -> Value {
    let mut values = example::with("/cockroachdb/names", names.clone());
    example::set(
        &mut values,
        "/cockroachdb/secrets",
        json!({"node": "cockroachdb.node", "clientRoot": "cockroachdb.client.root", "authorities": "cockroachdb.ca.crt"}),
    );
    example::set(&mut values, "/schema/run", json!(false));
    values
}

async fn tanka(stage: &Stage) -> Result<()> {
    for text in TANKA.split("\n---\n") {
        let object: Value = serde_norway::from_str(text)?;
        let part = |key: &str| object[key].as_str().context("a word").map(ToOwned::to_owned);
        let (version, kind) = (part("apiVersion")?, part("kind")?);
        let (group, version) = version.split_once('/').unwrap_or(("", &version));
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, &kind));
        let api: Api<DynamicObject> = Api::namespaced_with(stage.client().await?, &stage.namespace, &resource);
        let name = object["metadata"]["name"].as_str().context("a name")?;
        api.patch(name, &PatchParams::apply("tanka"), &Patch::Apply(&object)).await?;
    }
    Ok(())
}

/// Who the pods and the claims of the database are, by name, once all are there.
async fn identities(stage: &Stage, set: &str) -> Result<BTreeMap<String, String>> {
    let (pods, claims): (Api<Pod>, Api<PersistentVolumeClaim>) = (stage.api().await?, stage.api().await?);
    until("three pods and their claims", async || {
        let mut found = BTreeMap::new();
        for number in 0..3 {
            let (pod, claim) = (format!("{set}-{number}"), format!("datadir-{set}-{number}"));
            let Some(one) = pods.get_opt(&pod).await? else { return Ok(None) };
            let Some(volume) = claims.get_opt(&claim).await? else { return Ok(None) };
            found.extend([(pod, one.uid().unwrap_or_default()), (claim, volume.uid().unwrap_or_default())]);
        }
        Ok(Some(found))
    })
    .await
}

/// Waits until a set owns its three pods, and returns who they and the claims are.
async fn owned(stage: &Stage, set: &str) -> Result<BTreeMap<String, String>> {
    let (sets, pods): (Api<StatefulSet>, Api<Pod>) = (stage.api().await?, stage.api().await?);
    let owner = sets.get(set).await?.uid().context("a uid")?;
    until("the pods to be taken up", async || {
        let listed = pods.list(&ListParams::default()).await?.items;
        let owned = listed.iter().filter(|pod| pod.owner_references().iter().any(|one| one.uid == owner));
        Ok((owned.count() == 3).then_some(()))
    })
    .await?;
    identities(stage, set).await
}

async fn uid<K>(stage: &Stage, name: &str) -> Result<Option<String>>
where
    K: kube::Resource<Scope = k8s_openapi::NamespaceResourceScope, DynamicType = ()>
        + Clone
        + serde::de::DeserializeOwned
        + std::fmt::Debug,
{
    Ok(stage.api::<K>().await?.get_opt(name).await?.and_then(|found| found.uid()))
}

#[tokio::test]
async fn a_release_of_the_upstream_chart_is_shown_and_adopted_with_its_pods_and_volumes() -> Result<()> {
    let mut stage = Stage::new("upstream-chart").await?;
    stage.template("templates/map.yaml", CHART)?;
    stage.install_by_hand(json!({})).await?;
    let before = identities(&stage, "dss-cockroachdb").await?;
    let (service, api) = ("cockroach-db-external-node-1", "dss-core-service");
    let (address, deployment) = (uid::<Service>(&stage, service).await?, uid::<Deployment>(&stage, api).await?);
    stage.take_our_chart()?;
    let values = values(&json!({"external": "cockroach-db-external-node"}));

    let preview = stage.preview(values.clone()).await?;
    assert_eq!(preview.foreign.as_deref(), Some("a helm that hangar did not start"));
    let told = preview.lines().join("\n");
    for line in [
        "! the release is there already, made by a helm that hangar did not start",
        "-/+ StatefulSet dss-cockroachdb, made anew; its pods and volumes stay",
        "    spec.updateStrategy.type: RollingUpdate → OnDelete",
        "-/+ Deployment dss-core-service, made anew (replaces its pods)",
        "~ Service cockroach-db-external-node-1",
        "- PodDisruptionBudget dss-cockroachdb-budget",
        "- CronJob dss-rid-evict",
    ] {
        assert!(told.lines().any(|one| one == line), "no `{line}`: {told}");
    }
    assert!(!told.contains("stays"), "everything of theirs is of their release: {told}");
    let err = stage.deploy(values.clone()).await.map(drop);
    assert!(matches!(&err, Err(HelmError::Foreign { .. })), "{err:?}");

    stage.adopt = true;
    assert_eq!(stage.deploy(values.clone()).await?.revision, 2);
    assert_eq!(owned(&stage, "dss-cockroachdb").await?, before, "the very same pods and claims");
    let claims: Api<PersistentVolumeClaim> = stage.api().await?;
    assert_eq!(claims.list(&ListParams::default()).await?.items.len(), 3);
    assert_eq!(uid::<Service>(&stage, service).await?, address, "an address that partners know");
    assert_ne!(uid::<Deployment>(&stage, api).await?, deployment);
    assert_eq!(uid::<PodDisruptionBudget>(&stage, "dss-cockroachdb-budget").await?, None);
    stage.adopt = false;
    assert!(stage.deploy(values).await?.was_there);
    Ok(())
}

#[tokio::test]
async fn an_instance_of_the_tanka_manifests_is_adopted_by_its_names_and_never_doubled() -> Result<()> {
    let mut stage = Stage::new("tanka").await?;
    tanka(&stage).await?;
    let before = identities(&stage, "cockroachdb").await?;
    stage.take_our_chart()?;
    let beside = stage.releases.running_beside("tanka", &stage.release, "mirror.example/cockroach@sha256:00").await?;
    assert_eq!(beside, ["StatefulSet cockroachdb, made by `tanka`"]);

    // With names of its own the chart would make a second, empty database, asked to adopt or not.
    for adopt in [false, true] {
        stage.adopt = adopt;
        let err = stage.deploy(values(&json!({}))).await.err().context("it was doubled")?;
        let told = "StatefulSet cockroachdb, made by `tanka`, runs `cockroach` on volumes of its own, and the chart would make StatefulSet dss-cockroachdb beside it, with empty ones";
        assert_eq!(err.to_string(), told);
        assert!(err.hint().is_some_and(|hint| hint.contains("`names`")), "{err:?}");
    }
    assert_eq!(uid::<StatefulSet>(&stage, "dss-cockroachdb").await?, None);

    let names =
        json!({"nodes": "cockroachdb", "clients": "cockroachdb-balanced", "external": "cockroach-db-external-node"});
    let (values, address) = (values(&names), uid::<Service>(&stage, "cockroach-db-external-node-0").await?);
    let preview = stage.preview(values.clone()).await?;
    let told = preview.lines().join("\n");
    for line in [
        "-/+ StatefulSet cockroachdb, made anew; its pods and volumes stay",
        "~ Service cockroachdb-balanced, adopted from `tanka`",
        "= Deployment core-service, made by `tanka`, stays",
        "= PodDisruptionBudget cockroachdb-budget, made by `tanka`, stays",
    ] {
        assert!(told.lines().any(|one| one == line), "no `{line}`: {told}");
    }
    assert!(preview.changes.iter().any(|change| matches!(change.effect, Effect::Adopt(_))));
    assert_eq!(stage.deploy(values.clone()).await?.revision, 1);
    assert_eq!(owned(&stage, "cockroachdb").await?, before, "the very same pods and claims");
    assert_eq!(uid::<Service>(&stage, "cockroach-db-external-node-0").await?, address);
    assert!(uid::<Deployment>(&stage, "core-service").await?.is_some(), "nobody asked for its end");
    assert_eq!(stage.preview(values.clone()).await?.lines(), Vec::<String>::new());
    assert!(stage.deploy(values).await?.was_there);
    Ok(())
}

/// Helm takes away what a new revision does not have: here, the database.
#[tokio::test]
async fn a_release_whose_database_the_chart_would_take_away_is_not_adopted() -> Result<()> {
    let mut stage = Stage::new("other-name").await?;
    stage.template("templates/map.yaml", &CHART.replace("dss-cockroachdb", "crdb"))?;
    stage.install_by_hand(json!({})).await?;
    let before = identities(&stage, "crdb").await?;
    stage.take_our_chart()?;
    stage.adopt = true;
    let err = stage.deploy(values(&json!({}))).await.err().context("it was adopted")?;
    assert!(matches!(&err, HelmError::Twin { .. }), "{err:?}");
    let yugabyte = {
        let mut values = values(&json!({}));
        example::set(&mut values, "/datastore", json!("yugabytedb"));
        let zone = json!({"advertise": {"suffix": "db.uss1.example.com"}, "placement": {"region": "uss-1"},
            "masters": ["0.db.uss1.example.com:7100", "1.db.uss1.example.com:7100", "2.db.uss1.example.com:7100"]});
        example::set(&mut values, "/yugabytedb", zone);
        values
    };
    let err = stage.deploy(yugabyte).await.err().context("it was adopted")?;
    let told = "StatefulSet crdb cannot be adopted with its volumes: the chart has nothing of that name, so it would be taken away";
    assert_eq!(err.to_string(), told);
    assert_eq!(identities(&stage, "crdb").await?, before);
    assert_eq!(stage.deploy(values(&json!({"nodes": "crdb"}))).await?.revision, 2);
    assert_eq!(owned(&stage, "crdb").await?, before, "the very same pods and claims");
    Ok(())
}
