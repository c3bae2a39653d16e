use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use k8s_openapi::api::core::v1::{
    Container, ContainerState, ContainerStateWaiting, ContainerStatus, ObjectReference, Pod,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use kube::{Resource, ResourceExt};
use tokio::sync::watch;

/// What the kubelet knows of one pod; its status in the API follows from it.
pub(super) struct PodState {
    pub(super) name: String,
    pub(super) namespace: String,
    /// Files of the pod: volumes, logs, scratch.
    pub(super) dir: PathBuf,
    reference: ObjectReference,
    facts: Mutex<Facts>,
    version: watch::Sender<u64>,
}

/// The changing part.
#[derive(Clone, Debug, Default)]
pub(super) struct Facts {
    pub(super) address: Option<Ipv4Addr>,
    pub(super) start_time: Option<Time>,
    /// Volumes are mounted and the pod has its address.
    pub(super) sandbox_ready: bool,
    pub(super) init: Vec<ContainerStatus>,
    pub(super) main: Vec<ContainerStatus>,
    /// Ended by the kubelet itself: reason and message.
    pub(super) failed: Option<(String, String)>,
    /// Being deleted, and nothing runs any more.
    pub(super) stopped: bool,
}

/// One container of a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    Init(usize),
    Main(usize),
}

impl PodState {
    pub(super) fn new(pod: &Pod, dir: PathBuf) -> Self {
        let spec = pod.spec.clone().unwrap_or_default();
        let init = spec.init_containers.unwrap_or_default();
        let waiting = if init.is_empty() { "ContainerCreating" } else { "PodInitializing" };
        let facts = Facts {
            init: init.iter().map(|container| blank(container, "PodInitializing")).collect(),
            main: spec.containers.iter().map(|container| blank(container, waiting)).collect(),
            start_time: Some(Time(Timestamp::now())),
            ..Facts::default()
        };
        Self {
            name: pod.name_any(),
            namespace: pod.namespace().unwrap_or_default(),
            dir,
            reference: pod.object_ref(&()),
            facts: Mutex::new(facts),
            version: watch::Sender::new(0),
        }
    }

    pub(super) fn facts(&self) -> Facts {
        self.lock().clone()
    }

    /// Changes something, which is then told to the API.
    pub(super) fn change(&self, change: impl FnOnce(&mut Facts)) {
        change(&mut self.lock());
        self.version.send_modify(|version| *version += 1);
    }

    pub(super) fn change_container(&self, slot: Slot, change: impl FnOnce(&mut ContainerStatus)) {
        self.change(|facts| change(facts.slot(slot)));
    }

    pub(super) fn container(&self, slot: Slot) -> ContainerStatus {
        self.lock().slot(slot).clone()
    }

    pub(super) fn wait_in(&self, slot: Slot, reason: &str, message: Option<String>) {
        self.change_container(slot, |status| {
            status.state = Some(waiting(reason, message));
            status.ready = false;
            status.started = Some(false);
        });
    }

    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }

    /// For events about the pod.
    pub(super) fn reference(&self) -> ObjectReference {
        self.reference.clone()
    }

    /// For events about one of its containers.
    pub(super) fn container_reference(&self, slot: Slot, name: &str) -> ObjectReference {
        let list = match slot {
            Slot::Init(_) => "initContainers",
            Slot::Main(_) => "containers",
        };
        ObjectReference { field_path: Some(format!("spec.{list}{{{name}}}")), ..self.reference() }
    }

    /// `NAME_NAMESPACE(UID)`, as the kubelet's messages name a pod.
    pub(super) fn full_name(&self) -> String {
        format!("{}_{}({})", self.name, self.namespace, self.reference.uid.as_deref().unwrap_or_default())
    }

    pub(super) fn container_dir(&self, name: &str) -> PathBuf {
        container_dir(&self.dir, name)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Facts> {
        self.facts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Facts {
    fn slot(&mut self, slot: Slot) -> &mut ContainerStatus {
        match slot {
            Slot::Init(index) => &mut self.init[index],
            Slot::Main(index) => &mut self.main[index],
        }
    }
}

fn container_dir(pod: &Path, name: &str) -> PathBuf {
    pod.join("containers").join(name)
}

pub(super) fn waiting(reason: &str, message: Option<String>) -> ContainerState {
    ContainerState {
        waiting: Some(ContainerStateWaiting { reason: Some(reason.to_owned()), message }),
        ..ContainerState::default()
    }
}

fn blank(container: &Container, reason: &str) -> ContainerStatus {
    ContainerStatus {
        name: container.name.clone(),
        image: container.image.clone().unwrap_or_default(),
        image_id: String::new(),
        ready: false,
        started: Some(false),
        restart_count: 0,
        state: Some(waiting(reason, None)),
        ..ContainerStatus::default()
    }
}
