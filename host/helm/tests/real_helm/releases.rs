//! Releases on the real control plane with the real Helm: forward from every state, and what cannot be is explained.

use anyhow::{Context as _, Result};
use hangar_helm::{ClusterAccess, HelmError, Releases, Status, Values};
use hangar_plan::strategy::observation::Observation;
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use kube::{Api, ResourceExt as _};
use serde_json::json;

use crate::control_plane::{ADMIN, NOBODY, SOON, control_plane};
use crate::stage::{Stage, releases};
use crate::{example, tool};

#[tokio::test]
async fn the_same_again_does_nothing_and_something_else_upgrades() -> Result<()> {
    let stage = Stage::new("again").await?;
    let first = stage.deploy(json!({"key": "one"})).await?;
    assert_eq!((first.revision, first.was_there), (1, false));
    let again = stage.deploy(json!({"key": "one"})).await?;
    assert_eq!((again.revision, again.was_there), (1, true));
    let other = stage.deploy(json!({"key": "two"})).await?;
    assert_eq!((other.revision, other.was_there), (2, false));
    assert_eq!(stage.key().await?, "two");
    assert_eq!(stage.status().await?, [(2, Status::Deployed), (1, Status::Superseded)]);
    // Nothing secret is left where it ran.
    let left: Vec<_> = walkdir::WalkDir::new(stage.folder.path()).into_iter().filter_map(Result::ok).collect();
    assert!(left.iter().any(|entry| entry.file_name() == "values.json"));
    for entry in left.iter().filter(|entry| entry.file_type().is_file()) {
        assert!(!String::from_utf8_lossy(&std::fs::read(entry.path())?).contains(ADMIN), "{}", entry.path().display());
    }
    Ok(())
}

/// Our reading of Helm's storage against what Helm says of it.
#[tokio::test]
async fn what_we_read_is_what_helm_tells() -> Result<()> {
    let stage = Stage::new("told").await?;
    stage.deploy(json!({"key": "one"})).await?;
    stage.deploy(json!({"key": "two"})).await?;
    let told = stage.helm(&["history", "dss"]).await?;
    let history = stage.releases.history("told", &stage.release).await?;
    for (record, told) in history.iter().rev().zip(told.as_array().context("no list")?) {
        assert_eq!(json!(record.revision), told["revision"]);
        assert_eq!(json!(record.status.as_str()), told["status"]);
        assert!(record.changed_s.is_some_and(|seconds| seconds > 1_700_000_000));
        assert_eq!((record.lineage.as_deref(), record.actor.as_deref()), (Some("journal-1"), Some("ana-build-3")));
    }
    // Helm 3 keeps the labels and does not tell them.
    if tool::helm().await?.version().major >= 4 {
        let labels = &stage.helm(&["get", "metadata", "dss"]).await?["labels"];
        assert_eq!(labels["hangar-lineage"], "journal-1");
    }
    let values = Values::layered([json!({"key": "two"})])?;
    let Observation::Release(seen) = stage.releases.observe("told", &stage.release).await? else {
        anyhow::bail!("none")
    };
    assert_eq!((seen.status.as_str(), seen.revision, seen.chart_version.as_str()), ("deployed", 2, "1.2.3"));
    assert_eq!(seen.values_digest, Some(values.digest()));
    let manifest = stage.releases.manifest("told", &stage.release).await?;
    assert_eq!(manifest, stage.deploy(json!({"key": "two"})).await?.manifest);
    Ok(())
}

#[tokio::test]
async fn what_is_not_installed_is_absent() -> Result<()> {
    let stage = Stage::new("absent").await?;
    assert_eq!(stage.releases.observe("absent", &stage.release).await?, Observation::Absent);
    assert_eq!(stage.releases.manifest("absent", &stage.release).await?.objects().count(), 0);
    stage.releases.uninstall("absent", &stage.release, stage.folder.path(), SOON).await?;
    Ok(())
}

#[tokio::test]
async fn a_first_install_that_was_killed_is_repaired_forward() -> Result<()> {
    let stage = Stage::new("killed-install").await?;
    stage.kill_helm_in_the_middle("journal-1").await?;
    assert_eq!(stage.status().await?, [(1, Status::Pending("pending-install".to_owned()))]);
    assert_eq!(stage.deploy(json!({"key": "after"})).await?.revision, 2);
    assert_eq!(stage.key().await?, "after");
    assert_eq!(stage.status().await?[0], (2, Status::Deployed));
    Ok(())
}

#[tokio::test]
async fn an_upgrade_that_was_killed_is_repaired_forward() -> Result<()> {
    let stage = Stage::new("killed-upgrade").await?;
    stage.deploy(json!({"key": "before"})).await?;
    stage.kill_helm_in_the_middle("journal-1").await?;
    assert_eq!(stage.status().await?[0], (2, Status::Pending("pending-upgrade".to_owned())));
    assert_eq!(stage.deploy(json!({"key": "after"})).await?.revision, 3);
    assert_eq!(stage.key().await?, "after");
    // Helm itself is content with what was repaired.
    let told = stage.helm(&["history", "dss"]).await?;
    assert_eq!(told[1]["status"], "failed");
    assert_eq!(told[2]["status"], "deployed");
    Ok(())
}

#[tokio::test]
async fn a_pending_release_of_others_is_explained_and_left_alone() -> Result<()> {
    let mut stage = Stage::new("theirs").await?;
    stage.deploy(json!({"key": "before"})).await?;
    stage.adopt = true;
    stage.kill_helm_in_the_middle("journal-of-others").await?;
    let before = stage.status().await?;
    let err = stage.deploy(json!({"key": "after"})).await;
    let Err(HelmError::Pending { status, revision, by, since, .. }) = &err else { anyhow::bail!("{err:?}") };
    assert_eq!((status.as_str(), *revision), ("pending-upgrade", 2));
    assert_eq!(by, "ana-build-3 (journal journal-of-others)");
    assert!(since.starts_with("20"), "{since}");
    assert_eq!(stage.status().await?, before);
    assert_eq!(stage.key().await?, "before");
    Ok(())
}

#[tokio::test]
async fn a_helm_that_outlived_its_host_is_waited_for() -> Result<()> {
    let stage = Stage::new("outlived").await?;
    stage.hook()?;
    // The host goes away while its Helm waits for the hook.
    tokio::select! {
        ended = stage.deploy(json!({"key": "one"})) => anyhow::bail!("{ended:?}"),
        waited = stage.wait_for_hook() => waited?,
    }
    let later = stage.deploy(json!({"key": "one"}));
    let unblock = async {
        let pods: Api<Pod> = Api::namespaced(stage.client().await?, "outlived");
        let pod = pods.list(&ListParams::default()).await?.items.pop().context("no pod")?;
        let done = json!({"status": {"phase": "Succeeded"}});
        pods.patch_status(&pod.name_any(), &PatchParams::default(), &Patch::Merge(done)).await?;
        anyhow::Ok(())
    };
    let (later, unblocked) = tokio::join!(later, unblock);
    unblocked?;
    let later = later?;
    assert_eq!((later.revision, later.was_there), (1, true));
    assert!(!stage.folder.path().join("helm-2").exists());
    Ok(())
}

#[tokio::test]
async fn what_somebody_else_changed_is_not_overwritten() -> Result<()> {
    let stage = Stage::new("changed").await?;
    stage.deploy(json!({"key": "one"})).await?;
    let maps: Api<ConfigMap> = Api::namespaced(stage.client().await?, "changed");
    let theirs =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "small"}, "data": {"key": "theirs"}});
    maps.patch("small", &PatchParams::apply("kubectl-edit").force(), &Patch::Apply(theirs)).await?;
    let err = stage.deploy(json!({"key": "two"})).await;
    assert!(matches!(&err, Err(HelmError::FieldConflict { detail }) if detail.contains("kubectl-edit")), "{err:?}");
    assert_eq!(stage.key().await?, "theirs");
    // It was refused before Helm began: no revision has failed.
    assert_eq!(stage.status().await?, [(1, Status::Deployed)]);
    maps.delete("small", &DeleteParams::default()).await?;
    assert_eq!(stage.deploy(json!({"key": "two"})).await?.revision, 2);
    Ok(())
}

#[tokio::test]
async fn an_object_that_is_there_already_is_not_taken_over() -> Result<()> {
    let stage = Stage::new("there").await?;
    let maps: Api<ConfigMap> = Api::namespaced(stage.client().await?, "there");
    let theirs =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "small"}, "data": {"key": "theirs"}});
    maps.patch("small", &PatchParams::apply("somebody"), &Patch::Apply(theirs)).await?;
    let err = stage.deploy(json!({"key": "one"})).await;
    assert!(matches!(&err, Err(HelmError::NotOurs { .. })), "{err:?}");
    assert_eq!(stage.key().await?, "theirs");
    Ok(())
}

#[tokio::test]
async fn a_credential_that_is_wrong_and_one_that_is_too_weak_are_told_apart() -> Result<()> {
    let mut stage = Stage::new("weak").await?;
    // Looking needs the same rights, so the looks are the administrator's.
    for (token, wanted) in
        [("wrong", "the Kubernetes API refused helm's credential"), (NOBODY, "helm is not allowed to: ")]
    {
        let weak = releases(token).await?;
        stage.releases = Releases::new(tool::helm().await?, stage.client().await?, weak.access().clone());
        let err = stage.deploy(json!({"key": "one"})).await.map(drop);
        assert!(err.as_ref().is_err_and(|err| err.to_string().starts_with(wanted)), "{err:?}");
    }
    let mut kubeconfig = control_plane()?.kubeconfig(ADMIN);
    kubeconfig["clusters"][0]["cluster"]["server"] = json!("https://127.0.0.1:1");
    let access = ClusterAccess { kubeconfig: kubeconfig.to_string().into(), token: None };
    stage.releases = Releases::new(tool::helm().await?, stage.client().await?, access);
    let err = stage.deploy(json!({"key": "one"})).await.map(drop);
    assert!(matches!(&err, Err(HelmError::Unreachable { .. })), "{err:?}");
    Ok(())
}

#[tokio::test]
async fn a_release_that_would_not_fit_is_refused_before_anything_happens() -> Result<()> {
    let stage = Stage::new("large").await?;
    let mut noise = String::new();
    let mut state = 1_u64;
    while noise.len() < 1_500_000 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        noise.push_str(&format!("{state:x}"));
    }
    let err = stage.deploy(json!({"key": noise})).await.map(drop);
    assert!(matches!(&err, Err(HelmError::TooLarge { .. })), "{err:?}");
    assert!(stage.status().await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn our_chart_is_taken_by_the_real_api_and_changed_in_place() -> Result<()> {
    let mut stage = Stage::new("ours").await?;
    stage.take_our_chart()?;
    let mut quiet = example::values();
    example::set(&mut quiet, "/coreService", json!({"enabled": false}));
    example::set(&mut quiet, "/schema/run", json!(false));
    assert_eq!(stage.deploy(quiet).await?.revision, 1);
    let serving = stage.deploy(example::values()).await?;
    assert_eq!(serving.revision, 2);
    let joined = example::with("/cockroachdb/sourceRanges", json!(["192.0.2.0/28", "203.0.113.0/28"]));
    assert_eq!(stage.deploy(joined).await?.revision, 3);
    // A volume grows once it is there, and no storage is.
    let err = stage.deploy(example::with("/cockroachdb/storage/size", json!("200Gi"))).await.map(drop);
    let says =
        |detail: &str| detail.contains("datadir-dss-cockroachdb-0") && detail.contains("immutable after creation");
    assert!(matches!(&err, Err(HelmError::Refused { detail }) if says(detail)), "{err:?}");
    assert_eq!(stage.deploy(example::values()).await?.revision, 4);
    let folder = tempfile::tempdir()?;
    stage.releases.uninstall("ours", &stage.release, folder.path(), SOON).await?;
    stage.releases.uninstall("ours", &stage.release, folder.path(), SOON).await?;
    assert!(stage.status().await?.is_empty());
    Ok(())
}
