//! Releases on the real control plane with the real Helm: forward from every state, and what cannot be is explained.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use hangar_helm::{Chart, ClusterAccess, Deploy, Deployed, HelmError, Marks, ReleaseName, Releases, Status, Values};
use hangar_plan::strategy::observation::Observation;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use kube::{Api, ResourceExt as _};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::control_plane::{ADMIN, NOBODY, SOON, control_plane, new_namespace};
use crate::{example, tool};

/// One release in a namespace of its own, made of a chart of one ConfigMap.
struct Stage {
    releases: Releases,
    namespace: String,
    release: ReleaseName,
    chart: TempDir,
    folder: TempDir,
}

impl Stage {
    async fn new(namespace: &str) -> Result<Self> {
        let stage = Self {
            releases: releases(ADMIN).await?,
            namespace: namespace.to_owned(),
            release: ReleaseName::new("dss")?,
            chart: tempfile::tempdir()?,
            folder: tempfile::tempdir()?,
        };
        new_namespace(&control_plane()?.client(ADMIN).await?, namespace).await?;
        stage.template("Chart.yaml", "apiVersion: v2\nname: small\nversion: 1.2.3\n")?;
        let map =
            "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: small\ndata:\n  key: {{ .Values.key | quote }}\n";
        stage.template("templates/map.yaml", map)?;
        Ok(stage)
    }

    fn template(&self, name: &str, content: &str) -> Result<()> {
        let path = self.chart.path().join(name);
        std::fs::create_dir_all(path.parent().context("no folder")?)?;
        Ok(std::fs::write(path, content)?)
    }

    /// A job that Helm waits for, and that nobody runs.
    fn hook(&self) -> Result<()> {
        self.template(
            "templates/hook.yaml",
            "apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: hook\n  annotations: {helm.sh/hook: 'pre-install,pre-upgrade'}\n\
             spec:\n  template:\n    spec:\n      restartPolicy: Never\n      containers: [{name: x, image: x}]\n",
        )
    }

    async fn deploy_in(&self, folder: &Path, lineage: &str, values: Value) -> Result<Deployed, HelmError> {
        let (chart, values) = (Chart::open(self.chart.path())?, Values::layered([values])?);
        let marks = Marks { lineage: lineage.to_owned(), actor: "ana@build-3".to_owned() };
        let wanted = Deploy {
            release: &self.release,
            namespace: &self.namespace,
            chart: &chart,
            values: &values,
            marks: &marks,
            kube_version: tool::KUBE_VERSION,
            folder,
            cache: &tool::cache(),
            deadline: SOON,
        };
        self.releases.deploy(&wanted).await
    }

    async fn deploy(&self, values: Value) -> Result<Deployed, HelmError> {
        self.deploy_in(self.folder.path(), "journal-1", values).await
    }

    async fn status(&self) -> Result<Vec<(u32, Status)>> {
        let history = self.releases.history(&self.namespace, &self.release).await?;
        Ok(history.into_iter().map(|record| (record.revision, record.status)).collect())
    }

    /// Leaves the release pending as a host does that is killed together with its Helm.
    async fn kill_helm_in_the_middle(&self, lineage: &str) -> Result<()> {
        self.hook()?;
        let folder = tempfile::tempdir()?;
        let deploy = self.deploy_in(folder.path(), lineage, json!({"key": "interrupted"}));
        tokio::select! {
            ended = deploy => anyhow::bail!("{ended:?}"),
            waited = self.wait_for_hook() => waited?,
        }
        let spool = hangar_exec::Spool::new(folder.path().join("helm-1"));
        let hangar_exec::Found::Living(mut helm) = hangar_exec::find(&spool)? else { anyhow::bail!("no helm") };
        helm.kill();
        helm.wait().await;
        Api::<Job>::namespaced(self.client().await?, &self.namespace)
            .delete("hook", &DeleteParams::background())
            .await?;
        std::fs::remove_file(self.chart.path().join("templates/hook.yaml"))?;
        Ok(())
    }

    async fn wait_for_hook(&self) -> Result<()> {
        let jobs: Api<Job> = Api::namespaced(self.client().await?, &self.namespace);
        let started = tokio::time::Instant::now();
        while jobs.get_opt("hook").await?.is_none_or(|job| job.status.is_none_or(|status| status.active.is_none())) {
            ensure!(started.elapsed() < SOON, "no hook");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    async fn client(&self) -> Result<kube::Client> {
        control_plane()?.client(ADMIN).await
    }

    async fn key(&self) -> Result<String> {
        let maps: Api<ConfigMap> = Api::namespaced(self.client().await?, &self.namespace);
        maps.get("small").await?.data.and_then(|mut data| data.remove("key")).context("no key")
    }

    async fn helm(&self, arguments: &[&str]) -> Result<Value> {
        let kubeconfig = self.folder.path().join("own-kubeconfig");
        std::fs::write(&kubeconfig, control_plane()?.kubeconfig(ADMIN).to_string())?;
        let helm = hangar_exec::Command::new(tool::helm_path()?)
            .env("HOME", self.folder.path())
            .env("KUBECONFIG", &kubeconfig)
            .args(arguments)
            .args(["--namespace", &self.namespace, "--output", "json"]);
        let output = helm.output(self.folder.path(), SOON).await?;
        ensure!(output.exit.is_success(), "{}", String::from_utf8_lossy(&output.stderr));
        Ok(serde_json::from_slice(&output.stdout)?)
    }
}

async fn releases(token: &str) -> Result<Releases> {
    let plane = control_plane()?;
    // The token stands in the environment, not in the file.
    let mut kubeconfig = plane.kubeconfig(token);
    kubeconfig["users"][0]["user"] = json!({});
    let access = ClusterAccess { kubeconfig: kubeconfig.to_string().into(), token: Some(token.into()) };
    Ok(Releases::new(tool::helm().await?, plane.client(token).await?, access))
}

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
    let labels = &stage.helm(&["get", "metadata", "dss"]).await?["labels"];
    assert_eq!(labels["hangar-lineage"], "journal-1");
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
    let stage = Stage::new("theirs").await?;
    stage.deploy(json!({"key": "before"})).await?;
    stage.kill_helm_in_the_middle("journal-of-others").await?;
    let before = stage.status().await?;
    let err = stage.deploy(json!({"key": "after"})).await;
    let Err(HelmError::Pending { status, revision, by, since, .. }) = &err else { anyhow::bail!("{err:?}") };
    assert_eq!((status.as_str(), *revision, by.as_str()), ("pending-upgrade", 2, "ana-build-3"));
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
    // Once it is undone, the same call goes on from the failed revision.
    maps.delete("small", &DeleteParams::default()).await?;
    assert_eq!(stage.deploy(json!({"key": "two"})).await?.revision, 3);
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
    stage.chart = tempfile::tempdir()?;
    let ours = tool::chart_path();
    for entry in
        walkdir::WalkDir::new(&ours).into_iter().filter_map(Result::ok).filter(|entry| entry.file_type().is_file())
    {
        stage
            .template(&entry.path().strip_prefix(&ours)?.to_string_lossy(), &std::fs::read_to_string(entry.path())?)?;
    }
    let mut quiet = example::values();
    example::set(&mut quiet, "/coreService", json!({"enabled": false}));
    example::set(&mut quiet, "/schema/run", json!(false));
    assert_eq!(stage.deploy(quiet).await?.revision, 1);
    let serving = stage.deploy(example::values()).await?;
    assert_eq!(serving.revision, 2);
    let joined = example::with("/cockroachdb/sourceRanges", json!(["192.0.2.0/28", "203.0.113.0/28"]));
    assert_eq!(stage.deploy(joined).await?.revision, 3);
    // A volume's size is fixed once it is made.
    let err = stage.deploy(example::with("/cockroachdb/storage/size", json!("200Gi"))).await.map(drop);
    assert!(
        matches!(&err, Err(HelmError::Refused { detail }) if detail.contains("updates to statefulset spec")),
        "{err:?}"
    );
    assert_eq!(stage.deploy(example::values()).await?.revision, 5);
    let folder = tempfile::tempdir()?;
    stage.releases.uninstall("ours", &stage.release, folder.path(), SOON).await?;
    stage.releases.uninstall("ours", &stage.release, folder.path(), SOON).await?;
    assert!(stage.status().await?.is_empty());
    Ok(())
}
