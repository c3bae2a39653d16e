//! The packed chart without `hangar`: on the oldest and on the newest Kubernetes, by the third and by the fourth Helm, with a
//! `kubectl` of each time.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use futures::future::try_join_all;
use serde_json::{Value, json};
use test_support::{needed, repository, scratch};
use test_world::OrganisationFile;
use tokio::process::Command;

use crate::add_ons;
use crate::authority::{Authority, in_cluster};
use crate::pooled::{Stage, turn};

const DATABASE: &str = "docker.io/cockroachdb/cockroach:v24.1.3";
const AGENT: &str = "docker.io/interuss/hangar:0.1.0";
/// A cluster, its control plane and its `kubectl`.
const CLUSTERS: [[&str; 3]; 2] = [
    ["oldest", "HANGAR_KUBEONE_OLDEST", "HANGAR_KUBECTL_OLDEST"],
    ["newest", "HANGAR_KUBEONE_NEWEST", "HANGAR_KUBECTL_NEWEST"],
];
/// A namespace, and the Helm that is used in it.
const HELMS: [[&str; 2]; 2] = [["helm-3", "HANGAR_HELM_3"], ["helm-4", "HANGAR_HELM"]];

#[tokio::test(flavor = "multi_thread")]
async fn the_packed_chart_lives_by_hand_on_the_oldest_and_the_newest_kubernetes() -> Result<()> {
    let _turn = turn().await;
    let mut kubeones = BTreeMap::new();
    for [cluster, kubeone, _] in CLUSTERS {
        kubeones.insert(cluster.to_owned(), needed(kubeone)?);
    }
    let root = scratch(Path::new(env!("CARGO_TARGET_TMPDIR")), "by-hand")?;
    let clusters = CLUSTERS.map(|[cluster, ..]| cluster);
    let stage = Stage::start_in(root, &clusters, |options| options.kubeones = kubeones).await?;
    let chart = repository().join("deploy/services/helm/dss");
    add_ons::helm(&stage.root, &["package", &chart.to_string_lossy()]).await?;
    let archive = stage.root.join("dss-0.1.0.tgz");

    let mut sites = Vec::new();
    for [cluster, _, kubectl] in CLUSTERS {
        for [namespace, helm] in HELMS {
            let folder = stage.root.join(format!("{cluster}-{namespace}"));
            fs::create_dir(&folder)?;
            let (helm, kubectl) = (needed(helm)?, needed(kubectl)?);
            sites.push(Site { organisation: stage.organisation(cluster)?, namespace, folder, helm, kubectl });
        }
    }
    let versions = try_join_all(sites.iter().map(|site| site.live(&archive))).await?;
    let claim = format!("kubeVersion: \">={}.0-0\"", versions[0]);
    let chart = fs::read_to_string(chart.join("Chart.yaml"))?;
    ensure!(chart.contains(&claim), "the oldest that was tried is {}: {chart}", versions[0]);
    Ok(())
}

/// One instance of somebody with a cluster, a namespace and tools.
struct Site<'a> {
    organisation: &'a OrganisationFile,
    namespace: &'static str,
    folder: PathBuf,
    helm: PathBuf,
    kubectl: PathBuf,
}

impl Site<'_> {
    /// Installed, founded, tested, upgraded, removed; returns the version of Kubernetes, such as `1.34`.
    async fn live(&self, archive: &Path) -> Result<String> {
        let version: Value = serde_json::from_str(&self.kubectl(&["version", "--output", "json"]).await?)?;
        let of_server = |key: &str| version["serverVersion"][key].as_str().context("a version of the server");
        self.kubectl(&["create", "namespace", self.namespace]).await?;
        self.certificates().await?;
        let archive = archive.display().to_string();
        let first = self.file("first.json", &self.values("64MiB").to_string())?;
        self.helm(&["install", "dss", &archive, "--values", &first]).await?;

        let init = self.file("init.json", &self.init().to_string())?;
        self.kubectl(&["apply", "--server-side", "--filename", &init]).await?;
        self.kubectl(&["wait", "--for=condition=complete", "job/init", "--timeout=90s"]).await?;
        self.kubectl(&["wait", "--for=condition=ready", "pod/dss-cockroachdb-0", "--timeout=90s"]).await?;
        self.kubectl(&["rollout", "status", "deployment/dss-core-service", "--timeout=90s"]).await?;
        self.helm(&["test", "dss", "--timeout", "90s"]).await?;

        let pod = ["get", "pod/dss-cockroachdb-0", "--output", "jsonpath={.metadata.uid}"];
        let before = self.kubectl(&pod).await?;
        let second = self.file("second.json", &self.values("96MiB").to_string())?;
        self.helm(&["upgrade", "dss", &archive, "--values", &second]).await?;
        let set = self.kubectl(&["get", "statefulset/dss-cockroachdb", "--output", "json"]).await?;
        ensure!(set.contains("--cache=96MiB"), "the upgrade did not arrive: {set}");
        ensure!(self.kubectl(&pod).await? == before, "an upgrade has restarted a node");

        self.helm(&["uninstall", "dss"]).await?;
        let left = self.kubectl(&["get", "statefulset,deployment,persistentvolumeclaim", "--output", "name"]).await?;
        ensure!(left.trim() == "persistentvolumeclaim/datadir-dss-cockroachdb-0", "{left}");
        Ok(format!("{}.{}", of_server("major")?, of_server("minor")?))
    }

    fn values(&self, cache: &str) -> Value {
        let (cluster, namespace) = (&self.organisation.name, self.namespace);
        let few = json!({"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"memory": "256Mi"}});
        json!({
            "preset": "small",
            "agent": {"image": AGENT},
            "cockroachdb": {
                "nodes": 1,
                "locality": [{"key": "zone", "value": cluster}],
                "join": [format!("dss-cockroachdb-0.dss-cockroachdb.{namespace}.svc.cluster.local:26257")],
                "advertise": {"suffix": self.suffix()},
                "sourceRanges": [self.organisation.pod_range],
                "cache": cache,
                "maxSqlMemory": "64MiB",
                "storage": {"size": "1Gi"},
                "resources": few,
            },
            "coreService": {
                "replicas": 1,
                "hostname": format!("dss.{namespace}.{cluster}.example.com"),
                "locality": cluster,
                "authorization": {"jwksEndpoint": "https://auth.example.com/jwks.json", "jwksKeyIds": ["k1"]},
                "resources": few,
            },
            "schema": {"run": true},
        })
    }

    fn suffix(&self) -> String {
        format!("db.{}.{}.example.com", self.namespace, self.organisation.name)
    }

    /// The two Secrets that the chart's README asks for.
    async fn certificates(&self) -> Result<()> {
        let authority = Authority::new(&format!("CA of {}", self.organisation.name))?;
        let services = ["dss-cockroachdb", "*.dss-cockroachdb", "dss-cockroachdb-public"];
        let mut names = in_cluster(&services, self.namespace);
        names.push(format!("0.{}", self.suffix()));
        let bundle = self.file("ca.crt", &authority.pem())?;
        for (secret, user, names) in [("node", "node", names), ("client-root", "client.root", Vec::new())] {
            let (certificate, key) = authority.leaf(user.trim_start_matches("client."), names)?;
            let files = [
                format!("--from-file={bundle}"),
                format!("--from-file={}", self.file(&format!("{user}.crt"), &certificate)?),
                format!("--from-file={}", self.file(&format!("{user}.key"), &key)?),
            ];
            let secret = format!("dss-cockroachdb-{secret}");
            let create: [&str; 7] = ["create", "secret", "generic", &secret, &files[0], &files[1], &files[2]];
            self.kubectl(&create).await?;
        }
        Ok(())
    }

    /// What a founder does once.
    fn init(&self) -> Value {
        let host = format!("--host=dss-cockroachdb-0.dss-cockroachdb.{}.svc.cluster.local:26257", self.namespace);
        json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "init"}, "spec": {"template": {"spec": {
            "restartPolicy": "OnFailure",
            "volumes": [{"name": "certs", "secret": {"secretName": "dss-cockroachdb-client-root", "defaultMode": 256}}],
            "containers": [{"name": "init", "image": DATABASE, "volumeMounts": [{"name": "certs", "mountPath": "/certs"}],
                "command": ["/cockroach/cockroach", "init", "--certs-dir=/certs", host]}]}}}})
    }

    fn file(&self, name: &str, content: &str) -> Result<String> {
        let path = self.folder.join(name);
        fs::write(&path, content)?;
        Ok(path.display().to_string())
    }

    async fn helm(&self, arguments: &[&str]) -> Result<String> {
        self.run(&self.helm, arguments).await
    }

    async fn kubectl(&self, arguments: &[&str]) -> Result<String> {
        self.run(&self.kubectl, arguments).await
    }

    #[expect(clippy::disallowed_methods, reason = "an operator without hangar")]
    async fn run(&self, program: &Path, arguments: &[&str]) -> Result<String> {
        let mut command = Command::new(program);
        command.args(arguments).args(["--namespace", self.namespace]).env("HOME", &self.folder);
        let output = command.env("KUBECONFIG", &self.organisation.kubeconfig).kill_on_drop(true).output().await?;
        let told = String::from_utf8_lossy(&output.stderr);
        let (program, cluster) = (program.display(), &self.organisation.name);
        ensure!(output.status.success(), "{program} {} on the {cluster}: {told}", arguments.join(" "));
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}
