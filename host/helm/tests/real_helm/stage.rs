//! One release in a namespace of its own, for the tests that need a cluster.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use hangar_helm::{
    Chart, ClusterAccess, Deploy, Deployed, GiveToken, HelmError, Marks, Preview, ReleaseName, Releases, Status, Values,
};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use kube::api::DeleteParams;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::control_plane::{ADMIN, SOON, control_plane, new_namespace};
use crate::tool;

/// One release in a namespace of its own, made of a chart of one ConfigMap.
pub(crate) struct Stage {
    pub(crate) releases: Releases,
    pub(crate) namespace: String,
    pub(crate) release: ReleaseName,
    pub(crate) chart: TempDir,
    pub(crate) folder: TempDir,
    pub(crate) adopt: bool,
}

impl Stage {
    pub(crate) async fn new(namespace: &str) -> Result<Self> {
        let stage = Self {
            releases: releases(ADMIN).await?,
            namespace: namespace.to_owned(),
            release: ReleaseName::new("dss")?,
            chart: tempfile::tempdir()?,
            folder: tempfile::tempdir()?,
            adopt: false,
        };
        new_namespace(&control_plane()?.client(ADMIN).await?, namespace).await?;
        stage.template("Chart.yaml", "apiVersion: v2\nname: small\nversion: 1.2.3\n")?;
        let map =
            "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: small\ndata:\n  key: {{ .Values.key | quote }}\n";
        stage.template("templates/map.yaml", map)?;
        Ok(stage)
    }

    pub(crate) fn template(&self, name: &str, content: &str) -> Result<()> {
        let path = self.chart.path().join(name);
        std::fs::create_dir_all(path.parent().context("no folder")?)?;
        Ok(std::fs::write(path, content)?)
    }

    /// Goes on with the chart of the services.
    pub(crate) fn take_our_chart(&mut self) -> Result<()> {
        self.chart = tempfile::tempdir()?;
        let ours = tool::chart_path();
        for entry in walkdir::WalkDir::new(&ours) {
            let entry = entry?;
            if entry.file_type().is_file() {
                let name = entry.path().strip_prefix(&ours)?.to_string_lossy();
                self.template(&name, &std::fs::read_to_string(entry.path())?)?;
            }
        }
        Ok(())
    }

    /// A job that Helm waits for, and that nobody runs.
    pub(crate) fn hook(&self) -> Result<()> {
        self.template(
            "templates/hook.yaml",
            "apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: hook\n  annotations: {helm.sh/hook: 'pre-install,pre-upgrade'}\n\
             spec:\n  template:\n    spec:\n      restartPolicy: Never\n      containers: [{name: x, image: x}]\n",
        )
    }

    pub(crate) async fn deploy_in(&self, folder: &Path, lineage: &str, values: Value) -> Result<Deployed, HelmError> {
        self.with(folder, lineage, values, async |wanted| self.releases.deploy(&wanted).await).await
    }

    pub(crate) async fn preview(&self, values: Value) -> Result<Preview, HelmError> {
        let of = async |wanted: Deploy<'_>| self.releases.preview(&wanted).await;
        self.with(self.folder.path(), "journal-1", values, of).await
    }

    async fn with<T>(
        &self,
        folder: &Path,
        lineage: &str,
        values: Value,
        work: impl AsyncFnOnce(Deploy<'_>) -> Result<T, HelmError>,
    ) -> Result<T, HelmError> {
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
            adopt: self.adopt,
        };
        work(wanted).await
    }

    pub(crate) async fn deploy(&self, values: Value) -> Result<Deployed, HelmError> {
        self.deploy_in(self.folder.path(), "journal-1", values).await
    }

    pub(crate) async fn status(&self) -> Result<Vec<(u32, Status)>> {
        let history = self.releases.history(&self.namespace, &self.release).await?;
        Ok(history.into_iter().map(|record| (record.revision, record.status)).collect())
    }

    /// Leaves the release pending as a host does that is killed together with its Helm.
    pub(crate) async fn kill_helm_in_the_middle(&self, lineage: &str) -> Result<()> {
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

    pub(crate) async fn wait_for_hook(&self) -> Result<()> {
        let jobs: Api<Job> = Api::namespaced(self.client().await?, &self.namespace);
        let started = tokio::time::Instant::now();
        while jobs.get_opt("hook").await?.is_none_or(|job| job.status.is_none_or(|status| status.active.is_none())) {
            ensure!(started.elapsed() < SOON, "no hook");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    pub(crate) async fn client(&self) -> Result<kube::Client> {
        control_plane()?.client(ADMIN).await
    }

    pub(crate) async fn key(&self) -> Result<String> {
        let maps: Api<ConfigMap> = Api::namespaced(self.client().await?, &self.namespace);
        maps.get("small").await?.data.and_then(|mut data| data.remove("key")).context("no key")
    }

    /// As somebody does who has never heard of us.
    pub(crate) async fn install_by_hand(&self, values: Value) -> Result<()> {
        let file = self.folder.path().join("by-hand.json");
        std::fs::write(&file, values.to_string())?;
        let (chart, file) = (self.chart.path().to_string_lossy(), file.to_string_lossy());
        self.helm(&["install", self.release.as_str(), &chart, "--values", &file]).await.map(drop)
    }

    pub(crate) async fn api<K>(&self) -> Result<Api<K>>
    where
        K: kube::Resource<Scope = k8s_openapi::NamespaceResourceScope, DynamicType = ()>,
    {
        Ok(Api::namespaced(self.client().await?, &self.namespace))
    }

    pub(crate) async fn helm(&self, arguments: &[&str]) -> Result<Value> {
        let kubeconfig = self.folder.path().join("own-kubeconfig");
        std::fs::write(&kubeconfig, control_plane()?.kubeconfig(ADMIN).to_string())?;
        let helm = hangar_exec::Command::new(test_support::helm()?)
            .env("HOME", self.folder.path())
            .env("KUBECONFIG", &kubeconfig)
            .args(arguments)
            .args(["--namespace", &self.namespace, "--output", "json"]);
        let output = helm.output(self.folder.path(), SOON).await?;
        ensure!(output.exit.is_success(), "{}", String::from_utf8_lossy(&output.stderr));
        Ok(serde_json::from_slice(&output.stdout)?)
    }
}

pub(crate) async fn releases(token: &str) -> Result<Releases> {
    let plane = control_plane()?;
    // The token stands in the environment, not in the file.
    let mut kubeconfig = plane.kubeconfig(token);
    kubeconfig["users"][0]["user"] = json!({});
    let given = token.to_owned();
    let give: GiveToken = Arc::new(move || Box::pin(std::future::ready(Ok(given.clone().into()))));
    let access = ClusterAccess { kubeconfig: kubeconfig.to_string().into(), token: Some(give) };
    Ok(Releases::new(tool::helm().await?, plane.client(token).await?, access))
}

/// Looks until there is something, but not for ever.
pub(crate) async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Result<Option<T>>) -> Result<T> {
    let started = tokio::time::Instant::now();
    loop {
        if let Some(found) = look().await? {
            return Ok(found);
        }
        ensure!(started.elapsed() < SOON, "waited for {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
