//! Restarting the pods of a workload one at a time.

use std::collections::BTreeSet;
use std::future::Future;
use std::time::Duration;

use hangar_durable::failpoint;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::policy::v1::Eviction;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{DeleteOptions, ObjectMeta, Preconditions};
use kube::ResourceExt as _;
use kube::api::PostParams;
use kube::runtime::watcher::Config;

use crate::cluster::Cluster;
use crate::deadline::{Seen, within};
use crate::error::KubeError;
use crate::mirror::Mirror;
use crate::rollout::Level;
use crate::workload::{Workload, pod};

/// Label that the StatefulSet controller gives a pod for the template it was made of.
const REVISION: &str = "controller-revision-hash";

/// How long between two looks at a health that is not well, or at a budget that forbids.
const PAUSE: Duration = Duration::from_secs(2);

/// What is restarted.
#[derive(Debug, Clone)]
pub struct Restart<'a> {
    /// Namespace.
    pub namespace: &'a str,
    /// Name of a StatefulSet whose update strategy is `OnDelete`.
    pub workload: &'a str,
    /// How far the other pods must be before one is stopped, and the new one before the next.
    pub level: Level,
    /// For all of it.
    pub deadline: Duration,
}

/// How long the controller of StatefulSets may take to see a changed template.
const TAKEN_UP: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Pods of a StatefulSet that are of an older template than it has now and that nothing replaces by itself, the highest
/// ordinal first. None of a set that is not there, or that replaces its pods itself.
///
/// # Errors
///
/// [`KubeError::Deadline`] if the controller does not take up the template.
pub async fn outdated(cluster: &Cluster, namespace: &str, name: &str) -> Result<Vec<String>, KubeError> {
    let (sets, seen) = (cluster.api::<StatefulSet>(namespace), Seen::default());
    let action = || format!("read stateful set `{namespace}/{name}`");
    let what = format!("template of `{name}`");
    let taken_up = within(&what, TAKEN_UP, &seen, async {
        loop {
            let Some(set) = cluster.call(action, sets.get_opt(name)).await? else { return Ok(None) };
            let observed = set.status.as_ref().and_then(|status| status.observed_generation).unwrap_or_default();
            if observed >= set.metadata.generation.unwrap_or_default() {
                return Ok(Some(set));
            }
            seen.set(format!("`{name}` not taken up yet"));
            tokio::time::sleep(LOOK_EVERY).await;
        }
    });
    let Some(set) = taken_up.await? else { return Ok(Vec::new()) };
    let strategy =
        set.spec.as_ref().and_then(|spec| spec.update_strategy.as_ref()).and_then(|one| one.type_.as_deref());
    if strategy != Some("OnDelete") {
        return Ok(Vec::new());
    }
    let newest = set.status.as_ref().and_then(|status| status.update_revision.as_deref());
    let mut pods = crate::workload::pods(cluster, namespace, name, &Workload::of_set(&set)).await?;
    pods.reverse();
    Ok(pods.iter().filter(|one| is_old(one, newest)).map(|one| one.name_any()).collect())
}

/// Restarts the pods of a StatefulSet that are of an older template than it has, one at a time, and returns how many it restarted.
///
/// The highest ordinal comes first. A pod is evicted on the condition that all others are well, that the disruption budget allows
/// it and that `health` holds, and the one in its place is waited for. The one pod that is not well itself goes first, and whatever
/// `health` says: it has nothing to lose, and may be what keeps the whole from being well. Called again it restarts those that are
/// left.
///
/// `health` says what is not well about the whole (none: all is), such as ranges without enough replicas.
///
/// # Errors
///
/// [`KubeError::NotFound`] where there is no such set; [`KubeError::Deadline`]: the pods are then partly of the new template, and the
/// same call goes on from there.
pub async fn rolling<H, F>(cluster: &Cluster, restart: &Restart<'_>, health: H) -> Result<u32, KubeError>
where
    H: Fn() -> F + Send + Sync,
    F: Future<Output = Option<String>> + Send,
{
    let sets = cluster.api::<StatefulSet>(restart.namespace);
    let action = || format!("read stateful set `{}/{}`", restart.namespace, restart.workload);
    let set = cluster.call(action, sets.get(restart.workload)).await?;
    let generation = set.metadata.generation.unwrap_or_default();
    let seen = Seen::default();
    within(&format!("restart of `{}`", restart.workload), restart.deadline, &seen, async {
        failpoint::hit("kube.restart.before");
        let mut stage = Stage::new(cluster, restart);
        let mut n_restarted = 0;
        stage.complete().await?;
        loop {
            match stage.next(generation) {
                Next::Done => return Ok(n_restarted),
                Next::Wait(what) => {
                    seen.set(what);
                    stage.changed().await?;
                }
                Next::Stop { pod, is_well } => {
                    let unwell = if is_well { health().await } else { None };
                    if let Some(unwell) = unwell {
                        seen.set(unwell);
                        stage.changed_or_pause().await?;
                    } else if evict(cluster, restart, &pod, &seen).await? {
                        n_restarted += 1;
                        stage.evicted.insert(pod.uid().unwrap_or_default());
                        failpoint::hit("kube.restart.pod");
                        stage.changed().await?;
                    } else {
                        stage.changed_or_pause().await?;
                    }
                }
            }
        }
    })
    .await
}

/// Evicts one pod; says whether it did, or whether the disruption budget forbids it for now.
async fn evict(cluster: &Cluster, restart: &Restart<'_>, pod: &Pod, seen: &Seen) -> Result<bool, KubeError> {
    let name = pod.name_any();
    let exactly_this = Preconditions { uid: pod.uid(), resource_version: None };
    let eviction = Eviction {
        metadata: ObjectMeta { name: Some(name.clone()), ..ObjectMeta::default() },
        delete_options: Some(DeleteOptions { preconditions: Some(exactly_this), ..DeleteOptions::default() }),
    };
    let api = cluster.unretried_api::<Pod>(restart.namespace);
    let action = || format!("evict pod `{}/{name}`", restart.namespace);
    let params = PostParams::default();
    let evicted = api.create_subresource::<_, serde_json::Value>("eviction", &name, &params, &eviction);
    match cluster.call(action, evicted).await {
        Ok(_) => {
            tracing::info!(pod = %name, "evicted for a restart");
            Ok(true)
        }
        // 429: the budget. It keeps account of evicted pods by name, so a pod that ended faster than the disruption
        // controller could see takes two minutes to be forgotten. 404 and 409: another pod of this name by now, which the next look shows.
        Err(KubeError::Unavailable { reason, .. }) => {
            seen.set(format!("pod {name} may not be stopped: {reason}"));
            Ok(false)
        }
        Err(KubeError::NotFound { .. } | KubeError::Conflict { .. }) => Ok(false),
        Err(err) => Err(err),
    }
}

/// Live copies of the workload and its pods.
struct Stage<'a> {
    restart: &'a Restart<'a>,
    sets: Mirror<StatefulSet>,
    pods: Mirror<Pod>,
    /// Pods that were evicted; for a moment the copies do not show it.
    evicted: BTreeSet<String>,
}

enum Next {
    Done,
    Wait(String),
    Stop {
        pod: Box<Pod>,
        /// Whether something is lost with it, if only for as long as it takes to come back.
        is_well: bool,
    },
}

impl<'a> Stage<'a> {
    fn new(cluster: &Cluster, restart: &'a Restart<'_>) -> Self {
        let Restart { namespace, workload, .. } = restart;
        let only_this = Config::default().fields(&format!("metadata.name={workload}"));
        let watch = |kind: &str| format!("watch {kind} of `{namespace}`");
        Self {
            restart,
            sets: Mirror::new(cluster, cluster.api(namespace), only_this, &watch("stateful sets")),
            pods: Mirror::new(cluster, cluster.api(namespace), Config::default(), &watch("pods")),
            evicted: BTreeSet::new(),
        }
    }

    async fn complete(&mut self) -> Result<(), KubeError> {
        tokio::try_join!(self.sets.changed(), self.pods.changed())?;
        Ok(())
    }

    async fn changed(&mut self) -> Result<(), KubeError> {
        tokio::select! {
            changed = self.sets.changed() => changed,
            changed = self.pods.changed() => changed,
        }
    }

    async fn changed_or_pause(&mut self) -> Result<(), KubeError> {
        tokio::time::timeout(PAUSE, self.changed()).await.unwrap_or(Ok(()))
    }

    fn next(&self, generation: i64) -> Next {
        let Restart { workload: name, level, .. } = self.restart;
        let Some(set) = self.sets.get(name) else { return Next::Wait(format!("no stateful set `{name}`")) };
        let status = set.status.clone().unwrap_or_default();
        if status.observed_generation.unwrap_or_default() < generation {
            return Next::Wait(format!("`{name}` not taken up yet"));
        }
        let workload = Workload::of_set(set);
        let mut pods: Vec<&Pod> = self.pods.values().filter(|pod| workload.has(pod)).collect();
        pods.sort_by_key(|one| std::cmp::Reverse(pod::ordinal(&one.name_any())));
        let is_evicted = |one: &&&Pod| one.metadata.uid.as_ref().is_some_and(|uid| self.evicted.contains(uid));
        if let Some(one) = pods.iter().find(is_evicted) {
            return Next::Wait(format!("pod {}: it is being stopped", one.name_any()));
        }
        let n_missing = (workload.wanted as usize).saturating_sub(pods.len());
        if n_missing > 0 {
            return Next::Wait(format!("{n_missing} pods of `{name}` not made yet"));
        }
        next_of(&pods, *level, status.update_revision.as_deref())
    }
}

/// Chooses among pods that are all there, highest ordinal first.
fn next_of(pods: &[&Pod], level: Level, newest: Option<&str>) -> Next {
    let is_old = |one: &&Pod| is_old(one, newest);
    let unwell: Vec<&Pod> = pods.iter().copied().filter(|one| !level.is_reached(one)).collect();
    match unwell.as_slice() {
        [] => match pods.iter().copied().find(is_old) {
            Some(one) => Next::Stop { pod: Box::new(one.clone()), is_well: true },
            None => Next::Done,
        },
        // The one that is not well may be cured by the restart, and costs nothing more.
        [one] if is_old(one) && one.metadata.deletion_timestamp.is_none() => {
            Next::Stop { pod: Box::new((*one).clone()), is_well: false }
        }
        [one, ..] => Next::Wait(format!("pod {}: {}", one.name_any(), words(one))),
    }
}

fn is_old(one: &Pod, newest: Option<&str>) -> bool {
    one.labels().get(REVISION).map(String::as_str) != newest
}

fn words(one: &Pod) -> String {
    pod::reason(one).unwrap_or_else(|| "not there yet".to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(ordinal: u32, revision: &str, is_ready: bool) -> Pod {
        let status = if is_ready { "True" } else { "False" };
        serde_json::from_value(json!({"metadata": {"name": format!("db-{ordinal}"), "labels": {REVISION: revision}},
            "status": {"conditions": [{"type": "Ready", "status": status}]}}))
        .expect("a pod")
    }

    /// What comes next of pods given from the highest ordinal on, each with its template and whether it is ready.
    fn next(pods: [(&str, bool); 3]) -> String {
        let made: Vec<Pod> = (0..).zip(pods).map(|(n, (revision, is_ready))| pod(2 - n, revision, is_ready)).collect();
        match next_of(&made.iter().collect::<Vec<_>>(), Level::Ready, Some("new")) {
            Next::Done => "done".to_owned(),
            Next::Wait(what) => format!("wait for {what}"),
            Next::Stop { pod, is_well: true } => format!("stop {} if all is well", pod.name_any()),
            Next::Stop { pod, is_well: false } => format!("replace {}", pod.name_any()),
        }
    }

    #[test]
    fn a_pod_that_is_not_well_is_replaced_by_itself_and_no_other_beside_it() {
        assert_eq!(next([("old", true), ("old", true), ("old", true)]), "stop db-2 if all is well");
        assert_eq!(next([("new", true), ("old", true), ("old", true)]), "stop db-1 if all is well");
        assert_eq!(next([("old", true), ("old", false), ("old", true)]), "replace db-1");
        assert_eq!(next([("old", false), ("new", true), ("new", true)]), "replace db-2");
        assert_eq!(next([("new", false), ("old", true), ("old", true)]), "wait for pod db-2: not started");
        assert_eq!(next([("old", false), ("old", false), ("old", true)]), "wait for pod db-2: not started");
        assert_eq!(next([("new", true), ("new", true), ("new", true)]), "done");
    }
}
