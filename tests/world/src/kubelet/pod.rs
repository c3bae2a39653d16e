use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Pod, PodSpec};
use kube::api::{DeleteParams, Preconditions};
use kube::{Api, ResourceExt};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Node;
use super::container::PodContext;
use super::container_files::ContainerFiles;
use super::events::EventKind;
use super::objects::Age;
use super::pod_state::PodState;
use super::status;
use super::volumes::{self, Context, Volumes};
use crate::address::Lease;
use crate::runtime::{Container, ContainerSpec, PidNamespace, Program};

mod containers;

use containers::run_containers;

/// Looks after one pod from its binding to its end.
pub(super) struct PodWorker {
    node: Arc<Node>,
    pod: watch::Receiver<Arc<Pod>>,
    state: Arc<PodState>,
    gone: CancellationToken,
}

/// When whatever still runs is killed; nothing while the pod may go on.
pub(super) type Stop = Option<Instant>;

const MOUNT_RETRY: Duration = Duration::from_secs(2);
const TOKENS_EVERY: Duration = Duration::from_secs(60);
const DELETE_ATTEMPTS: u32 = 5;
const DELETE_RETRY: Duration = Duration::from_millis(200);

impl PodWorker {
    pub(super) fn new(
        node: Arc<Node>,
        pod: watch::Receiver<Arc<Pod>>,
        state: Arc<PodState>,
        gone: CancellationToken,
    ) -> Self {
        Self { node, pod, state, gone }
    }

    /// Returns when the pod is gone from the API and from the machine.
    pub(super) async fn run(self) {
        let mut reporter = JoinSet::new();
        reporter.spawn(status::report(
            self.node.client.clone(),
            self.node.addresses,
            self.pod.clone(),
            self.state.clone(),
        ));
        let (stop, stopped) = watch::channel(None);
        tokio::select! {
            () = self.live(stopped) => {}
            never = self.watch_for_end(&stop) => match never {},
        }
        self.wait_until_deleted().await;
        reporter.shutdown().await;
        if !self.gone.is_cancelled() {
            self.state.change(|facts| facts.stopped = true);
            self.leave_api().await;
            // Finalizers may hold it; until it is gone its logs can be read.
            self.gone.cancelled().await;
        }
        drop(tokio::fs::remove_dir_all(&self.state.dir).await);
    }

    fn pod(&self) -> Arc<Pod> {
        self.pod.borrow().clone()
    }

    /// Tells the containers when they have to end: on deletion, at the pod's own deadline, or at once.
    async fn watch_for_end(&self, stop: &watch::Sender<Stop>) -> Infallible {
        let (mut updates, start) = (self.pod.clone(), Instant::now());
        let mut deleted_at = None;
        loop {
            let pod = updates.borrow_and_update().clone();
            let spec = pod.spec.clone().unwrap_or_default();
            if pod.metadata.deletion_timestamp.is_some() {
                let since = *deleted_at.get_or_insert_with(Instant::now);
                let grace = pod.metadata.deletion_grace_period_seconds.and_then(|seconds| u64::try_from(seconds).ok());
                stop.send_replace(Some(since + Duration::from_secs(grace.unwrap_or(30))));
            }
            let deadline = spec
                .active_deadline_seconds
                .and_then(|seconds| u64::try_from(seconds).ok())
                .map(|seconds| start + Duration::from_secs(seconds));
            let is_stopping = stop.borrow().is_some();
            tokio::select! {
                () = self.gone.cancelled() => {
                    stop.send_replace(Some(Instant::now()));
                    return std::future::pending().await;
                }
                changed = updates.changed() => if changed.is_err() { self.gone.cancel() },
                () = sleep_until(deadline), if !is_stopping => {
                    let message = "Pod was active on the node longer than the specified deadline".to_owned();
                    self.state.change(|facts| facts.failed = Some(("DeadlineExceeded".to_owned(), message)));
                    stop.send_replace(Some(Instant::now() + grace_of(&spec)));
                }
            }
        }
    }

    /// Runs the pod to its end, or until it has to stop.
    async fn live(&self, mut stop: watch::Receiver<Stop>) {
        let pod = self.pod();
        let Some(lease) = self.lease(&mut stop).await else { return };
        self.state.change(|facts| facts.address = Some(lease.address()));
        let Some(volumes) = self.mount(&lease, &mut stop).await else { return };
        let files = ContainerFiles::write(&self.state.dir.join("etc"), &pod, lease.address(), self.node.resolver);
        let Ok(files) = files.inspect_err(|err| tracing::warn!(%err, "pod files not written")) else { return };
        let Some(sandbox) = self.sandbox(&pod, &files, &mut stop).await else { return };
        self.state.change(|facts| facts.sandbox_ready = true);
        let context = PodContext {
            node: self.node.clone(),
            pod,
            state: self.state.clone(),
            volumes: Arc::new(volumes),
            files,
            address: lease.address(),
            process_namespace: sandbox.as_ref().map_or(PidNamespace::Own, |pause| PidNamespace::Of(pause.pid())),
        };
        tokio::select! {
            () = run_containers(&context, &stop) => {}
            never = self.keep_volumes(&context) => match never {},
        }
        if let Some(mut pause) = sandbox {
            pause.signal(nix::libc::SIGKILL).await;
            pause.wait().await;
        }
    }

    async fn lease(&self, stop: &mut watch::Receiver<Stop>) -> Option<Lease> {
        loop {
            match self.node.pool.take() {
                Some(lease) => return Some(lease),
                None => self.warn("FailedCreatePodSandBox", "no free address in the pod range"),
            }
            rest(MOUNT_RETRY, stop).await?;
        }
    }

    async fn mount(&self, lease: &Lease, stop: &mut watch::Receiver<Stop>) -> Option<Volumes> {
        let mut changes = self.node.objects.changes();
        loop {
            changes.borrow_and_update();
            let pod = self.pod();
            let context = Context { node: &self.node, pod: &pod, address: lease.address(), age: Age::Now };
            match Volumes::mount(context, &self.state.dir.join("volumes")).await {
                Ok(volumes) => return Some(volumes),
                Err(err) => self.warn("FailedMount", &err.to_string()),
            }
            tokio::select! {
                rested = rest(MOUNT_RETRY, stop) => rested?,
                _ = changes.changed() => {}
            }
        }
    }

    /// The pause process of a pod whose containers share their processes; `Some(None)` for any other pod.
    async fn sandbox(
        &self,
        pod: &Pod,
        files: &ContainerFiles,
        stop: &mut watch::Receiver<Stop>,
    ) -> Option<Option<Container>> {
        if pod.spec.as_ref().and_then(|spec| spec.share_process_namespace) != Some(true) {
            return Some(None);
        }
        let spec = ContainerSpec {
            hostname: files.hostname.clone(),
            pid_namespace: PidNamespace::Own,
            program: Program::Pause,
        };
        loop {
            let label = format!("{}/{}/pause", self.state.namespace, self.state.name);
            match Container::start(&self.node.runner, &label, &spec).await {
                Ok((pause, _output)) => return Some(Some(pause)),
                Err(err) => self.warn("FailedCreatePodSandBox", &format!("Failed to create pod sandbox: {err}")),
            }
            rest(MOUNT_RETRY, stop).await?;
        }
    }

    /// Shows changes of Secrets, ConfigMaps and the pod's own labels in the mounted files, and renews tokens.
    async fn keep_volumes(&self, context: &PodContext) -> Infallible {
        let pod = self.pod();
        if !pod.spec.as_ref().is_some_and(volumes::are_shown) {
            return std::future::pending().await;
        }
        let (mut changes, mut updates) = (self.node.objects.changes(), self.pod.clone());
        loop {
            changes.borrow_and_update();
            let pod = updates.borrow_and_update().clone();
            let seen = Context { node: &self.node, pod: &pod, address: context.address, age: Age::LastSeen };
            context.volumes.refresh(seen).await;
            tokio::select! {
                Ok(()) = changes.changed() => {}
                Ok(()) = updates.changed() => {}
                () = tokio::time::sleep(TOKENS_EVERY) => {}
            }
        }
    }

    /// A pod that has ended stays, with its logs, until somebody deletes it.
    async fn wait_until_deleted(&self) {
        let mut updates = self.pod.clone();
        let deleted = updates.wait_for(|pod| pod.metadata.deletion_timestamp.is_some());
        tokio::select! {
            _ = deleted => {}
            () = self.gone.cancelled() => {}
        }
    }

    /// Writes the last status, and then lets the API forget the pod.
    async fn leave_api(&self) {
        let pod = self.pod();
        let api: Api<Pod> = Api::namespaced(self.node.client.clone(), &self.state.namespace);
        let params = DeleteParams {
            grace_period_seconds: Some(0),
            preconditions: Some(Preconditions { uid: pod.uid(), resource_version: None }),
            ..DeleteParams::default()
        };
        for _ in 0..DELETE_ATTEMPTS {
            if let Err(err) = status::write(&self.node.client, self.node.addresses, &pod, &self.state.facts()).await {
                tracing::debug!(%err, pod = self.state.name, "last status not written");
            }
            match api.delete(&self.state.name, &params).await {
                Ok(_) => return,
                // Gone, or another pod of that name is there already.
                Err(kube::Error::Api(status)) if [404, 409].contains(&status.code) => return,
                Err(err) => tracing::debug!(%err, pod = self.state.name, "pod not deleted"),
            }
            tokio::time::sleep(DELETE_RETRY).await;
        }
    }

    fn warn(&self, reason: &str, message: &str) {
        self.node.events.publish(&self.state.reference(), EventKind::Warning, reason, message);
    }
}

pub(super) fn grace_of(spec: &PodSpec) -> Duration {
    let seconds = spec.termination_grace_period_seconds.and_then(|seconds| u64::try_from(seconds).ok());
    Duration::from_secs(seconds.unwrap_or(30))
}

/// Waits; nothing if the pod has to stop meanwhile.
pub(super) async fn rest(wait: Duration, stop: &mut watch::Receiver<Stop>) -> Option<()> {
    tokio::select! {
        () = tokio::time::sleep(wait) => Some(()),
        _ = stop.wait_for(Option::is_some) => None,
    }
}

async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
