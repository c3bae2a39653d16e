//! A stand-in for the kubelet of one namespace: pods do what a test's script says.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use futures::{StreamExt as _, TryStreamExt as _};
use hangar_kube::Cluster;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{DeleteParams, Patch, PatchParams, Preconditions};
use kube::runtime::watcher::{Config, Event, watcher};
use kube::{Api, ResourceExt as _};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::logs;

/// What a pod does.
#[derive(Debug, Clone)]
pub(crate) enum Play {
    /// All containers run.
    Run { ready: bool },
    /// The first container waits.
    Wait { reason: &'static str, message: String },
    /// The first container has ended, after writing these outputs.
    End { exit_code: i32, message: String, outputs: Vec<String> },
}

/// Plays until it is dropped.
pub(crate) struct Kubelet(JoinHandle<()>);

impl Drop for Kubelet {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Kubelet {
    /// Plays every pod of a namespace; the script is asked at every event and every tenth of a second.
    pub(crate) fn start(
        cluster: &Cluster,
        namespace: &str,
        mut script: impl FnMut(&Pod) -> Play + Send + 'static,
    ) -> Self {
        let api: Api<Pod> = Api::namespaced(cluster.client().clone(), namespace);
        Self(tokio::spawn(async move {
            let mut events = watcher(api.clone(), Config::default()).boxed();
            let (mut pods, mut stage) = (HashMap::new(), Stage::default());
            let mut tick = tokio::time::interval(Duration::from_millis(100));
            loop {
                tokio::select! {
                    event = events.try_next() => match event {
                        Ok(Some(Event::Apply(pod) | Event::InitApply(pod))) => { pods.insert(pod.uid().unwrap_or_default(), pod); }
                        Ok(Some(Event::Delete(pod))) => { pods.remove(&pod.uid().unwrap_or_default()); }
                        Ok(Some(Event::Init | Event::InitDone)) | Err(_) => {}
                        Ok(None) => return,
                    },
                    _ = tick.tick() => {}
                }
                for (uid, pod) in &pods {
                    play(&api, uid, pod, &mut script, &mut stage).await;
                }
            }
        }))
    }
}

/// What has been played, by pod.
#[derive(Default)]
struct Stage {
    played: HashMap<String, String>,
    ending: HashMap<String, Instant>,
}

/// How long a pod takes to end. The disruption controller must see it end: it keeps account of evicted pods by name, and a
/// new pod of the same name otherwise counts as the evicted one for two minutes.
const END: Duration = Duration::from_millis(700);

async fn play(api: &Api<Pod>, uid: &str, pod: &Pod, script: &mut impl FnMut(&Pod) -> Play, stage: &mut Stage) {
    let name = pod.name_any();
    if pod.spec.as_ref().is_none_or(|spec| spec.node_name.is_none()) {
        return;
    }
    if pod.metadata.deletion_timestamp.is_some() {
        if stage.ending.entry(uid.to_owned()).or_insert_with(Instant::now).elapsed() < END {
            return;
        }
        let exactly_this = Preconditions { uid: Some(uid.to_owned()), resource_version: None };
        api.delete(&name, &DeleteParams::default().grace_period(0).preconditions(exactly_this)).await.ok();
        return;
    }
    let play = script(pod);
    let signature = format!("{play:?}");
    if stage.played.get(uid) == Some(&signature) {
        return;
    }
    if let Play::End { outputs, .. } = &play {
        logs::write(&format!("{}/{name}", pod.namespace().unwrap_or_default()), outputs.clone());
    }
    let status = json!({"status": status(pod, &play)});
    if api.patch_status(&name, &PatchParams::default(), &Patch::Merge(status)).await.is_ok() {
        stage.played.insert(uid.to_owned(), signature);
    }
}

fn status(pod: &Pod, play: &Play) -> Value {
    static N_ADDRESSES: AtomicU32 = AtomicU32::new(1);
    let number = N_ADDRESSES.fetch_add(1, Ordering::Relaxed);
    let is_ready = matches!(play, Play::Run { ready: true });
    let (phase, first) = match play {
        Play::Run { .. } => ("Running", json!({"running": {"startedAt": "2026-01-01T00:00:00Z"}})),
        Play::Wait { reason, message } => ("Pending", json!({"waiting": {"reason": reason, "message": message}})),
        Play::End { exit_code, message, .. } => {
            let ended = json!({"exitCode": exit_code, "message": message, "reason": "Completed",
                "startedAt": "2026-01-01T00:00:00Z", "finishedAt": "2026-01-01T00:00:00Z"});
            (if *exit_code == 0 { "Succeeded" } else { "Failed" }, json!({"terminated": ended}))
        }
    };
    let containers = pod.spec.as_ref().map(|spec| spec.containers.as_slice()).unwrap_or_default();
    let statuses: Vec<Value> = containers
        .iter()
        .map(|container| {
            json!({"name": container.name, "image": container.image, "imageID": "", "ready": is_ready, "restartCount": 0, "state": first})
        })
        .collect();
    let conditions: Vec<Value> = ["PodScheduled", "Initialized", "ContainersReady", "Ready"]
        .iter()
        .map(|kind| {
            let is_true = is_ready || ["PodScheduled", "Initialized"].contains(kind);
            json!({"type": kind, "status": if is_true { "True" } else { "False" }, "lastTransitionTime": "2026-01-01T00:00:00Z"})
        })
        .collect();
    json!({"phase": phase, "podIP": format!("10.64.{}.{}", number >> 8, number & 255), "hostIP": "127.0.0.1",
        "startTime": "2026-01-01T00:00:00Z", "conditions": conditions, "containerStatuses": statuses})
}
