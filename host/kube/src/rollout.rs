//! Waiting until what was applied runs.

use std::time::Duration;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Pod;
use tokio::time::Instant;

use crate::cluster::Cluster;
use crate::error::KubeError;
use crate::workload::pod;

mod lack;
mod scene;
mod trouble;

use lack::{Cure, Lack};
use scene::Scene;

/// How long what no waiting cures may stand: registries and clouds are not always of one mind with themselves at first.
const PATIENCE: Duration = Duration::from_secs(120);

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

/// How long is waited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// For all targets together.
    pub deadline: Duration,
    /// For what no waiting cures, such as an image that is not found.
    pub patience: Duration,
}

impl From<Duration> for Limits {
    fn from(deadline: Duration) -> Self {
        Self { deadline, patience: PATIENCE }
    }
}

/// Waits until all targets of a namespace are there, telling `progress` every change of each in words.
///
/// # Errors
///
/// [`KubeError::JobFailed`] for a Job that has failed for good; [`KubeError::NotRunning`] at the deadline, or before it where
/// waiting cures nothing, with each object that is not well, why, and the cure of the first.
pub async fn wait(
    cluster: &Cluster,
    namespace: &str,
    targets: &[Target],
    limits: impl Into<Limits>,
    mut progress: impl FnMut(&str) + Send,
) -> Result<(), KubeError> {
    let (limits, started) = (limits.into(), Instant::now());
    let mut told: Vec<Option<String>> = vec![None; targets.len()];
    let mut lacks: Vec<Lack> = Vec::new();
    let mut hopeless_since = None;
    let mut scene = Scene::new(cluster, namespace);
    let end = |lacks: &[Lack], is_hopeless: bool| not_running(started, lacks, is_hopeless);
    match tokio::time::timeout_at(started + limits.deadline, scene.complete()).await {
        Ok(complete) => complete?,
        Err(_) => return Err(end(&lacks, false)),
    }
    loop {
        lacks.clear();
        for (target, told) in targets.iter().zip(&mut told) {
            let lack = scene.lack(target)?;
            let words = lack.as_ref().map(|lack| lack.words.clone());
            match &words {
                Some(words) if told.as_ref() != Some(words) => progress(words),
                None if told.is_some() => progress(&format!("{target} is there")),
                _ => {}
            }
            *told = words;
            lacks.extend(lack);
        }
        if lacks.is_empty() {
            return Ok(());
        }
        let is_hopeless = lacks.iter().any(|lack| lack.is_hopeless);
        hopeless_since = is_hopeless.then(|| hopeless_since.unwrap_or_else(Instant::now));
        let deadline = started + limits.deadline;
        let until = hopeless_since.map_or(deadline, |since: Instant| deadline.min(since + limits.patience));
        match tokio::time::timeout_at(until, scene.changed()).await {
            Ok(changed) => changed?,
            Err(_) => return Err(end(&lacks, until < deadline)),
        }
    }
}

/// Whether no pod of a Deployment is of a former template, be the new ones ready or not. One that is not there has no pods.
///
/// # Errors
///
/// As for every request.
pub async fn is_through(cluster: &Cluster, namespace: &str, name: &str) -> Result<bool, KubeError> {
    let action = || format!("read deployment `{namespace}/{name}`");
    let found = cluster.call(action, cluster.api::<Deployment>(namespace).get_opt(name)).await?;
    Ok(found.is_none_or(|found| has_no_former_pods(&found)))
}

fn has_no_former_pods(deployment: &Deployment) -> bool {
    let status = deployment.status.clone().unwrap_or_default();
    let is_taken_up = status.observed_generation == deployment.metadata.generation;
    is_taken_up && status.replicas.unwrap_or_default() <= status.updated_replicas.unwrap_or_default()
}

fn not_running(started: Instant, lacks: &[Lack], is_hopeless: bool) -> KubeError {
    let mut words: Vec<&str> = lacks.iter().map(|lack| lack.words.as_str()).collect();
    if words.is_empty() {
        words.push("nothing");
    }
    // What waiting does not cure comes first, since the rest may only wait for it.
    let first =
        lacks.iter().find(|lack| lack.is_hopeless).or_else(|| lacks.iter().find(|lack| lack.cure != Cure::Wait));
    KubeError::NotRunning {
        after: started.elapsed(),
        is_hopeless,
        seen: words.join("; "),
        cure: first.map_or(Cure::Wait, |lack| lack.cure).words(),
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

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::StatefulSet(name, _) => write!(f, "stateful set `{name}`"),
            Self::Deployment(name, _) => write!(f, "deployment `{name}`"),
            Self::Job(name) => write!(f, "job `{name}`"),
            Self::Service(name) => write!(f, "service `{name}`"),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn is_through(observed: i64, replicas: i32, updated: i32, ready: i32) -> bool {
        let status = json!({"observedGeneration": observed, "replicas": replicas, "updatedReplicas": updated, "readyReplicas": ready});
        let deployment = json!({"metadata": {"name": "api", "generation": 2}, "status": status});
        has_no_former_pods(&serde_json::from_value(deployment).expect("a deployment"))
    }

    #[test]
    fn a_roll_is_through_once_the_last_pod_of_a_former_template_is_gone() {
        assert!(!is_through(1, 1, 1, 1), "nobody has taken up the new template yet");
        assert!(!is_through(2, 2, 1, 1), "one pod in place of one: the old one serves until the new one is ready");
        assert!(is_through(2, 1, 1, 1));
        assert!(is_through(2, 2, 2, 1), "a pod that is not ready for a while is no former one");
    }
}
