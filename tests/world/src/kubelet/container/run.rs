use std::sync::atomic::{AtomicU64, Ordering};

use k8s_openapi::api::core::v1::{ContainerState, ContainerStateRunning, ContainerStateTerminated, ContainerStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use tokio::sync::watch;
use tokio::time::Instant;

use super::health::Unhealthy;
use super::{ContainerWorker, Role};
use crate::images::Image;
use crate::kubelet::events::EventKind;
use crate::kubelet::hook;
use crate::kubelet::images::Pulled;
use crate::kubelet::logs::{self, LogWriter};
use crate::kubelet::pod::{Stop, grace_of};
use crate::kubelet::probe::Target;
use crate::runtime::{Container, ContainerSpec, ExecSpec, Exit, Output, Program};

/// One run of the container's program.
pub(super) struct Run {
    container: Container,
    target: Target,
    stop_signal: i32,
    attempt: i32,
    id: String,
    started_at: Time,
}

const LONGEST_MESSAGE: usize = 4096;

impl ContainerWorker {
    /// Records that the program runs.
    pub(super) fn begin(&self, container: Container, pulled: &Pulled, spec: &ContainerSpec, attempt: i32) -> Run {
        let Program::Run { process, .. } = &spec.program else { unreachable!("containers of pods run a program") };
        let exec = ExecSpec { target: container.pid(), shim: container.shim_pid(), process: process.clone() };
        let target = Target {
            http: self.context.node.http.clone(),
            runner: self.context.node.runner.clone(),
            address: self.context.address,
            container: self.setting.clone(),
            exec,
        };
        let (id, started_at) = (container_id(), Time(Timestamp::now()));
        let run = Run {
            container,
            target,
            stop_signal: stop_signal(&pulled.image),
            attempt,
            id: id.clone(),
            started_at: started_at.clone(),
        };
        self.context.state.change_container(self.slot, |status| {
            end_becomes_last(status);
            status.state = Some(ContainerState {
                running: Some(ContainerStateRunning { started_at: Some(started_at) }),
                ..ContainerState::default()
            });
            status.restart_count = attempt;
            status.container_id = Some(id);
            status.image_id.clone_from(&pulled.id);
            status.ready = false;
            status.started = Some(false);
        });
        run
    }

    /// Stays with a running program until it has ended, by itself or because it had to.
    pub(super) async fn attend(&self, mut run: Run, output: Output) -> Exit {
        self.event(EventKind::Normal, "Started", &format!("Started container {}", self.setting.name));
        let dir = self.context.state.container_dir(&self.setting.name);
        let log = LogWriter::start(&logs::path(&dir, run.attempt), output);
        let exit = self.run_to_end(&mut run).await;
        match log {
            Ok(log) => log.finish().await,
            Err(err) => tracing::warn!(%err, "no log of a container"),
        }
        let message = self.last_message(run.attempt, exit);
        let reason = if exit.code == 0 { "Completed" } else { "Error" };
        self.record_end(run.attempt, reason, exit.code, message, Some(run.id), Some(run.started_at));
        exit
    }

    async fn run_to_end(&self, run: &mut Run) -> Exit {
        let mut stop = self.stop.clone();
        let target = run.target.clone();
        let grace = grace_of(&self.context.pod.spec.clone().unwrap_or_default());
        let unhealthy = tokio::select! {
            exit = run.container.wait() => return exit,
            _ = stop.wait_for(Option::is_some) => None,
            unhealthy = self.watch_health(&target) => Some(unhealthy),
        };
        let grace = match unhealthy {
            Some(Unhealthy { note, grace: own }) => {
                self.event(EventKind::Normal, "Killing", &note);
                own.unwrap_or(grace)
            }
            None => {
                self.event(EventKind::Normal, "Killing", &format!("Stopping container {}", self.setting.name));
                grace
            }
        };
        self.context.state.change_container(self.slot, |status| status.ready = false);
        self.end(run, Instant::now() + grace).await
    }

    /// Asks the program to end, and kills it at the deadline or the pod's, whichever comes first.
    async fn end(&self, run: &mut Run, deadline: Instant) -> Exit {
        let mut stop = self.stop.clone();
        let latest = |stop: &watch::Receiver<Stop>| stop.borrow().map_or(deadline, |pod| pod.min(deadline));
        let pre_stop = self.setting.lifecycle.as_ref().and_then(|lifecycle| lifecycle.pre_stop.as_ref());
        let patience = latest(&stop).saturating_duration_since(Instant::now());
        if let Some(pre_stop) = pre_stop.filter(|_| !patience.is_zero())
            && let Err(why) = hook::run(&run.target, pre_stop, patience).await
        {
            self.event(EventKind::Warning, "FailedPreStopHook", &format!("PreStopHook failed: {why}"));
        }
        if latest(&stop) > Instant::now() {
            run.container.signal(run.stop_signal).await;
        }
        loop {
            tokio::select! {
                exit = run.container.wait() => return exit,
                () = tokio::time::sleep_until(latest(&stop)) => {
                    run.container.signal(nix::libc::SIGKILL).await;
                    return run.container.wait().await;
                }
                Ok(()) = stop.changed() => {}
            }
        }
    }

    /// Records that the program never ran, as an end with code 128.
    pub(super) fn could_not_start(&self, why: &str, attempt: i32) -> Exit {
        let message = format!(
            "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: \
             unable to start container process: error during container init: {why}"
        );
        self.event(EventKind::Warning, "Failed", &format!("Error: {message}"));
        let exit = Exit { code: 128, signal: None };
        self.context.state.change_container(self.slot, end_becomes_last);
        self.record_end(attempt, "StartError", exit.code, message, Some(container_id()), None);
        exit
    }

    fn record_end(
        &self,
        attempt: i32,
        reason: &str,
        exit_code: i32,
        message: String,
        id: Option<String>,
        started_at: Option<Time>,
    ) {
        let ended = ContainerStateTerminated {
            container_id: id.clone(),
            exit_code,
            reason: Some(reason.to_owned()),
            message: Some(message).filter(|message| !message.is_empty()),
            started_at: started_at.or(Some(Time(Timestamp::UNIX_EPOCH))),
            finished_at: Some(Time(Timestamp::now())),
            ..ContainerStateTerminated::default()
        };
        self.context.state.change_container(self.slot, |status| {
            status.state = Some(ContainerState { terminated: Some(ended), ..ContainerState::default() });
            status.restart_count = attempt;
            status.container_id = id;
            status.ready = self.role == Role::Init && exit_code == 0;
            status.started = Some(false);
        });
    }

    /// What the program left in its message file; failing that, and if the pod asks for it, the end of its log.
    fn last_message(&self, attempt: i32, exit: Exit) -> String {
        let bytes = std::fs::read(self.message_file(attempt)).unwrap_or_default();
        let message = String::from_utf8_lossy(&bytes[..bytes.len().min(LONGEST_MESSAGE)]).into_owned();
        let falls_back = self.setting.termination_message_policy.as_deref() == Some("FallbackToLogsOnError");
        if message.is_empty() && falls_back && exit.code != 0 {
            return logs::last_words(&logs::path(&self.context.state.container_dir(&self.setting.name), attempt));
        }
        message
    }
}

fn container_id() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("hangar-world://{:x}-{number}", Timestamp::now().as_nanosecond())
}

/// `STOPSIGNAL` of an image, by name or number; SIGTERM without one.
fn stop_signal(image: &Image) -> i32 {
    let Some(text) = image.config.stop_signal() else { return nix::libc::SIGTERM };
    let name = if text.starts_with("SIG") { text.clone() } else { format!("SIG{text}") };
    let named = name.parse::<nix::sys::signal::Signal>().map(|signal| signal as i32);
    text.parse().or(named).unwrap_or(nix::libc::SIGTERM)
}

/// The end of the run before, if that is what is shown, makes room for a new run.
fn end_becomes_last(status: &mut ContainerStatus) {
    if let Some(ended) = status.state.take().filter(|state| state.terminated.is_some()) {
        status.last_state = Some(ended);
    }
}
