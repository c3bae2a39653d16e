use anyhow::{Context, Result};
use k8s_openapi::api::batch::v1::{Job, JobStatus};
use kube::Api;
use kube::api::ListParams;
use serde_json::{Value, json};

use crate::lab::{Namespace, SHELL, container, wait_for};

impl Namespace {
    async fn job(&self, name: &str, script: &str, spec: Value) -> Result<()> {
        let own = json!({
            "name": "main", "image": SHELL, "command": ["/bin/sh", "-c", script],
            "terminationMessagePolicy": "FallbackToLogsOnError",
        });
        let mut job = json!({ "template": { "spec": { "restartPolicy": "Never", "containers": [own], "terminationGracePeriodSeconds": 0 } } });
        job.as_object_mut()
            .zip(spec.as_object())
            .context("no object")?
            .0
            .extend(spec.as_object().cloned().unwrap_or_default());
        self.apply(json!({ "apiVersion": "batch/v1", "kind": "Job", "metadata": { "name": name }, "spec": job })).await
    }

    async fn until_job(&self, name: &str, kind: &str) -> Result<JobStatus> {
        let jobs: Api<Job> = Api::namespaced(self.client.clone(), &self.name);
        wait_for("a job", async || {
            let status = jobs.get(name).await?.status.unwrap_or_default();
            let has = status
                .conditions
                .iter()
                .flatten()
                .any(|condition| condition.type_ == kind && condition.status == "True");
            Ok(has.then_some(status))
        })
        .await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_completes_and_leaves_its_message() -> Result<()> {
    let lab = Namespace::new("job").await?;
    lab.job("j", "echo '{\"n\":1}'; printf 'sha256 and length' > /dev/termination-log", json!({})).await?;
    assert_eq!(lab.until_job("j", "Complete").await?.succeeded, Some(1));
    let pods = lab.pods().list(&ListParams::default().labels("job-name=j")).await?.items;
    let pod = pods.first().context("no pod")?;
    let end = container(pod).state.and_then(|state| state.terminated).context("not ended")?;
    assert_eq!(
        (end.exit_code, end.reason.as_deref(), end.message.as_deref()),
        (0, Some("Completed"), Some("sha256 and length"))
    );
    assert_eq!(lab.log(pod.metadata.name.as_deref().context("no name")?).await?, "{\"n\":1}\n");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_fails_leaves_the_end_of_its_log() -> Result<()> {
    let lab = Namespace::new("job-fails").await?;
    lab.job("j", "echo 'cluster has already been initialized' >&2; exit 1", json!({ "backoffLimit": 0 })).await?;
    lab.until_job("j", "Failed").await?;
    let pods = lab.pods().list(&ListParams::default().labels("job-name=j")).await?.items;
    let end =
        container(pods.first().context("no pod")?).state.and_then(|state| state.terminated).context("not ended")?;
    assert_eq!((end.exit_code, end.message.as_deref()), (1, Some("cluster has already been initialized\n")));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_past_its_deadline_loses_its_pod() -> Result<()> {
    let lab = Namespace::new("job-late").await?;
    lab.job("j", "exec sleep 600", json!({ "activeDeadlineSeconds": 1 })).await?;
    let status = lab.until_job("j", "Failed").await?;
    let failed = status.conditions.iter().flatten().find(|condition| condition.type_ == "Failed");
    assert_eq!(failed.and_then(|condition| condition.reason.as_deref()), Some("DeadlineExceeded"));
    let selector = ListParams::default().labels("job-name=j");
    wait_for("the pod to go", async || Ok(lab.pods().list(&selector).await?.items.is_empty().then_some(()))).await
}
