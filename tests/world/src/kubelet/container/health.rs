use std::convert::Infallible;
use std::time::Duration;

use k8s_openapi::api::core::v1::Probe;

use super::ContainerWorker;
use crate::kubelet::events::EventKind;
use crate::kubelet::hook;
use crate::kubelet::probe::{Rhythm, Target};

/// Why a running program must end.
pub(super) struct Unhealthy {
    /// For the event.
    pub(super) note: String,
    /// The probe's own grace period.
    pub(super) grace: Option<Duration>,
}

impl ContainerWorker {
    /// Runs the hook after the start and the probes, keeps `started` and `ready`, and returns when the program must end.
    pub(super) async fn watch_health(&self, target: &Target) -> Unhealthy {
        let post_start = self.setting.lifecycle.as_ref().and_then(|lifecycle| lifecycle.post_start.as_ref());
        if let Some(post_start) = post_start
            && let Err(why) = hook::run(target, post_start, Duration::MAX).await
        {
            self.event(EventKind::Warning, "FailedPostStartHook", &format!("PostStartHook failed: {why}"));
            return Unhealthy { note: "FailedPostStartHook".to_owned(), grace: None };
        }
        if let Some(probe) = &self.setting.startup_probe
            && let Err(unhealthy) = self.until_started(target, probe).await
        {
            return unhealthy;
        }
        self.context.state.change_container(self.slot, |status| {
            status.started = Some(true);
            status.ready = self.setting.readiness_probe.is_none();
        });
        tokio::select! {
            never = self.keep_readiness(target) => match never {},
            unhealthy = self.until_dead(target) => unhealthy,
        }
    }

    async fn until_started(&self, target: &Target, probe: &Probe) -> Result<(), Unhealthy> {
        let rhythm = Rhythm::of(probe);
        let mut failures = 0;
        tokio::time::sleep(rhythm.delay).await;
        loop {
            match target.ask(probe).await {
                Ok(()) => return Ok(()),
                Err(why) => {
                    failures += 1;
                    self.event(EventKind::Warning, "Unhealthy", &format!("Startup probe failed: {why}"));
                }
            }
            if failures >= rhythm.failures {
                return Err(self.unhealthy("startup", probe));
            }
            tokio::time::sleep(rhythm.period).await;
        }
    }

    async fn until_dead(&self, target: &Target) -> Unhealthy {
        let Some(probe) = &self.setting.liveness_probe else { return std::future::pending().await };
        let rhythm = Rhythm::of(probe);
        let mut failures = 0;
        tokio::time::sleep(rhythm.delay).await;
        loop {
            match target.ask(probe).await {
                Ok(()) => failures = 0,
                Err(why) => {
                    failures += 1;
                    self.event(EventKind::Warning, "Unhealthy", &format!("Liveness probe failed: {why}"));
                }
            }
            if failures >= rhythm.failures {
                return self.unhealthy("liveness", probe);
            }
            tokio::time::sleep(rhythm.period).await;
        }
    }

    async fn keep_readiness(&self, target: &Target) -> Infallible {
        let Some(probe) = &self.setting.readiness_probe else { return std::future::pending().await };
        let rhythm = Rhythm::of(probe);
        let (mut successes, mut failures, mut is_ready) = (0, 0, false);
        tokio::time::sleep(rhythm.delay).await;
        loop {
            match target.ask(probe).await {
                Ok(()) => (successes, failures) = (successes + 1, 0),
                Err(why) => {
                    (successes, failures) = (0, failures + 1);
                    self.event(EventKind::Warning, "Unhealthy", &format!("Readiness probe failed: {why}"));
                }
            }
            let now = if is_ready { failures < rhythm.failures } else { successes >= rhythm.successes };
            if now != is_ready {
                is_ready = now;
                self.context.state.change_container(self.slot, |status| status.ready = now);
            }
            tokio::time::sleep(rhythm.period).await;
        }
    }

    fn unhealthy(&self, kind: &str, probe: &Probe) -> Unhealthy {
        let grace = probe.termination_grace_period_seconds.and_then(|seconds| u64::try_from(seconds).ok());
        Unhealthy {
            note: format!("Container {} failed {kind} probe, will be restarted", self.setting.name),
            grace: grace.map(Duration::from_secs),
        }
    }
}
