use anyhow::{Context, Result};
use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim, Pod};
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use crate::lab::{Namespace, get, phase, real_address, wait_for};

fn secret(entries: Value) -> Value {
    json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "certs" }, "stringData": entries })
}

fn mounted(path: &str) -> Value {
    json!({ "volumeMounts": [{ "name": "certs", "mountPath": path, "readOnly": true }] })
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_of_a_secret_reaches_the_mounted_file() -> Result<()> {
    let lab = Namespace::new("update").await?;
    lab.apply(secret(json!({ "ca.crt": "one", "key": "k" }))).await?;
    let volumes = json!({ "volumes": [{ "name": "certs", "secret": { "secretName": "certs" } }] });
    lab.server("p", mounted("/certs"), volumes).await?;
    let address = real_address(&lab.until_ready("p").await?)?;
    let read = async || get(&format!("http://{address}:8080/file/certs/ca.crt")).await;
    assert_eq!(read().await?, "one");
    lab.apply(secret(json!({ "ca.crt": "two", "key": "k" }))).await?;
    wait_for("the update", async || Ok((read().await? == "two").then_some(()))).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_waits_for_the_secret_of_a_volume() -> Result<()> {
    let lab = Namespace::new("no-mount").await?;
    let volumes = json!({ "restartPolicy": "Never", "volumes": [{ "name": "certs", "secret": { "secretName": "certs", "items": [{ "key": "ca.crt", "path": "ca" }] } }] });
    let mut own = mounted("/certs");
    own["command"] = json!(["cat", "/certs/ca"]);
    lab.pod("p", own, volumes).await?;
    let message = lab.event("p", "FailedMount").await?;
    assert_eq!(message, "MountVolume.SetUp failed for volume \"certs\" : secret \"certs\" not found");
    lab.until_waiting("p", "ContainerCreating").await?;
    lab.apply(secret(json!({ "ca.crt": "here" }))).await?;
    lab.until_ended("p").await?;
    assert_eq!(lab.log("p").await?, "here");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_has_the_mode_and_group_the_pod_asks_for() -> Result<()> {
    let lab = Namespace::new("modes").await?;
    lab.apply(secret(json!({ "key": "k", "crt": "c" }))).await?;
    let items = json!([{ "key": "key", "path": "node.key", "mode": 0o400 }, { "key": "crt", "path": "deep/node.crt" }]);
    let volume = json!({ "name": "certs", "secret": { "secretName": "certs", "defaultMode": 0o444, "items": items } });
    let mut own = mounted("/certs");
    own["command"] = json!([
        "/bin/sh",
        "-c",
        "cd /certs; stat -L -c '%a %u %g' node.key deep/node.crt; cat node.key; echo; echo x > new"
    ]);
    let spec = |fs_group: Value| json!({ "restartPolicy": "Never", "volumes": [volume.clone()], "securityContext": { "runAsUser": 1000, "fsGroup": fs_group } });
    lab.pod("grouped", own.clone(), spec(json!(77))).await?;
    lab.until_ended("grouped").await?;
    let log = lab.log("grouped").await?;
    assert!(log.contains("440 0 77\n") && log.contains("444 0 77\n") && log.contains("k\n"), "{log}");
    assert!(log.contains("Read-only file system"), "{log}");
    lab.pod("alone", own, spec(Value::Null)).await?;
    lab.until_ended("alone").await?;
    let log = lab.log("alone").await?;
    assert!(log.contains("400 0 0\n") && log.contains("Permission denied"), "{log}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_account_token_is_mounted_and_accepted_by_the_api() -> Result<()> {
    let lab = Namespace::new("token").await?;
    let script = "cd /var/run/secrets/kubernetes.io/serviceaccount; cat namespace; echo; head -c 27 ca.crt; cat token > /dev/termination-log";
    lab.script("p", script, json!({ "restartPolicy": "Never", "automountServiceAccountToken": true })).await?;
    let pod = lab.until_ended("p").await?;
    assert_eq!(lab.log("p").await?, "token\n-----BEGIN CERTIFICATE-----");
    let token = crate::lab::container(&pod)
        .state
        .and_then(|state| state.terminated)
        .and_then(|end| end.message)
        .context("no token")?;
    let review = json!({ "apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "metadata": {}, "spec": { "token": token } });
    let review = serde_json::from_value(review)?;
    let reviews: kube::Api<k8s_openapi::api::authentication::v1::TokenReview> = kube::Api::all(lab.client.clone());
    let status = reviews.create(&Default::default(), &review).await?.status.context("no status")?;
    assert_eq!(status.user.and_then(|user| user.username).as_deref(), Some("system:serviceaccount:token:default"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn one_file_of_a_config_map_and_the_pods_labels_can_be_mounted() -> Result<()> {
    let lab = Namespace::new("parts").await?;
    lab.apply(json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "m" }, "data": { "a": "file a", "b": "file b" } })).await?;
    let own = json!({
        "command": ["/bin/sh", "-c", "cat /opt/motd /etc/a; echo; cat /info/labels; ls -A /etc/a"],
        "volumeMounts": [{ "name": "m", "mountPath": "/etc/a", "subPath": "a" }, { "name": "info", "mountPath": "/info" }],
    });
    let volumes = json!([
        { "name": "m", "configMap": { "name": "m" } },
        { "name": "info", "downwardAPI": { "items": [{ "path": "labels", "fieldRef": { "fieldPath": "metadata.labels" } }] } },
    ]);
    lab.pod("p", own, json!({ "restartPolicy": "Never", "volumes": volumes })).await?;
    lab.until_ended("p").await?;
    let log = lab.log("p").await?;
    // From 1.35 on a pod is given the region and zone of its node as labels.
    let (labels, file) = log.rsplit_once('"').context("no labels")?;
    assert!(labels.starts_with("hello from the image\nfile a\napp=\"p"), "{log}");
    assert_eq!(file, "/etc/a\n");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stateful_set_starts_again_with_its_data() -> Result<()> {
    let lab = Namespace::new("stateful").await?;
    let script = "echo run >> /data/runs; echo $ORDINAL >> /data/ordinal; exec sleep 600";
    let ordinal = json!({ "name": "ORDINAL", "valueFrom": { "fieldRef": { "fieldPath": "metadata.labels['apps.kubernetes.io/pod-index']" } } });
    let template = json!({
        "metadata": { "labels": { "app": "db" } },
        "spec": {
            "terminationGracePeriodSeconds": 0,
            "securityContext": { "runAsUser": 1000, "fsGroup": 1000 },
            "containers": [{
                "name": "main", "image": crate::lab::SHELL, "command": ["/bin/sh", "-c", script], "env": [ordinal],
                "volumeMounts": [{ "name": "data", "mountPath": "/data" }],
            }],
        },
    });
    let claim = json!({ "metadata": { "name": "data" }, "spec": { "accessModes": ["ReadWriteOnce"], "resources": { "requests": { "storage": "1Mi" } } } });
    lab.apply(json!({
        "apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": { "name": "db" },
        "spec": {
            "serviceName": "db", "replicas": 2, "podManagementPolicy": "Parallel",
            "selector": { "matchLabels": { "app": "db" } }, "template": template, "volumeClaimTemplates": [claim],
        },
    }))
    .await?;
    let first = lab.until_ready("db-1").await?;
    lab.delete("db-1").await?;
    let is_new = |pod: &Pod| pod.metadata.uid != first.metadata.uid && crate::lab::is_ready(pod);
    lab.until("db-1", is_new).await?;
    let own = json!({ "command": ["cat", "/data/runs", "/data/ordinal"], "volumeMounts": [{ "name": "data", "mountPath": "/data" }] });
    let volumes = json!([{ "name": "data", "persistentVolumeClaim": { "claimName": "data-db-1" } }]);
    lab.pod("reader", own, json!({ "restartPolicy": "Never", "volumes": volumes })).await?;
    assert_eq!(phase(&lab.until_ended("reader").await?), "Succeeded");
    assert_eq!(lab.log("reader").await?, "run\nrun\n1\n1\n");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_that_asks_for_more_gets_it_and_never_less() -> Result<()> {
    let lab = Namespace::new("larger").await?;
    let claim = json!({ "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": { "name": "data" },
        "spec": { "accessModes": ["ReadWriteOnce"], "resources": { "requests": { "storage": "1Gi" } } } });
    lab.apply(claim).await?;
    let volumes = json!({ "restartPolicy": "Never", "volumes": [{ "name": "certs", "persistentVolumeClaim": { "claimName": "data" } }] });
    let mut own = mounted("/data");
    own["command"] = json!(["ls", "/data"]);
    lab.pod("p", own, volumes).await?;
    lab.until_ended("p").await?;
    let claims: Api<PersistentVolumeClaim> = Api::namespaced(lab.client.clone(), &lab.name);
    let ask = async |size: &str| {
        let patch = json!({ "spec": { "resources": { "requests": { "storage": size } } } });
        claims.patch("data", &PatchParams::default(), &Patch::Merge(patch)).await
    };
    ask("3Gi").await?;
    let volume = wait_for("the larger volume", async || {
        let claim = claims.get("data").await?;
        let size =
            claim.status.and_then(|status| status.capacity).and_then(|capacity| capacity.get("storage").cloned());
        Ok(claim.spec.and_then(|spec| spec.volume_name).filter(|_| size.is_some_and(|size| size.0 == "3Gi")))
    });
    let volume = Api::<PersistentVolume>::all(lab.client.clone()).get(&volume.await?).await?;
    let capacity = volume.spec.and_then(|spec| spec.capacity).context("no capacity")?;
    assert_eq!(capacity["storage"].0, "3Gi");
    let refused = ask("2Gi").await;
    assert!(matches!(&refused, Err(kube::Error::Api(status)) if status.code == 422), "{refused:?}");
    Ok(())
}
