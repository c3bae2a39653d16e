//! An instance as other tools and the scripts of its operator make it: the same names, labels, selectors, claims and Secrets, and a
//! database that was initialised once.

use anyhow::{Context as _, Result};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{Namespace, Pod, Secret};
use kube::api::{DynamicObject, Patch, PatchParams};
use kube::core::{ApiResource, GroupVersionKind, ObjectMeta};
use kube::{Api, Client};
use serde_json::{Value, json};
use test_support::wait_for;

use crate::authority::{Authority, in_cluster};

const DATABASE: &str = "docker.io/cockroachdb/cockroach:v24.1.3";
const CERTS: &str = "/cockroach/cockroach-certs";
const N_NODES: usize = 3;

/// What made it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    /// The tanka manifests: every file of a Secret is mounted alone.
    Tanka,
    /// The Helm chart, release `dss`: the folder is the Secret of the node's certificate.
    Helm,
}

/// One instance.
pub(crate) struct Instance<'a> {
    pub(crate) organisation: &'a str,
    pub(crate) namespace: &'a str,
    pub(crate) layout: Layout,
    /// Where each node is reached by others; none: nobody else is there.
    pub(crate) addresses: Option<Vec<String>>,
    /// A node of a cluster to enter.
    pub(crate) join: Option<String>,
    pub(crate) own: &'a Authority,
    /// Whom its nodes trust.
    pub(crate) bundle: String,
}

impl Instance<'_> {
    /// The StatefulSet, and the headless Service beside it.
    pub(crate) fn set_name(&self) -> &'static str {
        match self.layout {
            Layout::Tanka => "cockroachdb",
            Layout::Helm => "dss-cockroachdb",
        }
    }

    fn clients(&self) -> &'static str {
        match self.layout {
            Layout::Tanka => "cockroachdb-balanced",
            Layout::Helm => "dss-cockroachdb-public",
        }
    }

    fn pod(&self, number: usize) -> String {
        format!("{}-{number}", self.set_name())
    }

    fn suffix(&self) -> String {
        format!("db.dss.{}.example.com", self.organisation)
    }

    /// Makes all of it but the `init`.
    pub(crate) async fn lay_down(&self, client: &Client) -> Result<()> {
        let namespaces: Api<Namespace> = Api::all(client.clone());
        let wanted = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace}});
        namespaces.patch(self.namespace, &PatchParams::apply("kubectl"), &Patch::Apply(wanted)).await?;
        self.secrets(client).await?;
        let services = [self.headless(), self.balanced()].into_iter().chain(self.external());
        for object in services.chain([self.set(), core_service()]) {
            self.apply(client, &object).await?;
        }
        Ok(())
    }

    /// Once, and never again: its second run would be refused.
    pub(crate) async fn init(&self, client: &Client) -> Result<()> {
        let (mounts, volumes) = self.certificates(false);
        let host = format!("--host={}", self.host(0));
        let job = json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "init"}, "spec": {"template": {"spec": {
            "restartPolicy": "OnFailure", "volumes": volumes,
            "containers": [{"name": "cluster-init", "image": DATABASE, "command": ["/cockroach/cockroach", "init"],
                "args": [format!("--certs-dir={CERTS}"), host], "volumeMounts": mounts}]}}}});
        self.apply(client, &job).await
    }

    /// Waits until every node is.
    pub(crate) async fn ready(&self, client: &Client) -> Result<()> {
        let pods: Api<Pod> = Api::namespaced(client.clone(), self.namespace);
        wait_for("three ready nodes of theirs", async || {
            let mut n_ready = 0;
            for number in 0..N_NODES {
                let pod = pods.get_opt(&self.pod(number)).await?;
                n_ready += usize::from(pod.as_ref().is_some_and(is_ready));
            }
            Ok((n_ready == N_NODES).then_some(()))
        })
        .await
    }

    async fn apply(&self, client: &Client, object: &Value) -> Result<()> {
        let part = |key: &str| object[key].as_str().context("a word").map(ToOwned::to_owned);
        let (version, kind) = (part("apiVersion")?, part("kind")?);
        let (group, version) = version.split_once('/').unwrap_or(("", &version));
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, &kind));
        let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), self.namespace, &resource);
        let name = object["metadata"]["name"].as_str().context("a name")?;
        api.patch(name, &PatchParams::apply("tanka"), &Patch::Apply(object)).await?;
        Ok(())
    }

    /// As `make-certs.py` and `apply-certs.sh` leave them after a join. With tanka the node's own Secret trusts the own authority
    /// alone; with Helm the nodes read it, so that the operator has appended the others by hand.
    async fn secrets(&self, client: &Client) -> Result<()> {
        let services = ["cockroachdb-balanced", "cockroachdb", "*.cockroachdb"];
        let chart = ["dss-cockroachdb-public", "dss-cockroachdb", "*.dss-cockroachdb"];
        let mut names = in_cluster(&[services, chart].concat(), self.namespace);
        names.extend((0..N_NODES).map(|number| format!("{number}.{}", self.suffix())));
        let (node, root) = (self.own.leaf("node", names)?, self.own.leaf("root", Vec::new())?);
        let in_node = if self.layout == Layout::Helm { self.bundle.clone() } else { self.own.pem() };
        let all = [
            ("cockroachdb.node", vec![("node.crt", node.0), ("node.key", node.1), ("ca.crt", in_node)]),
            (
                "cockroachdb.client.root",
                vec![("client.root.crt", root.0), ("client.root.key", root.1), ("ca.crt", self.own.pem())],
            ),
            ("cockroachdb.ca.crt", vec![("ca.crt", self.bundle.clone())]),
            ("cockroachdb.ca.key", vec![("ca.key", self.own.key().to_owned())]),
        ];
        let api: Api<Secret> = Api::namespaced(client.clone(), self.namespace);
        for (name, files) in all {
            let data = files.into_iter().map(|(name, pem)| (name.to_owned(), ByteString(pem.into_bytes()))).collect();
            let metadata = ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() };
            let secret = Secret { metadata, data: Some(data), ..Secret::default() };
            api.patch(name, &PatchParams::apply("kubectl"), &Patch::Apply(secret)).await?;
        }
        Ok(())
    }

    fn headless(&self) -> Value {
        let name = self.set_name();
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "labels": {"name": name, "app": "cockroachdb"}},
            "spec": {"clusterIP": "None", "publishNotReadyAddresses": true, "selector": {"app": "cockroachdb"}, "ports": [
                {"name": "tcp-crdbheadless1", "port": 26257, "targetPort": 26257},
                {"name": "crdbheadless2", "port": 8080, "targetPort": 8080}]}})
    }

    fn balanced(&self) -> Value {
        let name = self.clients();
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "labels": {"name": name, "app": "cockroachdb"}},
            "spec": {"sessionAffinity": "ClientIP", "selector": {"app": "cockroachdb"}, "ports": [
                {"name": "tcp-crdbpublic1", "port": 26257, "targetPort": 26257},
                {"name": "crdbpublic2", "port": 8080, "targetPort": 8080}]}})
    }

    /// One Service in front of each node, open to everybody.
    fn external(&self) -> Vec<Value> {
        let addresses = self.addresses.iter().flatten().enumerate();
        let one = |(number, address): (usize, &String)| {
            let name = format!("cockroach-db-external-node-{number}");
            let host = format!("{number}.{}", self.suffix());
            json!({"apiVersion": "v1", "kind": "Service",
                "metadata": {"name": name, "annotations": {"external-dns.alpha.kubernetes.io/hostname": host}},
                "spec": {"type": "LoadBalancer", "loadBalancerIP": address, "publishNotReadyAddresses": true,
                    "selector": {"statefulset.kubernetes.io/pod-name": self.pod(number)},
                    "ports": [{"name": "tcp-crdb", "port": 26257, "targetPort": 26257}]}})
        };
        addresses.map(one).collect()
    }

    /// The volumes and mounts of nodes, or of clients.
    fn certificates(&self, node: bool) -> (Value, Value) {
        let file =
            |volume: &str, file: &str| json!({"name": volume, "mountPath": format!("{CERTS}/{file}"), "subPath": file});
        let volume =
            |name: &str, secret: &str| json!({"name": name, "secret": {"secretName": secret, "defaultMode": 256}});
        let is_folder = node && self.layout == Layout::Helm;
        let mut mounts = vec![file("client-certs", "client.root.crt"), file("client-certs", "client.root.key")];
        let mut volumes = vec![volume("client-certs", "cockroachdb.client.root")];
        if is_folder {
            mounts = vec![json!({"name": "node-certs", "mountPath": CERTS})];
            volumes = vec![volume("node-certs", "cockroachdb.node")];
        } else {
            mounts.push(file("ca-certs", "ca.crt"));
            volumes.push(volume("ca-certs", "cockroachdb.ca.crt"));
        }
        if node && !is_folder {
            mounts.extend([file("node-certs", "node.crt"), file("node-certs", "node.key")]);
            volumes.push(volume("node-certs", "cockroachdb.node"));
        }
        (mounts.into(), volumes.into())
    }

    /// Name of a node inside the cluster, with its port.
    fn host(&self, number: usize) -> String {
        format!("{}.{}.{}.svc.cluster.local:26257", self.pod(number), self.set_name(), self.namespace)
    }

    fn set(&self) -> Value {
        let (mut mounts, volumes) = self.certificates(true);
        if let Some(mounts) = mounts.as_array_mut() {
            mounts.push(json!({"name": "datadir", "mountPath": "/cockroach/cockroach-data"}));
        }
        let (name, namespace) = (self.set_name(), self.namespace);
        let inside = format!("$(POD_NAME).{name}.{namespace}.svc.cluster.local:26257");
        let advertised = match self.addresses {
            Some(_) => format!("$(ORDINAL).{}:26257", self.suffix()),
            None => inside,
        };
        let join: Vec<String> = std::iter::once(self.host(0)).chain(self.join.clone()).collect();
        let field = |name: &str, path: &str| json!({"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}});
        let container = json!({"name": "cockroachdb", "image": DATABASE, "command": ["/cockroach/cockroach", "start"],
            "args": [
                "--logtostderr", format!("--certs-dir={CERTS}"), "--store=path=/cockroach/cockroach-data",
                "--listen-addr=$(POD_IP):26257", "--http-addr=$(POD_IP):8080", format!("--advertise-addr={advertised}"),
                format!("--locality=zone={}", self.organisation), format!("--join={}", join.join(",")),
                "--cache=64MiB", "--max-sql-memory=64MiB"],
            "env": [
                field("POD_IP", "status.podIP"), field("POD_NAME", "metadata.name"),
                field("ORDINAL", "metadata.labels['apps.kubernetes.io/pod-index']")],
            "ports": [{"name": "cockroach", "containerPort": 26257}, {"name": "http", "containerPort": 8080}],
            "readinessProbe": {"httpGet": {"path": "/health?ready=1", "port": "http", "scheme": "HTTPS"}, "periodSeconds": 1},
            "volumeMounts": mounts});
        let claim = json!({"metadata": {"name": "datadir"}, "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}});
        json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": name, "labels": {"name": name}},
            "spec": {"serviceName": name, "replicas": N_NODES, "podManagementPolicy": "Parallel",
                "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}},
                "selector": {"matchLabels": {"app": "cockroachdb"}},
                "template": {"metadata": {"labels": {"app": "cockroachdb"}},
                    "spec": {"containers": [container], "volumes": volumes, "terminationGracePeriodSeconds": 5}},
                "volumeClaimTemplates": [claim]}})
    }
}

fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
    conditions.into_iter().any(|one| one.type_ == "Ready" && one.status == "True")
}

/// The API's pods are of no interest here, so there are none.
fn core_service() -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "core-service", "labels": {"name": "core-service"}},
        "spec": {"replicas": 0, "selector": {"matchLabels": {"app": "core-service"}}, "template": {
            "metadata": {"labels": {"app": "core-service"}},
            "spec": {"containers": [{"name": "core-service", "image": "docker.io/interuss/dss:v0.22.0"}]}}}})
}
