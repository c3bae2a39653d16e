use anyhow::{Context, Result};
use serde_json::json;

use crate::lab::{Namespace, container};

#[tokio::test(flavor = "multi_thread")]
async fn kubectl_reads_logs_through_the_api_server() -> Result<()> {
    let lab = Namespace::new("logs").await?;
    lab.script("p", "echo one; echo two >&2; echo three", json!({ "restartPolicy": "Never" })).await?;
    lab.until_ended("p").await?;
    let log = lab.kubectl(&["logs", "p"]).await?;
    // The two streams are two pipes, so only the order within each is sure.
    let mut lines: Vec<&str> = log.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["one", "three", "two"]);
    assert_eq!(lab.kubectl(&["logs", "p", "--tail", "1"]).await?.lines().count(), 1);
    let timed = lab.kubectl(&["logs", "p", "--timestamps", "--container", "main"]).await?;
    assert!(timed.lines().all(|line| line.split(' ').next().is_some_and(|time| time.ends_with('Z'))), "{timed}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_followed_log_ends_with_the_container() -> Result<()> {
    let lab = Namespace::new("follow").await?;
    lab.script("p", "for i in 1 2 3; do echo $i; sleep 0.3; done", json!({ "restartPolicy": "Never" })).await?;
    lab.until("p", |pod| {
        container(pod).state.is_some_and(|state| state.running.is_some() || state.terminated.is_some())
    })
    .await?;
    assert_eq!(lab.kubectl(&["logs", "p", "--follow"]).await?, "1\n2\n3\n");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_of_the_run_before_a_crash_can_be_read() -> Result<()> {
    let lab = Namespace::new("previous").await?;
    lab.pod("p", json!({ "command": ["/bin/sh", "-c", "test -e /data/x && { echo second; exec sleep 600; }; touch /data/x; echo first; exit 3"],
        "volumeMounts": [{ "name": "data", "mountPath": "/data" }] }), json!({ "volumes": [{ "name": "data", "emptyDir": {} }] })).await?;
    lab.until("p", |pod| container(pod).restart_count == 1 && container(pod).ready).await?;
    assert_eq!(lab.kubectl(&["logs", "p", "--previous"]).await?, "first\n");
    assert_eq!(lab.kubectl(&["logs", "p"]).await?, "second\n");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_that_never_ran_has_no_log_and_says_why() -> Result<()> {
    let lab = Namespace::new("no-log").await?;
    lab.pod("p", json!({ "image": "docker.io/lab/absent:1" }), json!({})).await?;
    lab.until_waiting("p", "ImagePullBackOff").await?;
    let err = lab.kubectl(&["logs", "p"]).await.err().context("a log")?.to_string();
    assert!(
        err.contains("container \"main\" in pod \"p\" is waiting to start: trying and failing to pull image"),
        "{err}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_kubelet_answers_nobody_without_the_api_servers_certificate() -> Result<()> {
    let lab = Namespace::new("stranger").await?;
    let node = lab.organisation.pod_range.replace(".0/24", ".1");
    let client = reqwest::Client::builder().tls_danger_accept_invalid_certs(true).no_proxy().build()?;
    let answer = client.get(format!("https://{node}:10250/containerLogs/stranger/p/main")).send().await;
    assert!(answer.is_err(), "{answer:?}");
    Ok(())
}
