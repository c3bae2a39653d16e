use anyhow::{Context, Result};
use serde_json::json;

use crate::lab::{Namespace, condition, container, exit_code, get, phase, real_address};

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_runs_is_ready_and_knows_itself() -> Result<()> {
    let lab = Namespace::new("self").await?;
    let field = |name: &str, path: &str| json!({ "name": name, "valueFrom": { "fieldRef": { "fieldPath": path } } });
    let env = json!([
        field("POD_IP", "status.podIP"), field("NODE", "spec.nodeName"), field("APP", "metadata.labels['app']"),
        { "name": "URL", "value": "http://$(POD_IP):8080/$(MISSING)" },
    ]);
    lab.server("self", json!({ "env": env }), json!({})).await?;
    let pod = lab.until_ready("self").await?;
    assert_eq!(phase(&pod), "Running");
    let address = real_address(&pod)?;
    let ask = async |path: &str| get(&format!("http://{address}:8080{path}")).await;
    assert_eq!(ask("/env/POD_IP").await?, address);
    assert_eq!(ask("/env/NODE").await?, "uss1-node-1");
    assert_eq!(ask("/env/APP").await?, "self");
    assert_eq!(ask("/env/URL").await?, format!("http://{address}:8080/$(MISSING)"));
    assert_eq!(ask("/env/FROM_IMAGE").await?, "yes");
    assert_eq!(ask("/file/etc/hostname").await?, "self\n");
    let status = container(&pod);
    assert_eq!((status.ready, status.started, status.restart_count), (true, Some(true), 0));
    assert!(status.image_id.starts_with("registry.example.com/lab/server@sha256:"), "{}", status.image_id);
    for kind in ["PodScheduled", "PodReadyToStartContainers", "Initialized", "ContainersReady"] {
        assert_eq!(condition(&pod, kind).context(kind)?.0, "True", "{kind}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn arguments_replace_the_images_and_are_expanded() -> Result<()> {
    let lab = Namespace::new("arguments").await?;
    let container = json!({
        "command": ["/bin/sh", "-c", "echo \"$0\" \"$1\" \"$FROM_SHELL\" \"$PWD\"; cat motd", "$(WHO)", "$$(WHO)"],
        "env": [{ "name": "WHO", "value": "me" }, { "name": "FROM_SHELL", "value": "a $(WHO) b" }],
    });
    lab.pod("p", container, json!({ "restartPolicy": "Never" })).await?;
    lab.until_ended("p").await?;
    assert_eq!(lab.log("p").await?, "me $(WHO) a me b /opt\nhello from the image\n");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_loops_with_its_real_exit_code() -> Result<()> {
    let lab = Namespace::new("crash").await?;
    lab.script("p", "echo the reason >&2; exit 7", json!({})).await?;
    let message = lab.until_waiting("p", "CrashLoopBackOff").await?;
    assert!(message.starts_with("back-off 10s restarting failed container=main pod=p_crash("), "{message}");
    let loops = |pod: &k8s_openapi::api::core::v1::Pod| {
        let status = container(pod);
        status.restart_count >= 2 && status.state.is_some_and(|state| state.waiting.is_some())
    };
    let pod = lab.until("p", loops).await?;
    let last = container(&pod).last_state.and_then(|state| state.terminated).context("no last state")?;
    assert_eq!((last.exit_code, last.reason.as_deref()), (7, Some("Error")));
    assert_eq!(phase(&pod), "Running");
    assert_eq!(
        condition(&pod, "Ready").context("no condition")?,
        ("False".to_owned(), Some("ContainersNotReady".to_owned()))
    );
    assert!(lab.event("p", "BackOff").await?.starts_with("Back-off restarting failed container main in pod p_crash("));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_is_told_as_an_exit_code() -> Result<()> {
    let lab = Namespace::new("signal").await?;
    // `$$$$` is `$$` to the shell. Process 1 of a namespace is not killed by its own signals, as in any container; its child is.
    lab.script("p", "sh -c 'kill -SEGV $$$$'; exit $?", json!({ "restartPolicy": "Never" })).await?;
    let pod = lab.until_ended("p").await?;
    assert_eq!((phase(&pod), exit_code(&pod)), ("Failed", Some(139)));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn init_containers_run_in_order_and_a_failed_one_starts_again() -> Result<()> {
    let lab = Namespace::new("init").await?;
    let init = |name: &str, script: &str| {
        let mounts = json!([{ "name": "shared", "mountPath": "/shared" }]);
        json!({ "name": name, "image": crate::lab::SHELL, "command": ["/bin/sh", "-c", script], "volumeMounts": mounts })
    };
    let spec = json!({
        "restartPolicy": "OnFailure",
        "volumes": [{ "name": "shared", "emptyDir": {} }],
        "initContainers": [
            init("first", "echo 1 >> /shared/log; test $(wc -l < /shared/log) -ge 2"),
            init("second", "echo 2 >> /shared/log"),
        ],
        "containers": [init("main", "cat /shared/log")],
    });
    lab.apply(json!({ "apiVersion": "v1", "kind": "Pod", "metadata": { "name": "p" }, "spec": spec })).await?;
    let pod = lab.until_ended("p").await?;
    assert_eq!(phase(&pod), "Succeeded");
    assert_eq!(lab.log("p").await?, "1\n1\n2\n");
    let init = pod.status.and_then(|status| status.init_container_statuses).unwrap_or_default();
    assert_eq!(init.iter().map(|status| status.restart_count).collect::<Vec<_>>(), [1, 0]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sidecar_starts_before_and_ends_after_the_others() -> Result<()> {
    let lab = Namespace::new("sidecar").await?;
    let mounts = json!([{ "name": "shared", "mountPath": "/shared" }]);
    let sidecar = "trap 'echo sidecar ended >> /shared/log; exit 0' TERM; echo sidecar >> /shared/log; while :; do sleep 0.1; done";
    let spec = json!({
        "restartPolicy": "Never",
        "volumes": [{ "name": "shared", "emptyDir": {} }],
        "initContainers": [{
            "name": "sidecar", "image": crate::lab::SHELL, "restartPolicy": "Always", "volumeMounts": mounts,
            "command": ["/bin/sh", "-c", sidecar],
            "startupProbe": { "exec": { "command": ["grep", "sidecar", "/shared/log"] }, "periodSeconds": 1 },
        }],
    });
    let container = json!({ "volumeMounts": mounts, "command": ["/bin/sh", "-c", "cat /shared/log"] });
    lab.pod("p", container, spec).await?;
    let pod = lab.until_ended("p").await?;
    assert_eq!(phase(&pod), "Succeeded");
    assert_eq!(lab.log("p").await?, "sidecar\n");
    let sidecar = pod.status.and_then(|status| status.init_container_statuses).unwrap_or_default();
    let end = sidecar[0].state.as_ref().and_then(|state| state.terminated.as_ref()).context("still running")?;
    assert_eq!(end.exit_code, 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_past_its_own_deadline_fails() -> Result<()> {
    let lab = Namespace::new("deadline").await?;
    lab.script("p", "exec sleep 600", json!({ "activeDeadlineSeconds": 1, "terminationGracePeriodSeconds": 0 }))
        .await?;
    let pod = lab.until_ended("p").await?;
    let status = pod.status.context("no status")?;
    assert_eq!((status.phase.as_deref(), status.reason.as_deref()), (Some("Failed"), Some("DeadlineExceeded")));
    Ok(())
}
