use anyhow::Result;
use serde_json::json;

use crate::lab::{Namespace, phase};

fn from_secret(name: &str, key: &str) -> serde_json::Value {
    json!({ "env": [{ "name": "X", "valueFrom": { "secretKeyRef": { "name": name, "key": key } } }], "command": ["/bin/sh", "-c", "echo $X"] })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_waits_for_its_secret_and_says_so() -> Result<()> {
    let lab = Namespace::new("no-secret").await?;
    lab.pod("p", from_secret("s", "k"), json!({ "restartPolicy": "Never" })).await?;
    assert_eq!(lab.until_waiting("p", "CreateContainerConfigError").await?, "secret \"s\" not found");
    lab.apply(
        json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "s" }, "stringData": { "other": "1" } }),
    )
    .await?;
    lab.until("p", |pod| {
        let waiting = crate::lab::container(pod).state.and_then(|state| state.waiting);
        waiting.and_then(|waiting| waiting.message).as_deref() == Some("couldn't find key k in Secret no-secret/s")
    })
    .await?;
    lab.apply(
        json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "s" }, "stringData": { "k": "found" } }),
    )
    .await?;
    assert_eq!(phase(&lab.until_ended("p").await?), "Succeeded");
    assert_eq!(lab.log("p").await?, "found\n");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn all_of_a_config_map_can_become_variables() -> Result<()> {
    let lab = Namespace::new("env-from").await?;
    lab.apply(
        json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "m" }, "data": { "A": "1", "B": "2" } }),
    )
    .await?;
    let container = json!({
        "envFrom": [{ "configMapRef": { "name": "m" }, "prefix": "P_" }, { "secretRef": { "name": "none", "optional": true } }],
        "env": [{ "name": "P_B", "value": "own" }],
        "command": ["/bin/sh", "-c", "echo $P_A $P_B"],
    });
    lab.pod("p", container, json!({ "restartPolicy": "Never" })).await?;
    lab.until_ended("p").await?;
    assert_eq!(lab.log("p").await?, "1 own\n");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_is_not_in_the_image_is_a_start_error() -> Result<()> {
    let lab = Namespace::new("no-program").await?;
    lab.pod("p", json!({ "command": ["no-such-program"] }), json!({ "restartPolicy": "Never" })).await?;
    let pod = lab.until_ended("p").await?;
    let end = crate::lab::container(&pod).state.and_then(|state| state.terminated).unwrap_or_default();
    assert_eq!((end.exit_code, end.reason.as_deref()), (128, Some("StartError")));
    let message = end.message.unwrap_or_default();
    assert!(message.ends_with("exec: \"no-such-program\": executable file not found in $PATH"), "{message}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_runs_as_the_user_the_pod_names() -> Result<()> {
    let lab = Namespace::new("user").await?;
    let spec =
        json!({ "restartPolicy": "Never", "securityContext": { "runAsUser": 1234, "runAsGroup": 99, "fsGroup": 55 } });
    lab.script("p", "id -u; id -g; id -G", spec).await?;
    lab.until_ended("p").await?;
    assert_eq!(lab.log("p").await?, "1234\n99\n99 55\n");
    let named = json!({ "image": "docker.io/lab/unprivileged:1", "command": ["/bin/sh", "-c", "exec 2>&1; id -u; id -g; touch /usr/x /x"] });
    lab.pod("named", named, json!({ "restartPolicy": "Never" })).await?;
    lab.until_ended("named").await?;
    let log = lab.log("named").await?;
    assert!(log.contains("1000\n1001\n"), "{log}");
    assert!(log.contains("touch: cannot touch '/usr/x': Read-only file system"), "{log}");
    assert!(log.contains("touch: cannot touch '/x': Permission denied"), "{log}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn root_is_refused_where_the_pod_forbids_it() -> Result<()> {
    let lab = Namespace::new("non-root").await?;
    lab.script("p", "id", json!({ "securityContext": { "runAsNonRoot": true } })).await?;
    let message = lab.until_waiting("p", "CreateContainerConfigError").await?;
    assert!(message.starts_with("container has runAsNonRoot and image will run as root"), "{message}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_container_writes_reaches_neither_the_image_nor_the_machine() -> Result<()> {
    let lab = Namespace::new("private").await?;
    let script = "echo changed > /opt/motd; echo x > /tmp/hangar-world-leak; ls / | tr '\\n' ' '; test ! -e /root/.bashrc && test ! -e /home";
    lab.script("writer", script, json!({ "restartPolicy": "Never" })).await?;
    assert_eq!(phase(&lab.until_ended("writer").await?), "Succeeded", "{}", lab.log("writer").await?);
    assert!(!std::path::Path::new("/tmp/hangar-world-leak").exists());
    lab.script("reader", "cat /opt/motd", json!({ "restartPolicy": "Never" })).await?;
    lab.until_ended("reader").await?;
    assert_eq!(lab.log("reader").await?, "hello from the image\n");
    Ok(())
}
