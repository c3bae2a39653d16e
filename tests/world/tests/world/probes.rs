use anyhow::Result;
use serde_json::json;

use crate::lab::{Namespace, container, get, is_ready, real_address};

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_is_ready_as_long_as_its_readiness_probe_is_answered() -> Result<()> {
    let lab = Namespace::new("readiness").await?;
    let probe = json!({ "httpGet": { "port": "http", "path": "/healthy" }, "periodSeconds": 1, "failureThreshold": 1 });
    lab.server("p", json!({ "readinessProbe": probe }), json!({})).await?;
    let pod = lab.until_ready("p").await?;
    get(&format!("http://{}:8080/sick", real_address(&pod)?)).await?;
    let pod = lab.until("p", |pod| !is_ready(pod)).await?;
    assert_eq!(container(&pod).restart_count, 0);
    lab.until_event("p", "Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 500").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_liveness_probe_restarts_the_container() -> Result<()> {
    let lab = Namespace::new("liveness").await?;
    let probe = json!({ "httpGet": { "port": 8080, "path": "/healthy" }, "periodSeconds": 1, "failureThreshold": 2 });
    lab.server("p", json!({ "livenessProbe": probe }), json!({})).await?;
    let pod = lab.until_ready("p").await?;
    get(&format!("http://{}:8080/sick", real_address(&pod)?)).await?;
    let pod = lab.until("p", |pod| container(pod).restart_count == 1 && is_ready(pod)).await?;
    let last = container(&pod).last_state.and_then(|state| state.terminated).unwrap_or_default();
    // The server handles no signal and is process 1: only the kill at the end of the grace period reaches it.
    assert_eq!(last.exit_code, 137);
    assert_eq!(lab.event("p", "Killing").await?, "Container main failed liveness probe, will be restarted");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn other_probes_wait_for_the_startup_probe() -> Result<()> {
    let lab = Namespace::new("startup").await?;
    let container = json!({
        "command": ["/bin/sh", "-c", "sleep 2; touch /tmp/started; exec sleep 600"],
        "startupProbe": { "exec": { "command": ["test", "-e", "/tmp/started"] }, "periodSeconds": 1, "failureThreshold": 30 },
        "livenessProbe": { "exec": { "command": ["test", "-e", "/tmp/started"] }, "periodSeconds": 1, "failureThreshold": 1 },
    });
    lab.pod("p", container, json!({})).await?;
    let pod = lab.until_ready("p").await?;
    assert_eq!(crate::lab::container(&pod).restart_count, 0);
    assert!(lab.event("p", "Unhealthy").await?.starts_with("Startup probe failed: "));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_port_fails_a_socket_probe() -> Result<()> {
    let lab = Namespace::new("socket").await?;
    let probe = |port: i32| json!({ "tcpSocket": { "port": port }, "periodSeconds": 1 });
    lab.server("open", json!({ "readinessProbe": probe(8080) }), json!({})).await?;
    lab.server("closed", json!({ "readinessProbe": probe(8081) }), json!({})).await?;
    lab.until_ready("open").await?;
    assert!(lab.event("closed", "Unhealthy").await?.contains("connect: Connection refused"));
    Ok(())
}
