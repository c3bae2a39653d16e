//! An instance as the tanka manifests and the scripts of its operator make it: the same names, labels, selectors, claims and
//! Secrets, and a database that was initialised once.

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

/// Whom the nodes trust beside their own authority, by subject.
pub(super) struct Authorities {
    pub(super) other: String,
}

/// Makes it and waits until it is one cluster of three ready nodes.
pub(super) async fn make(client: &Client, namespace: &str) -> Result<Authorities> {
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let wanted = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}});
    namespaces.patch(namespace, &PatchParams::apply("kubectl"), &Patch::Apply(wanted)).await?;
    secrets(client, namespace).await?;
    for object in [headless(), balanced(), set(namespace), core_service(), init(namespace)] {
        apply(client, namespace, &object).await?;
    }
    let pods: Api<Pod> = Api::namespaced(client.clone(), namespace);
    wait_for("three ready nodes of theirs", async || {
        let mut n_ready = 0;
        for number in 0..3 {
            let pod = pods.get_opt(&format!("cockroachdb-{number}")).await?;
            n_ready += usize::from(pod.as_ref().is_some_and(is_ready));
        }
        Ok((n_ready == 3).then_some(()))
    })
    .await?;
    Ok(Authorities { other: "CN=Cockroach CA of a partner".to_owned() })
}

fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
    conditions.into_iter().any(|one| one.type_ == "Ready" && one.status == "True")
}

async fn apply(client: &Client, namespace: &str, object: &Value) -> Result<()> {
    let part = |key: &str| object[key].as_str().context("a word").map(ToOwned::to_owned);
    let (version, kind) = (part("apiVersion")?, part("kind")?);
    let (group, version) = version.split_once('/').unwrap_or(("", &version));
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, &kind));
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), namespace, &resource);
    let name = object["metadata"]["name"].as_str().context("a name")?;
    api.patch(name, &PatchParams::apply("tanka"), &Patch::Apply(object)).await?;
    Ok(())
}

/// As `make-certs.py` and `apply-certs.sh` leave them after a join: the node's own Secret trusts the own authority alone.
async fn secrets(client: &Client, namespace: &str) -> Result<()> {
    let (own, other) = (Authority::new("Cockroach CA")?, Authority::new("Cockroach CA of a partner")?);
    let mut names = in_cluster(&["cockroachdb-balanced", "cockroachdb", "*.cockroachdb"], namespace);
    names.extend((0..3).map(|number| format!("{number}.db.dss.uss4.example.com")));
    let (node, client_root) = (own.leaf("node", names)?, own.leaf("root", Vec::new())?);
    let bundle = format!("{}{}", own.pem(), other.pem());
    let all = [
        ("cockroachdb.node", vec![("node.crt", node.0), ("node.key", node.1), ("ca.crt", own.pem())]),
        (
            "cockroachdb.client.root",
            vec![("client.root.crt", client_root.0), ("client.root.key", client_root.1), ("ca.crt", own.pem())],
        ),
        ("cockroachdb.ca.crt", vec![("ca.crt", bundle)]),
    ];
    let api: Api<Secret> = Api::namespaced(client.clone(), namespace);
    for (name, files) in all {
        let data = files.into_iter().map(|(name, pem)| (name.to_owned(), ByteString(pem.into_bytes()))).collect();
        let metadata = ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() };
        let secret = Secret { metadata, data: Some(data), ..Secret::default() };
        api.patch(name, &PatchParams::apply("kubectl"), &Patch::Apply(secret)).await?;
    }
    Ok(())
}

fn headless() -> Value {
    json!({"apiVersion": "v1", "kind": "Service",
        "metadata": {"name": "cockroachdb", "labels": {"name": "cockroachdb", "app": "cockroachdb"}},
        "spec": {"clusterIP": "None", "publishNotReadyAddresses": true, "selector": {"app": "cockroachdb"}, "ports": [
            {"name": "tcp-crdbheadless1", "port": 26257, "targetPort": 26257},
            {"name": "crdbheadless2", "port": 8080, "targetPort": 8080}]}})
}

fn balanced() -> Value {
    json!({"apiVersion": "v1", "kind": "Service",
        "metadata": {"name": "cockroachdb-balanced", "labels": {"name": "cockroachdb-balanced", "app": "cockroachdb"}},
        "spec": {"sessionAffinity": "ClientIP", "selector": {"app": "cockroachdb"}, "ports": [
            {"name": "tcp-crdbpublic1", "port": 26257, "targetPort": 26257},
            {"name": "crdbpublic2", "port": 8080, "targetPort": 8080}]}})
}

/// A file of a Secret each, mounted alone, as the manifests do.
fn certificates(node: bool) -> (Value, Value) {
    let file =
        |volume: &str, file: &str| json!({"name": volume, "mountPath": format!("{CERTS}/{file}"), "subPath": file});
    let volume = |name: &str, secret: &str| json!({"name": name, "secret": {"secretName": secret, "defaultMode": 256}});
    let mut mounts = vec![
        file("ca-certs", "ca.crt"),
        file("client-certs", "client.root.crt"),
        file("client-certs", "client.root.key"),
    ];
    let mut volumes = vec![volume("ca-certs", "cockroachdb.ca.crt"), volume("client-certs", "cockroachdb.client.root")];
    if node {
        mounts.extend([file("node-certs", "node.crt"), file("node-certs", "node.key")]);
        volumes.push(volume("node-certs", "cockroachdb.node"));
    }
    (mounts.into(), volumes.into())
}

fn set(namespace: &str) -> Value {
    let (mut mounts, volumes) = certificates(true);
    if let Some(mounts) = mounts.as_array_mut() {
        mounts.push(json!({"name": "datadir", "mountPath": "/cockroach/cockroach-data"}));
    }
    let host = format!("cockroachdb.{namespace}.svc.cluster.local:26257");
    let field = |name: &str, path: &str| json!({"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}});
    let container = json!({"name": "cockroachdb", "image": DATABASE, "command": ["/cockroach/cockroach", "start"],
        "args": [
            "--logtostderr", format!("--certs-dir={CERTS}"), "--store=path=/cockroach/cockroach-data",
            "--listen-addr=$(POD_IP):26257", "--http-addr=$(POD_IP):8080", format!("--advertise-addr=$(POD_NAME).{host}"),
            "--locality=zone=uss4", format!("--join=cockroachdb-0.{host}"), "--cache=64MiB", "--max-sql-memory=64MiB"],
        "env": [field("POD_IP", "status.podIP"), field("POD_NAME", "metadata.name")],
        "ports": [{"name": "cockroach", "containerPort": 26257}, {"name": "http", "containerPort": 8080}],
        "readinessProbe": {"httpGet": {"path": "/health?ready=1", "port": "http", "scheme": "HTTPS"}, "periodSeconds": 1},
        "volumeMounts": mounts});
    let claim = json!({"metadata": {"name": "datadir"}, "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}});
    json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "cockroachdb", "labels": {"name": "cockroachdb"}},
        "spec": {"serviceName": "cockroachdb", "replicas": 3, "podManagementPolicy": "Parallel",
            "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}},
            "selector": {"matchLabels": {"app": "cockroachdb"}},
            "template": {"metadata": {"labels": {"app": "cockroachdb"}},
                "spec": {"containers": [container], "volumes": volumes, "terminationGracePeriodSeconds": 5}},
            "volumeClaimTemplates": [claim]}})
}

/// The API's pods are of no interest here, so there are none.
fn core_service() -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "core-service", "labels": {"name": "core-service"}},
        "spec": {"replicas": 0, "selector": {"matchLabels": {"app": "core-service"}}, "template": {
            "metadata": {"labels": {"app": "core-service"}},
            "spec": {"containers": [{"name": "core-service", "image": "docker.io/interuss/dss:v0.22.0"}]}}}})
}

/// Once, and never again: its second run would be refused.
fn init(namespace: &str) -> Value {
    let (mounts, volumes) = certificates(false);
    let host = format!("--host=cockroachdb-0.cockroachdb.{namespace}.svc.cluster.local:26257");
    json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "init"}, "spec": {"template": {"spec": {
        "restartPolicy": "OnFailure", "volumes": volumes,
        "containers": [{"name": "cluster-init", "image": DATABASE, "command": ["/cockroach/cockroach", "init"],
            "args": [format!("--certs-dir={CERTS}"), host], "volumeMounts": mounts}]}}}})
}
