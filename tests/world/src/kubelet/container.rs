use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Container as Setting, Pod};
use tokio::sync::watch;
use tokio::time::Instant;

use super::Node;
use super::backoff::Backoff;
use super::container_files::ContainerFiles;
use super::environment::ConfigError;
use super::events::EventKind;
use super::images::Pulled;
use super::pod::{Stop, rest};
use super::pod_state::{PodState, Slot, waiting};
use super::volumes::Volumes;
use crate::runtime::{Container, ContainerSpec, Exit, PidNamespace, RuntimeError};

mod health;
mod pull;
mod run;
mod specification;

/// What all containers of a pod share.
#[derive(Clone)]
pub(super) struct PodContext {
    pub(super) node: Arc<Node>,
    pub(super) pod: Arc<Pod>,
    pub(super) state: Arc<PodState>,
    pub(super) volumes: Arc<Volumes>,
    pub(super) files: ContainerFiles,
    pub(super) address: Ipv4Addr,
    pub(super) process_namespace: PidNamespace,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Init,
    /// An init container that goes on.
    Sidecar,
    Main,
}

/// How a container's time in the pod ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// The pod had to stop.
    Stopped,
    /// By itself, and it is not to start again.
    Code(i32),
}

/// Keeps one container of a pod going: pulls, starts, probes, restarts, stops.
pub(super) struct ContainerWorker {
    context: PodContext,
    setting: Setting,
    slot: Slot,
    role: Role,
    stop: watch::Receiver<Stop>,
}

const CONFIG_RETRY: Duration = Duration::from_secs(5);

impl ContainerWorker {
    pub(super) fn new(
        context: PodContext,
        setting: Setting,
        slot: Slot,
        role: Role,
        stop: watch::Receiver<Stop>,
    ) -> Self {
        Self { context, setting, slot, role, stop }
    }

    /// Returns when the container has ended for good.
    pub(super) async fn run(mut self) -> Ended {
        let dir = self.context.state.container_dir(&self.setting.name);
        if let Err(err) = std::fs::create_dir_all(dir) {
            tracing::warn!(%err, "no folder for a container");
        }
        let mut backoff = Backoff::new(self.context.node.pace);
        let mut attempt = 0;
        loop {
            let began = Instant::now();
            let Some(exit) = self.run_once(attempt).await else { return Ended::Stopped };
            if self.stop.borrow().is_some() {
                return Ended::Stopped;
            }
            if !self.restarts_after(exit) {
                return Ended::Code(exit.code);
            }
            if self.wait_to_restart(backoff.before_restart(began.elapsed()), &backoff).await.is_none() {
                return Ended::Stopped;
            }
            attempt += 1;
        }
    }

    fn restarts_after(&self, exit: Exit) -> bool {
        let policy = self.context.pod.spec.as_ref().and_then(|spec| spec.restart_policy.as_deref()).unwrap_or("Always");
        match (self.role, policy) {
            (Role::Sidecar, _) | (Role::Main, "Always") => true,
            (_, "Never") => false,
            (_, _) => exit.code != 0,
        }
    }

    async fn wait_to_restart(&mut self, wait: Duration, backoff: &Backoff) -> Option<()> {
        if wait.is_zero() {
            return Some(());
        }
        let name = &self.setting.name;
        let message = format!(
            "back-off {} restarting failed container={name} pod={}",
            go_duration(wait),
            self.context.state.full_name()
        );
        self.context.state.change_container(self.slot, |status| {
            status.last_state = status.state.take();
            status.state = Some(waiting("CrashLoopBackOff", Some(message)));
        });
        let note = format!("Back-off restarting failed container {name} in pod {}", self.context.state.full_name());
        self.event(EventKind::Warning, "BackOff", &note);
        rest(backoff.scaled(wait), &mut self.stop).await
    }

    /// From the image to the end of the program; nothing if the pod has to stop before it runs.
    async fn run_once(&mut self, attempt: i32) -> Option<Exit> {
        let mut backoff = Backoff::new(self.context.node.pace);
        loop {
            let pulled = self.pull().await?;
            let spec = self.specify(&pulled, attempt).await?;
            self.event(EventKind::Normal, "Created", &format!("Created container: {}", self.setting.name));
            let label = format!("{}/{}/{}", self.context.state.namespace, self.context.state.name, self.setting.name);
            match Container::start(&self.context.node.runner, &label, &spec).await {
                Ok((container, output)) => {
                    let run = self.begin(container, &pulled, &spec, attempt);
                    return Some(self.attend(run, output).await);
                }
                Err(RuntimeError::Container(why)) => return Some(self.could_not_start(&why, attempt)),
                Err(err) => {
                    self.context.state.wait_in(self.slot, "CreateContainerError", Some(err.to_string()));
                    self.event(EventKind::Warning, "Failed", &format!("Error: {err}"));
                    let wait = backoff.before_pull();
                    rest(backoff.scaled(wait), &mut self.stop).await?;
                }
            }
        }
    }

    /// Waits for what the container's configuration refers to.
    async fn specify(&mut self, pulled: &Pulled, attempt: i32) -> Option<ContainerSpec> {
        let mut changes = self.context.node.objects.changes();
        loop {
            changes.borrow_and_update();
            let ConfigError(why) = match self.specification(&pulled.image, attempt).await {
                Ok(spec) => return Some(spec),
                Err(err) => err,
            };
            self.context.state.wait_in(self.slot, "CreateContainerConfigError", Some(why.clone()));
            self.event(EventKind::Warning, "Failed", &format!("Error: {why}"));
            tokio::select! {
                rested = rest(CONFIG_RETRY, &mut self.stop) => rested?,
                _ = changes.changed() => {}
            }
        }
    }

    fn message_file(&self, attempt: i32) -> PathBuf {
        self.context.state.container_dir(&self.setting.name).join(format!("{attempt}.message"))
    }

    fn event(&self, kind: EventKind, reason: &str, message: &str) {
        let about = self.context.state.container_reference(self.slot, &self.setting.name);
        self.context.node.events.publish(&about, kind, reason, message);
    }
}

/// As Go writes a duration of whole seconds: `10s`, `1m20s`, `5m0s`.
fn go_duration(wait: Duration) -> String {
    match (wait.as_secs() / 60, wait.as_secs() % 60) {
        (0, seconds) => format!("{seconds}s"),
        (minutes, seconds) => format!("{minutes}m{seconds}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_written_as_go_writes_them() {
        let written = [10, 80, 300].map(|seconds| go_duration(Duration::from_secs(seconds)));
        assert_eq!(written, ["10s", "1m20s", "5m0s"]);
    }
}
