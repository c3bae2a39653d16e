//! Waiting until what was applied runs.

use std::time::Duration;

use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{Pod, Service};
use kube::ResourceExt as _;
use kube::runtime::watcher::Config;

use crate::cluster::Cluster;
use crate::deadline::{Seen, within};
use crate::error::KubeError;
use crate::mirror::Mirror;
use crate::service;
use crate::workload::{Workload, pod};

/// What is waited for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A StatefulSet whose wanted pods are all there, at this level. Pods of a former template count.
    StatefulSet(String, Level),
    /// A Deployment whose pods are all of its newest template, at this level.
    Deployment(String, Level),
    /// A Job that has succeeded.
    Job(String),
    /// A LoadBalancer Service that has an address.
    Service(String),
}

/// How far a pod must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Level {
    /// Its containers run. A database node that waits for its cluster is no further.
    Running,
    /// It is ready.
    Ready,
}

/// Waits until all targets of a namespace are there, telling `progress` every change in words.
///
/// # Errors
///
/// [`KubeError::JobFailed`] for a Job that has failed for good; [`KubeError::Deadline`], with every pod that is not well and
/// why: `pod db-1: db: image ``x`` not found`.
pub async fn wait(
    cluster: &Cluster,
    namespace: &str,
    targets: &[Target],
    deadline: Duration,
    mut progress: impl FnMut(&str) + Send,
) -> Result<(), KubeError> {
    let seen = Seen::default();
    within("running services", deadline, &seen, async {
        let mut scene = Scene::new(cluster, namespace);
        scene.complete().await?;
        loop {
            let missing = scene.missing(targets)?;
            if missing.is_empty() {
                return Ok(());
            }
            let words = missing.join("; ");
            if seen.set(words.as_str()) {
                progress(&words);
            }
            scene.changed().await?;
        }
    })
    .await
}

/// Live copies of all that matters in one namespace.
struct Scene {
    sets: Mirror<StatefulSet>,
    deployments: Mirror<Deployment>,
    jobs: Mirror<Job>,
    services: Mirror<Service>,
    pods: Mirror<Pod>,
}

impl Scene {
    fn new(cluster: &Cluster, namespace: &str) -> Self {
        let all = Config::default;
        let watch = |kind: &str| format!("watch {kind} of `{namespace}`");
        Self {
            sets: Mirror::new(cluster, cluster.api(namespace), all(), &watch("stateful sets")),
            deployments: Mirror::new(cluster, cluster.api(namespace), all(), &watch("deployments")),
            jobs: Mirror::new(cluster, cluster.api(namespace), all(), &watch("jobs")),
            services: Mirror::new(cluster, cluster.api(namespace), all(), &watch("services")),
            pods: Mirror::new(cluster, cluster.api(namespace), all(), &watch("pods")),
        }
    }

    async fn complete(&mut self) -> Result<(), KubeError> {
        let Self { sets, deployments, jobs, services, pods } = self;
        tokio::try_join!(sets.changed(), deployments.changed(), jobs.changed(), services.changed(), pods.changed())?;
        Ok(())
    }

    async fn changed(&mut self) -> Result<(), KubeError> {
        tokio::select! {
            changed = self.sets.changed() => changed,
            changed = self.deployments.changed() => changed,
            changed = self.jobs.changed() => changed,
            changed = self.services.changed() => changed,
            changed = self.pods.changed() => changed,
        }
    }

    /// What is not there yet, one text a target.
    fn missing(&self, targets: &[Target]) -> Result<Vec<String>, KubeError> {
        let looks = targets.iter().map(|target| match target {
            Target::StatefulSet(name, level) => Ok(self.set(name, *level)),
            Target::Deployment(name, level) => Ok(self.deployment(name, *level)),
            Target::Job(name) => self.job(name),
            Target::Service(name) => Ok(self.service(name)),
        });
        looks.filter_map(Result::transpose).collect()
    }

    fn set(&self, name: &str, level: Level) -> Option<String> {
        let Some(set) = self.sets.get(name) else { return Some(format!("no stateful set `{name}`")) };
        let observed = set.status.as_ref().and_then(|status| status.observed_generation);
        if observed != set.metadata.generation {
            return Some(format!("`{name}` not taken up yet"));
        }
        self.pods(name, &Workload::of_set(set), level)
    }

    fn deployment(&self, name: &str, level: Level) -> Option<String> {
        let Some(deployment) = self.deployments.get(name) else { return Some(format!("no deployment `{name}`")) };
        let status = deployment.status.clone().unwrap_or_default();
        let workload = Workload::of_deployment(deployment);
        let wanted = i32::try_from(workload.wanted).unwrap_or(i32::MAX);
        if status.observed_generation != deployment.metadata.generation {
            return Some(format!("`{name}` not taken up yet"));
        }
        let (updated, all) = (status.updated_replicas.unwrap_or_default(), status.replicas.unwrap_or_default());
        if updated < wanted || all > updated {
            let unwell = self.unwell(&workload, level);
            return Some(format!("{updated} of {wanted} pods of `{name}` are new{unwell}"));
        }
        self.pods(name, &workload, level)
    }

    fn pods(&self, name: &str, workload: &Workload, level: Level) -> Option<String> {
        let n_there = self.pods.values().filter(|pod| workload.has(pod) && level.is_reached(pod)).count();
        let wanted = workload.wanted as usize;
        if n_there >= wanted {
            return None;
        }
        Some(format!("{n_there} of {wanted} pods of `{name}` {level}{}", self.unwell(workload, level)))
    }

    fn unwell(&self, workload: &Workload, level: Level) -> String {
        let mut unwell: Vec<&Pod> =
            self.pods.values().filter(|pod| workload.has(pod) && !level.is_reached(pod)).collect();
        unwell.sort_by_key(|pod| pod::ordinal(&pod.name_any()));
        let words = |pod: &&Pod| format!(", pod {}: {}", pod.name_any(), pod::reason(pod).unwrap_or_default());
        unwell.iter().map(words).collect()
    }

    fn job(&self, name: &str) -> Result<Option<String>, KubeError> {
        let Some(job) = self.jobs.get(name) else { return Ok(Some(format!("no job `{name}`"))) };
        let conditions = job.status.as_ref().and_then(|status| status.conditions.clone()).unwrap_or_default();
        let of_kind = |kind: &str| conditions.iter().find(|one| one.type_ == kind && one.status == "True");
        if of_kind("Complete").is_some() {
            return Ok(None);
        }
        let ran_by_it = |pod: &&Pod| pod.labels().get("batch.kubernetes.io/job-name").map(String::as_str) == Some(name);
        let why = self.pods.values().filter(ran_by_it).find_map(pod::reason);
        if let Some(failed) = of_kind("Failed") {
            let reason = why.or_else(|| failed.message.clone()).unwrap_or_default();
            return Err(KubeError::JobFailed { job: name.to_owned(), reason, output: String::new() });
        }
        Ok(Some(format!("job `{name}` not done{}", why.map(|why| format!(": {why}")).unwrap_or_default())))
    }

    fn service(&self, name: &str) -> Option<String> {
        match self.services.get(name) {
            None => Some(format!("no service `{name}`")),
            Some(found) if service::given(found).is_empty() => Some(format!("service `{name}` has no address yet")),
            Some(_) => None,
        }
    }
}

impl Level {
    pub(crate) fn is_reached(self, one: &Pod) -> bool {
        match self {
            Self::Running => pod::is_running(one),
            Self::Ready => pod::is_ready(one),
        }
    }
}

impl std::fmt::Display for Level {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Running => "run",
            Self::Ready => "are ready",
        })
    }
}
