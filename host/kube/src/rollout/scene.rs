//! Live copies of all that matters in one namespace.

use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{Pod, Service};
use kube::ResourceExt as _;
use kube::runtime::watcher::Config;

use super::lack::Lack;
use super::trouble::Trouble;
use super::{Level, Target};
use crate::cluster::Cluster;
use crate::error::KubeError;
use crate::mirror::Mirror;
use crate::service;
use crate::workload::{Workload, pod};

/// Live copies of all that matters in one namespace.
pub(super) struct Scene {
    sets: Mirror<StatefulSet>,
    deployments: Mirror<Deployment>,
    jobs: Mirror<Job>,
    services: Mirror<Service>,
    pods: Mirror<Pod>,
    trouble: Trouble,
}

impl Scene {
    pub(super) fn new(cluster: &Cluster, namespace: &str) -> Self {
        let all = Config::default;
        let watch = |kind: &str| format!("watch {kind} of `{namespace}`");
        Self {
            sets: Mirror::new(cluster, cluster.api(namespace), all(), &watch("stateful sets")),
            deployments: Mirror::new(cluster, cluster.api(namespace), all(), &watch("deployments")),
            jobs: Mirror::new(cluster, cluster.api(namespace), all(), &watch("jobs")),
            services: Mirror::new(cluster, cluster.api(namespace), all(), &watch("services")),
            pods: Mirror::new(cluster, cluster.api(namespace), all(), &watch("pods")),
            trouble: Trouble::new(cluster, namespace),
        }
    }

    pub(super) async fn complete(&mut self) -> Result<(), KubeError> {
        let Self { sets, deployments, jobs, services, pods, trouble } = self;
        let known = futures::future::try_join5(
            sets.changed(),
            deployments.changed(),
            jobs.changed(),
            services.changed(),
            pods.changed(),
        );
        let (known, ()) = tokio::join!(known, trouble.complete());
        known.map(drop)
    }

    pub(super) async fn changed(&mut self) -> Result<(), KubeError> {
        tokio::select! {
            changed = self.sets.changed() => changed,
            changed = self.deployments.changed() => changed,
            changed = self.jobs.changed() => changed,
            changed = self.services.changed() => changed,
            changed = self.pods.changed() => changed,
            () = self.trouble.changed() => Ok(()),
        }
    }

    /// What a target lacks; nothing if it is there.
    pub(super) fn lack(&self, target: &Target) -> Result<Option<Lack>, KubeError> {
        let words = match target {
            Target::StatefulSet(name, level) => self.set(name, *level),
            Target::Deployment(name, level) => self.deployment(name, *level),
            Target::Job(name) => self.job(name)?,
            Target::Service(name) => self.service(name),
        };
        Ok(words.map(Lack::of))
    }

    fn set(&self, name: &str, level: Level) -> Option<String> {
        let Some(set) = self.sets.get(name) else { return Some(format!("no stateful set `{name}`")) };
        let observed = set.status.as_ref().and_then(|status| status.observed_generation);
        if observed != set.metadata.generation {
            return Some(format!("`{name}` not taken up yet"));
        }
        self.pods(name, &Workload::of_set(set), level, "StatefulSet")
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
            let (unwell, unmade) = (self.unwell(&workload, level), self.unmade(name, "ReplicaSet", &workload));
            return Some(format!("{updated} of {wanted} pods of `{name}` are new{unwell}{unmade}"));
        }
        self.pods(name, &workload, level, "ReplicaSet")
    }

    fn pods(&self, name: &str, workload: &Workload, level: Level, maker: &str) -> Option<String> {
        let n_there = self.pods.values().filter(|pod| workload.has(pod) && level.is_reached(pod)).count();
        let wanted = workload.wanted as usize;
        if n_there >= wanted {
            return None;
        }
        let (unwell, unmade) = (self.unwell(workload, level), self.unmade(name, maker, workload));
        Some(format!("{n_there} of {wanted} pods of `{name}` {level}{unwell}{unmade}"))
    }

    fn unwell(&self, workload: &Workload, level: Level) -> String {
        let mut unwell: Vec<&Pod> =
            self.pods.values().filter(|pod| workload.has(pod) && !level.is_reached(pod)).collect();
        unwell.sort_by_key(|pod| pod::ordinal(&pod.name_any()));
        let words = |pod: &&Pod| {
            let reason = pod::reason(pod).unwrap_or_default();
            format!(", pod {}: {reason}{}", pod.name_any(), self.trouble.of_claims(pod))
        };
        unwell.iter().map(words).collect()
    }

    /// Why its pods are not even made: a quota, a policy, a webhook.
    fn unmade(&self, name: &str, maker: &str, workload: &Workload) -> String {
        let n_made = self.pods.values().filter(|pod| workload.has(pod)).count();
        if n_made >= workload.wanted as usize {
            return String::new();
        }
        let why = self.trouble.of(maker, name);
        why.map(|why| format!(", no more can be made: {why}")).unwrap_or_default()
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
        let why = why.or_else(|| self.trouble.of("Job", name));
        Ok(Some(format!("job `{name}` not done{}", why.map(|why| format!(": {why}")).unwrap_or_default())))
    }

    fn service(&self, name: &str) -> Option<String> {
        match self.services.get(name) {
            None => Some(format!("no service `{name}`")),
            Some(found) if service::given(found).is_empty() => {
                let why = self.trouble.of("Service", name).map(|why| format!(": {why}")).unwrap_or_default();
                Some(format!("service `{name}` has no address yet{why}"))
            }
            Some(_) => None,
        }
    }
}
