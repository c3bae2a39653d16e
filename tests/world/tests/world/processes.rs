use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::json;
use tokio::time::Instant;

use crate::lab::{Namespace, SHELL, container, exit_code, is_ready, wait_for};

#[tokio::test(flavor = "multi_thread")]
async fn a_program_is_process_1_and_sees_nobody_else() -> Result<()> {
    let lab = Namespace::new("pid-1").await?;
    lab.script("p", "echo $$$$; set -- /proc/[0-9]*; echo $#", json!({ "restartPolicy": "Never" })).await?;
    lab.until_ended("p").await?;
    // The shell looks itself: what it started would be there or not yet.
    assert_eq!(lab.log("p").await?, "1\n1\n");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sidecar_can_see_and_signal_the_database_of_a_shared_pod() -> Result<()> {
    let lab = Namespace::new("shared").await?;
    let database = "trap 'echo reloaded' HUP; : the-database; while :; do sleep 0.1; done";
    // The brackets keep the pattern from finding itself.
    let sidecar = "until p=$(grep -l '[t]he-database' /proc/[0-9]*/cmdline); do sleep 0.1; done; kill -HUP $(echo $p | cut -d/ -f3) && exec sleep 600";
    let program =
        |name: &str, script: &str| json!({ "name": name, "image": SHELL, "command": ["/bin/sh", "-c", script] });
    let spec = json!({
        "shareProcessNamespace": true,
        "containers": [program("database", database), program("sidecar", sidecar)],
        "terminationGracePeriodSeconds": 1,
    });
    lab.apply(json!({ "apiVersion": "v1", "kind": "Pod", "metadata": { "name": "p" }, "spec": spec })).await?;
    lab.until_ready("p").await?;
    wait_for("the reload", async || {
        let log = lab.kubectl(&["logs", "p", "--container", "database"]).await?;
        Ok(log.contains("reloaded").then_some(()))
    })
    .await?;
    lab.delete("p").await?;
    lab.until_gone("p").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_is_asked_to_end_before_it_is_killed() -> Result<()> {
    let lab = Namespace::new("grace").await?;
    let polite = "trap 'echo bye > /data/bye; exit 0' TERM; while :; do sleep 0.1; done";
    let claim = json!({
        "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": { "name": "data" },
        "spec": { "accessModes": ["ReadWriteOnce"], "resources": { "requests": { "storage": "1Mi" } } },
    });
    lab.apply(claim).await?;
    let mounts = json!([{ "name": "data", "mountPath": "/data" }]);
    let volumes = json!([{ "name": "data", "persistentVolumeClaim": { "claimName": "data" } }]);
    let container = json!({ "command": ["/bin/sh", "-c", polite], "volumeMounts": mounts });
    lab.pod("polite", container, json!({ "volumes": volumes, "terminationGracePeriodSeconds": 60 })).await?;
    lab.until_ready("polite").await?;
    lab.delete("polite").await?;
    lab.until_gone("polite").await?;
    let container = json!({ "command": ["cat", "/data/bye"], "volumeMounts": mounts });
    lab.pod("after", container, json!({ "volumes": volumes, "restartPolicy": "Never" })).await?;
    lab.until_ended("after").await?;
    assert_eq!(lab.log("after").await?, "bye\n");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_that_will_not_end_is_killed_after_its_grace_period() -> Result<()> {
    let lab = Namespace::new("stubborn").await?;
    lab.script("p", "trap '' TERM; while :; do sleep 0.1; done", json!({ "terminationGracePeriodSeconds": 2 })).await?;
    lab.until_ready("p").await?;
    let begin = Instant::now();
    lab.delete("p").await?;
    lab.until_gone("p").await?;
    assert!(begin.elapsed() >= Duration::from_secs(2), "{:?}", begin.elapsed());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_may_name_the_signal_that_stops_it() -> Result<()> {
    let lab = Namespace::new("stop-signal").await?;
    let script = "trap 'echo usr1; exit 5' USR1; trap '' TERM; touch /tmp/set; while :; do sleep 0.1; done";
    let own = json!({
        "image": "docker.io/lab/usr1:1", "command": ["/bin/sh", "-c", script],
        "readinessProbe": { "exec": { "command": ["test", "-e", "/tmp/set"] }, "periodSeconds": 1 },
    });
    // The finalizer keeps the pod in the API, so that its last status can be read.
    lab.pod("p", own, json!({ "terminationGracePeriodSeconds": 60 })).await?;
    lab.kubectl(&["patch", "pod", "p", "--type", "merge", "-p", r#"{"metadata":{"finalizers":["example.com/hold"]}}"#])
        .await?;
    lab.until("p", is_ready).await?;
    lab.delete("p").await?;
    let pod = lab.until("p", |pod| exit_code(pod).is_some()).await?;
    assert_eq!(exit_code(&pod), Some(5));
    lab.kubectl(&["patch", "pod", "p", "--type", "merge", "-p", r#"{"metadata":{"finalizers":null}}"#]).await?;
    lab.until_gone("p").await
}

#[tokio::test(flavor = "multi_thread")]
async fn hooks_run_after_the_start_and_before_the_end() -> Result<()> {
    let lab = Namespace::new("hooks").await?;
    let own = json!({
        "command": ["/bin/sh", "-c", "trap 'cat /tmp/hooks; exit 0' TERM; while :; do sleep 0.1; done"],
        "lifecycle": {
            "postStart": { "exec": { "command": ["/bin/sh", "-c", "echo post-start >> /tmp/hooks"] } },
            "preStop": { "exec": { "command": ["/bin/sh", "-c", "echo pre-stop >> /tmp/hooks"] } },
        },
    });
    lab.pod("p", own, json!({ "terminationGracePeriodSeconds": 60 })).await?;
    lab.kubectl(&["patch", "pod", "p", "--type", "merge", "-p", r#"{"metadata":{"finalizers":["example.com/hold"]}}"#])
        .await?;
    lab.until("p", is_ready).await?;
    let params = kube::api::LogParams { follow: true, ..Default::default() };
    let stream = lab.pods().log_stream("p", &params).await?;
    lab.delete("p").await?;
    let mut log = String::new();
    futures::AsyncReadExt::read_to_string(&mut Box::pin(stream), &mut log).await?;
    assert_eq!(log, "post-start\npre-stop\n");
    lab.kubectl(&["patch", "pod", "p", "--type", "merge", "-p", r#"{"metadata":{"finalizers":null}}"#]).await?;
    lab.until_gone("p").await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_program_leaves_behind_dies_with_its_container() -> Result<()> {
    let lab = Namespace::new("orphans").await?;
    let mark = format!("hangar-orphan-{}", std::process::id());
    lab.script("p", &format!("sh -c 'sleep 600; : {mark}' & exit 0"), json!({ "restartPolicy": "Never" })).await?;
    let pod = lab.until_ended("p").await?;
    assert_eq!(container(&pod).state.and_then(|state| state.terminated).context("not ended")?.exit_code, 0);
    wait_for("the orphan to die", async || Ok((!is_anywhere(&mark)).then_some(()))).await
}

/// Whether a process of the machine has these words in its arguments.
pub(crate) fn is_anywhere(words: &str) -> bool {
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let own = std::process::id().to_string();
    processes.filter(|entry| entry.file_name() != own.as_str()).any(|entry| {
        let arguments = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&arguments).contains(words)
    })
}
