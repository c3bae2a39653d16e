//! One Job from its making to its removal.

use std::collections::BTreeMap;
use std::time::Duration;

use hangar_durable::failpoint;
use k8s_openapi::api::batch::v1::{Job, JobSpec};
use k8s_openapi::api::core::v1::{ContainerStateTerminated, Pod, PodSpec, PodTemplateSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use kube::api::{DeleteParams, LogParams, Patch, PatchParams, PostParams, Preconditions};
use kube::runtime::watcher::Config;
use kube::{Resource as _, ResourceExt as _};
use sha2::{Digest as _, Sha256};

use super::template::CONTAINER;
use crate::cluster::Cluster;
use crate::deadline::{Seen, within};
use crate::error::KubeError;
use crate::mirror::Mirror;
use crate::secrets::Files;
use crate::workload::pod;
use crate::{FIELD_MANAGER, MANAGED_BY, config_map, event, secrets};

/// Label by which all Jobs of one sort are found.
const SORT: &str = "hangar.dev/job";

/// Annotation that tells one Job's content from another's.
const CONTENT: &str = "hangar.dev/content";

/// How much longer than the host waits a Job may run: the host tells more about why it does not end.
const SPARE: Duration = Duration::from_secs(30);

/// What to run.
pub(super) struct Run<'a> {
    pub(super) namespace: &'a str,
    /// Name of the Job, and of the ConfigMap and the Secret that it owns.
    pub(super) name: String,
    /// `probe` or `verb`.
    pub(super) sort: &'static str,
    pub(super) pod: PodSpec,
    pub(super) config: BTreeMap<String, String>,
    pub(super) secret: Option<Files>,
    pub(super) deadline: Duration,
    /// How long an ended Job stays if nobody removes it.
    pub(super) keep: Duration,
}

/// How the container ended.
#[derive(Debug)]
pub(super) struct End {
    pub(super) exit_code: i32,
    /// Termination message.
    pub(super) message: String,
    pub(super) pod: String,
}

/// A Job that has been let go.
pub(super) struct Running<'a> {
    cluster: &'a Cluster,
    run: &'a Run<'a>,
    uid: String,
}

impl<'a> Running<'a> {
    /// Makes the Job with what it owns and lets it go; one of the same name and content that is there goes on.
    pub(super) async fn start(cluster: &'a Cluster, run: &'a Run<'a>) -> Result<Self, KubeError> {
        failpoint::hit("kube.job.before");
        let job = create(cluster, run).await?;
        failpoint::hit("kube.job.created");
        let running = Self { cluster, run, uid: job.uid().unwrap_or_default() };
        if job.spec.as_ref().and_then(|spec| spec.suspend) == Some(true)
            && let Err(err) = running.release(&job).await
        {
            running.remove().await;
            return Err(err);
        }
        failpoint::hit("kube.job.started");
        Ok(running)
    }

    async fn release(&self, job: &Job) -> Result<(), KubeError> {
        let Run { namespace, name, .. } = self.run;
        let owner = OwnerReference { block_owner_deletion: Some(false), ..owner_of(job) };
        if !self.run.config.is_empty() {
            config_map::put(self.cluster, namespace, name, &self.run.config, Some(owner.clone())).await?;
        }
        if let Some(files) = &self.run.secret {
            secrets::create_owned(self.cluster, namespace, name, files, owner).await?;
        }
        let go = serde_json::json!({"spec": {"suspend": false}});
        let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
        let api = self.cluster.api::<Job>(namespace);
        let action = || format!("start job `{namespace}/{name}`");
        self.cluster.call(action, api.patch(name, &params, &Patch::Merge(&go))).await?;
        Ok(())
    }

    /// Waits until the container has ended.
    pub(super) async fn end(&self) -> Result<End, KubeError> {
        let Run { namespace, name, deadline, .. } = self.run;
        let mut scene = Scene::new(self.cluster, namespace, name);
        let seen = Seen::default();
        let ended = within(&format!("end of job `{name}`"), *deadline, &seen, scene.end(name, &seen)).await;
        let end = match ended {
            Err(KubeError::Deadline { what, after, seen }) => {
                let about = scene.pod_uid().unwrap_or_else(|| self.uid.clone());
                let warning = event::last_warning(self.cluster, namespace, &about).await;
                let seen = warning.map_or(seen.clone(), |warning| format!("{seen} ({warning})"));
                return Err(KubeError::Deadline { what, after, seen });
            }
            ended => ended?,
        };
        failpoint::hit("kube.job.ended");
        Ok(end)
    }

    /// Reads what the container wrote. At most `limit` bytes, if there is one.
    pub(super) async fn output(&self, end: &End, limit: Option<i64>) -> Result<String, KubeError> {
        let of_main = LogParams { container: Some(CONTAINER.to_owned()), limit_bytes: limit, ..LogParams::default() };
        let api = self.cluster.api::<Pod>(self.run.namespace);
        let action = || format!("read the output of pod `{}/{}`", self.run.namespace, end.pod);
        self.cluster.call(action, api.logs(&end.pod, &of_main)).await
    }

    /// Removes the Job, and with it its pod and what it owns. A failure is told and no more: the Job removes itself later.
    pub(super) async fn remove(&self) {
        let Run { namespace, name, .. } = self.run;
        let exactly_this = Preconditions { uid: Some(self.uid.clone()), resource_version: None };
        let params = DeleteParams::background().preconditions(exactly_this);
        let api = self.cluster.api::<Job>(namespace);
        match self.cluster.call(|| format!("delete job `{namespace}/{name}`"), api.delete(name, &params)).await {
            Ok(_) | Err(KubeError::NotFound { .. } | KubeError::Conflict { .. }) => failpoint::hit("kube.job.after"),
            Err(err) => tracing::warn!(job = %name, error = %err, "job not removed; it removes itself later"),
        }
    }
}

async fn create(cluster: &Cluster, run: &Run<'_>) -> Result<Job, KubeError> {
    let job = to_job(run);
    let (api, object) = (cluster.api::<Job>(run.namespace), format!("job `{}/{}`", run.namespace, run.name));
    let params = PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() };
    match cluster.call(|| format!("make {object}"), api.create(&params, &job)).await {
        Err(KubeError::Conflict { .. }) => {}
        made => return made,
    }
    let found = cluster.call(|| format!("read {object}"), api.get(&run.name)).await?;
    if found.annotations().get(CONTENT) == job.annotations().get(CONTENT) {
        return Ok(found);
    }
    Err(KubeError::Immutable { object })
}

fn to_job(run: &Run<'_>) -> Job {
    let labels: BTreeMap<String, String> =
        [("app.kubernetes.io/managed-by".to_owned(), MANAGED_BY.to_owned()), (SORT.to_owned(), run.sort.to_owned())]
            .into();
    let needs_more = !run.config.is_empty() || run.secret.is_some();
    let metadata = |name: Option<String>| ObjectMeta { name, labels: Some(labels.clone()), ..ObjectMeta::default() };
    let spec = JobSpec {
        backoff_limit: Some(0),
        suspend: Some(needs_more),
        active_deadline_seconds: Some(seconds(run.deadline + SPARE)),
        ttl_seconds_after_finished: i32::try_from(run.keep.as_secs()).ok(),
        template: PodTemplateSpec { metadata: Some(metadata(None)), spec: Some(run.pod.clone()) },
        ..JobSpec::default()
    };
    let content = serde_json::to_vec(&(&run.pod, &run.config)).expect("a pod has a JSON form");
    let mut metadata = metadata(Some(run.name.clone()));
    metadata.annotations = Some([(CONTENT.to_owned(), hex::encode(Sha256::digest(content)))].into());
    Job { metadata, spec: Some(spec), status: None }
}

fn owner_of(job: &Job) -> OwnerReference {
    job.owner_ref(&()).expect("what the API server answers has a name and a uid")
}

fn seconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX).max(1)
}

/// Live copies of the Job and its pods.
struct Scene {
    jobs: Mirror<Job>,
    pods: Mirror<Pod>,
}

impl Scene {
    fn new(cluster: &Cluster, namespace: &str, name: &str) -> Self {
        let this_job = Config::default().fields(&format!("metadata.name={name}"));
        let its_pods = Config::default().labels(&format!("batch.kubernetes.io/job-name={name}"));
        let watch = |kind: &str| format!("watch {kind} of `{namespace}`");
        Self {
            jobs: Mirror::new(cluster, cluster.api(namespace), this_job, &watch("jobs")),
            pods: Mirror::new(cluster, cluster.api(namespace), its_pods, &watch("pods")),
        }
    }

    async fn end(&mut self, name: &str, seen: &Seen) -> Result<End, KubeError> {
        let Self { jobs, pods } = self;
        tokio::try_join!(jobs.changed(), pods.changed())?;
        loop {
            if let Some(end) = self.ended() {
                return Ok(end);
            }
            if let Some(reason) = self.failed(name) {
                return Err(KubeError::JobFailed { job: name.to_owned(), reason, output: String::new() });
            }
            seen.set(self.words());
            tokio::select! {
                changed = self.jobs.changed() => changed?,
                changed = self.pods.changed() => changed?,
            }
        }
    }

    /// The pod says it a second before the Job does.
    fn ended(&self) -> Option<End> {
        self.pods.values().find_map(|pod| {
            let ContainerStateTerminated { exit_code, message, .. } = terminated(pod)?;
            Some(End { exit_code, message: message.unwrap_or_default(), pod: pod.name_any() })
        })
    }

    fn failed(&self, name: &str) -> Option<String> {
        let Some(job) = self.jobs.get(name) else { return Some("it was deleted".to_owned()) };
        let conditions = job.status.as_ref()?.conditions.as_ref()?;
        let failed = conditions.iter().find(|one| one.type_ == "Failed" && one.status == "True")?;
        self.pods.values().find_map(pod::reason).or_else(|| failed.message.clone()).or_else(|| failed.reason.clone())
    }

    fn words(&self) -> String {
        match self.pods.values().next() {
            None => "no pod yet".to_owned(),
            Some(one) => format!("pod {}: {}", one.name_any(), pod::reason(one).unwrap_or_else(|| "runs".to_owned())),
        }
    }

    fn pod_uid(&self) -> Option<String> {
        self.pods.values().next().and_then(kube::ResourceExt::uid)
    }
}

fn terminated(pod: &Pod) -> Option<ContainerStateTerminated> {
    let statuses = pod.status.as_ref()?.container_statuses.as_ref()?;
    statuses.first()?.state.as_ref()?.terminated.clone()
}
