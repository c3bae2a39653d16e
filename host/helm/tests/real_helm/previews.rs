//! What a deploy would change in the cluster, against the real API server.

use anyhow::{Context as _, Result};
use hangar_helm::{Effect, HelmError, Preview};
use hangar_plan::hint::Hint as _;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{ConfigMap, PersistentVolumeClaim, Pod, Secret};
use kube::api::{ListParams, Patch, PatchParams, PostParams};
use kube::{Api, ResourceExt as _};
use serde_json::{Value, json};

use crate::stage::{Stage, until};

fn lines(preview: &Preview) -> String {
    preview.lines().join("\n")
}

/// What is applied by hand, as a manager of its own.
async fn by_hand(stage: &Stage, manager: &str, object: Value) -> Result<()> {
    let maps: Api<ConfigMap> = stage.api().await?;
    let name = object["metadata"]["name"].as_str().context("no name")?.to_owned();
    maps.patch(&name, &PatchParams::apply(manager).force(), &Patch::Apply(object)).await?;
    Ok(())
}

fn map(data: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "small"}, "data": data})
}

#[tokio::test]
async fn what_comes_changes_and_goes_is_shown_as_the_cluster_will_see_it() -> Result<()> {
    let stage = Stage::new("preview").await?;
    assert_eq!(lines(&stage.preview(json!({"key": "one"})).await?), "+ ConfigMap small");
    stage.deploy(json!({"key": "one"})).await?;
    assert!(stage.preview(json!({"key": "one"})).await?.is_empty());
    // Other values that render the same objects change nothing in the cluster.
    assert!(stage.preview(json!({"key": "one", "unused": 1})).await?.is_empty());
    stage.template("templates/map.yaml", "")?;
    stage.template(
        "templates/other.yaml",
        "apiVersion: v1\nkind: Secret\nmetadata:\n  name: hidden\nstringData:\n  key: {{ .Values.key }}\n",
    )?;
    insta::assert_snapshot!(lines(&stage.preview(json!({"key": "one"})).await?), @r"
    + Secret hidden
    - ConfigMap small
    ");
    stage.deploy(json!({"key": "one"})).await?;
    insta::assert_snapshot!(lines(&stage.preview(json!({"key": "b64-of-this-is-never-shown"})).await?), @r"
    ~ Secret hidden
        data.key: changes
    ");
    assert_eq!(stage.api::<Secret>().await?.get("hidden").await?.data.map(|data| data.len()), Some(1));
    Ok(())
}

#[tokio::test]
async fn what_somebody_changed_since_is_shown_and_set_right() -> Result<()> {
    let stage = Stage::new("drift").await?;
    stage.deploy(json!({"key": "one"})).await?;
    let maps: Api<ConfigMap> = stage.api().await?;
    maps.delete("small", &Default::default()).await?;
    assert_eq!(lines(&stage.preview(json!({"key": "one"})).await?), "+ ConfigMap small");
    let repaired = stage.deploy(json!({"key": "one"})).await?;
    assert_eq!((repaired.revision, repaired.was_there), (2, false));
    assert_eq!(stage.key().await?, "one");
    Ok(())
}

#[tokio::test]
async fn a_field_of_somebody_else_is_shown_with_its_owner() -> Result<()> {
    let stage = Stage::new("fields").await?;
    stage.deploy(json!({"key": "one"})).await?;
    by_hand(&stage, "kubectl-edit", map(json!({"key": "theirs"}))).await?;
    let preview = stage.preview(json!({"key": "two"})).await?;
    insta::assert_snapshot!(lines(&preview), @r"
    ~ ConfigMap small
        data.key: theirs → two
        ! `kubectl-edit` owns `.data.key`
    ");
    let err = preview.allow("dss", false).map_err(|err| err.to_string());
    let told = "somebody else changed what the chart sets: ConfigMap small: `kubectl-edit` owns `.data.key`";
    assert_eq!(err, Err(told.to_owned()));
    Ok(())
}

#[tokio::test]
async fn objects_made_by_hand_are_shown_and_adopted_only_where_asked() -> Result<()> {
    let mut stage = Stage::new("by-hand").await?;
    by_hand(&stage, "ana", map(json!({"key": "theirs", "other": "stays"}))).await?;
    let preview = stage.preview(json!({"key": "ours"})).await?;
    insta::assert_snapshot!(lines(&preview), @r"
    ~ ConfigMap small, adopted from `ana`
        data.key: theirs → ours
        ! `ana` owns `.data.key`
    ");
    let err = stage.deploy(json!({"key": "ours"})).await;
    assert!(matches!(&err, Err(HelmError::NotOurs { .. })), "{err:?}");
    assert!(err.err().and_then(|err| err.hint()).is_some_and(|hint| hint.contains("--adopt")));
    stage.adopt = true;
    assert_eq!(stage.deploy(json!({"key": "ours"})).await?.revision, 1);
    assert_eq!(stage.key().await?, "ours");
    stage.adopt = false;
    assert!(stage.deploy(json!({"key": "ours"})).await?.was_there);
    Ok(())
}

#[tokio::test]
async fn a_release_of_others_is_explained_and_adopted_only_where_asked() -> Result<()> {
    let mut stage = Stage::new("foreign").await?;
    stage.install_by_hand(json!({"key": "theirs"})).await?;
    let preview = stage.preview(json!({"key": "ours"})).await?;
    assert_eq!(preview.foreign.as_deref(), Some("a helm that hangar did not start"));
    let err = stage.deploy(json!({"key": "ours"})).await;
    assert!(matches!(&err, Err(HelmError::Foreign { .. })), "{err:?}");
    stage.adopt = true;
    assert_eq!(stage.deploy(json!({"key": "ours"})).await?.revision, 2);
    assert_eq!(stage.preview(json!({"key": "ours"})).await?.foreign, None);
    Ok(())
}

const SET: &str = "apiVersion: apps/v1\nkind: StatefulSet\nmetadata:\n  name: db\nspec:\n  serviceName: db\n  replicas: 1\n  \
    podManagementPolicy: Parallel\n  updateStrategy: {type: OnDelete}\n  selector: {matchLabels: {app: ours}}\n  template:\n    \
    metadata: {labels: {app: ours}}\n    spec: {containers: [{name: db, image: x}]}\n  volumeClaimTemplates:\n    - metadata: \
    {name: datadir}\n      spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}\n";

/// A set as another tool made it: other labels, another policy, the same names.
fn theirs(claim: &str) -> Result<StatefulSet> {
    let mut set: Value = serde_norway::from_str(SET)?;
    set["spec"]["podManagementPolicy"] = json!("OrderedReady");
    set["spec"]["selector"] = json!({"matchLabels": {"app.kubernetes.io/name": "cockroachdb"}});
    set["spec"]["template"]["metadata"] = json!({"labels": {"app.kubernetes.io/name": "cockroachdb"}});
    set["spec"]["volumeClaimTemplates"][0]["metadata"] = json!({"name": claim});
    Ok(serde_json::from_value(set)?)
}

#[tokio::test]
async fn a_set_that_others_made_is_adopted_with_its_pods_and_volumes() -> Result<()> {
    let mut stage = Stage::new("set").await?;
    stage.template("templates/map.yaml", SET)?;
    let sets: Api<StatefulSet> = stage.api().await?;
    let (pods, claims): (Api<Pod>, Api<PersistentVolumeClaim>) = (stage.api().await?, stage.api().await?);
    sets.create(&PostParams::default(), &theirs("datadir")?).await?;
    let old = until("their pod", async || Ok(pods.get_opt("db-0").await?)).await?;
    let claim = until("their claim", async || Ok(claims.get_opt("datadir-db-0").await?)).await?;
    let preview = stage.preview(json!({})).await?;
    assert!(matches!(preview.changes[0].effect, Effect::Remake(_)), "{preview:?}");
    insta::assert_snapshot!(lines(&preview), @r"
    -/+ StatefulSet db, made anew; its pods and volumes stay
        spec.podManagementPolicy: OrderedReady → Parallel
        + spec.selector.matchLabels.app: ours
        - spec.selector.matchLabels[app.kubernetes.io/name]: cockroachdb
        + spec.template.metadata.labels.app: ours
        - spec.template.metadata.labels[app.kubernetes.io/name]: cockroachdb
    ");
    let err = stage.deploy(json!({})).await;
    assert!(matches!(&err, Err(HelmError::Refused { .. })), "{err:?}");
    stage.adopt = true;
    stage.deploy(json!({})).await?;
    let set = sets.get("db").await?;
    let owned = until("the pod to be taken up", async || {
        let pod = pods.get_opt("db-0").await?;
        Ok(pod.filter(|pod| pod.owner_references().iter().any(|owner| Some(&owner.uid) == set.metadata.uid.as_ref())))
    });
    assert_eq!(owned.await?.uid(), old.uid(), "the very same pod");
    assert_eq!(claims.get("datadir-db-0").await?.uid(), claim.uid(), "the very same claim");
    assert_eq!(claims.list(&ListParams::default()).await?.items.len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_set_whose_volumes_have_other_names_is_left_alone() -> Result<()> {
    let mut stage = Stage::new("other-claims").await?;
    stage.template("templates/map.yaml", SET)?;
    stage.adopt = true;
    let sets: Api<StatefulSet> = stage.api().await?;
    let before = sets.create(&PostParams::default(), &theirs("data")?).await?.uid();
    let err = stage.deploy(json!({})).await.map(drop);
    assert!(matches!(&err, Err(HelmError::VolumesLost { .. })), "{err:?}");
    assert_eq!(sets.get("db").await?.uid(), before);
    Ok(())
}

#[tokio::test]
async fn volumes_of_ours_grow_around_their_pods_where_their_class_allows_it() -> Result<()> {
    let stage = Stage::new("larger").await?;
    let of = |class: &str, size: &str| {
        let wanted = format!("storageClassName: {class}, resources: {{requests: {{storage: {size}}}}}");
        SET.replace("resources: {requests: {storage: 1Gi}}", &wanted)
    };
    let classes: Api<k8s_openapi::api::storage::v1::StorageClass> = Api::all(stage.client().await?);
    for (name, grows) in [("grows", true), ("fixed", false)] {
        let class = json!({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": name},
            "provisioner": "example.com/none", "allowVolumeExpansion": grows});
        classes.patch(name, &PatchParams::apply("test"), &Patch::Apply(class)).await?;
    }
    stage.template("templates/map.yaml", &of("grows", "1Gi"))?;
    stage.deploy(json!({})).await?;
    let (sets, pods): (Api<StatefulSet>, Api<Pod>) = (stage.api().await?, stage.api().await?);
    let claims: Api<PersistentVolumeClaim> = stage.api().await?;
    let old = until("the pod", async || Ok(pods.get_opt("db-0").await?)).await?;
    bind(&stage, "datadir-db-0").await?;

    stage.template("templates/map.yaml", &of("grows", "2Gi"))?;
    insta::assert_snapshot!(lines(&stage.preview(json!({})).await?), @r"
    ~ StatefulSet db, with larger volumes; its pods stay
        spec.volumeClaimTemplates[].spec.resources.requests.storage: 1Gi → 2Gi
    ");
    stage.deploy(json!({})).await?;
    let claim = claims.get("datadir-db-0").await?;
    let asked = claim.spec.and_then(|spec| spec.resources?.requests?.remove("storage")).map(|size| size.0);
    assert_eq!(asked.as_deref(), Some("2Gi"));
    let set = sets.get("db").await?;
    let owned = until("the pod to be taken up", async || {
        let pod = pods.get_opt("db-0").await?;
        Ok(pod.filter(|pod| pod.owner_references().iter().any(|owner| Some(&owner.uid) == set.metadata.uid.as_ref())))
    });
    assert_eq!(owned.await?.uid(), old.uid(), "the very same pod");
    assert!(stage.deploy(json!({})).await?.was_there);

    // Volumes never shrink, and not every class lets them grow.
    stage.template("templates/map.yaml", &of("grows", "1Gi"))?;
    let err = stage.deploy(json!({})).await.map(drop);
    assert!(matches!(&err, Err(HelmError::Refused { .. })), "{err:?}");
    let fixed = Stage::new("fixed-class").await?;
    fixed.template("templates/map.yaml", &of("fixed", "1Gi"))?;
    fixed.deploy(json!({})).await?;
    let (sets, claims): (Api<StatefulSet>, Api<PersistentVolumeClaim>) = (fixed.api().await?, fixed.api().await?);
    until("the claim", async || Ok(claims.get_opt("datadir-db-0").await?)).await?;
    bind(&fixed, "datadir-db-0").await?;
    let before = sets.get("db").await?.uid();
    fixed.template("templates/map.yaml", &of("fixed", "2Gi"))?;
    let err = fixed.deploy(json!({})).await.err().context("it grew")?;
    assert!(err.to_string().contains("datadir-db-0") && err.to_string().contains("storageclass"), "{err}");
    assert_eq!(sets.get("db").await?.uid(), before);
    Ok(())
}

/// Gives a claim a volume, as storage does.
async fn bind(stage: &Stage, claim: &str) -> Result<()> {
    let claims: Api<PersistentVolumeClaim> = stage.api().await?;
    let live = until("the claim", async || Ok(claims.get_opt(claim).await?)).await?;
    let class = live.spec.and_then(|spec| spec.storage_class_name).unwrap_or_default();
    let name = format!("{}-{claim}", stage.namespace);
    let volume = json!({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name}, "spec": {
        "capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "hostPath": {"path": "/nowhere"},
        "storageClassName": class, "claimRef": {"namespace": stage.namespace, "name": claim}}});
    let volumes: Api<k8s_openapi::api::core::v1::PersistentVolume> = Api::all(stage.client().await?);
    volumes.patch(&name, &PatchParams::apply("test"), &Patch::Apply(volume)).await?;
    until("the claim to be bound", async || {
        let phase = claims.get(claim).await?.status.and_then(|status| status.phase);
        Ok((phase.as_deref() == Some("Bound")).then_some(()))
    })
    .await
}
