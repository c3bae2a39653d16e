use k8s_openapi::api::core::v1::{Container, ContainerStatus, PodSpec};

use crate::kubelet::pod_state::Facts;

pub(super) fn is_sidecar(container: &Container) -> bool {
    container.restart_policy.as_deref() == Some("Always")
}

/// How a container stands, as the phase sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Waiting,
    Running,
    Succeeded,
    Failed,
}

fn standing(status: &ContainerStatus) -> Standing {
    let state = status.state.clone().unwrap_or_default();
    let last = status.last_state.clone().unwrap_or_default().terminated;
    match (state.running, state.terminated, last) {
        (Some(_), _, _) => Standing::Running,
        (None, Some(end), _) | (None, None, Some(end)) => {
            if end.exit_code == 0 {
                Standing::Succeeded
            } else {
                Standing::Failed
            }
        }
        (None, None, None) => Standing::Waiting,
    }
}

/// The phase; a pod does not end before the last of its containers has.
pub(super) fn phase(spec: &PodSpec, facts: &Facts) -> &'static str {
    let phase = unheld_phase(spec, facts);
    let is_running = facts.init.iter().chain(&facts.main).any(|status| standing(status) == Standing::Running);
    if is_running && ["Succeeded", "Failed"].contains(&phase) { "Running" } else { phase }
}

/// The rules of the kubelet's `getPhase`.
fn unheld_phase(spec: &PodSpec, facts: &Facts) -> &'static str {
    if facts.failed.is_some() {
        return "Failed";
    }
    let main: Vec<Standing> = facts.main.iter().map(standing).collect();
    if facts.stopped {
        return if main.iter().all(|standing| *standing == Standing::Succeeded) { "Succeeded" } else { "Failed" };
    }
    let policy = spec.restart_policy.as_deref().unwrap_or("Always");
    let init_failed = facts.init.iter().any(ended_badly);
    if init_failed && policy == "Never" {
        return "Failed";
    }
    if !is_initialized(spec, facts) || main.contains(&Standing::Waiting) {
        return "Pending";
    }
    if main.contains(&Standing::Running) || policy == "Always" {
        return "Running";
    }
    let all_well = main.iter().all(|standing| *standing == Standing::Succeeded);
    match (all_well, policy) {
        (true, _) => "Succeeded",
        (false, "Never") => "Failed",
        (false, _) => "Running",
    }
}

fn ended_badly(status: &ContainerStatus) -> bool {
    status.state.as_ref().and_then(|state| state.terminated.as_ref()).is_some_and(|end| end.exit_code != 0)
}

pub(super) fn init_pairs<'a>(
    spec: &'a PodSpec,
    facts: &'a Facts,
) -> impl Iterator<Item = (&'a Container, &'a ContainerStatus)> {
    spec.init_containers.iter().flatten().zip(&facts.init)
}

pub(super) fn is_init_done(container: &Container, status: &ContainerStatus) -> bool {
    if is_sidecar(container) {
        return status.started == Some(true);
    }
    status.state.as_ref().and_then(|state| state.terminated.as_ref()).is_some_and(|end| end.exit_code == 0)
}

/// A pod of which a main container has started stays initialised, whatever becomes of its sidecars.
pub(super) fn is_initialized(spec: &PodSpec, facts: &Facts) -> bool {
    let has_begun = facts.main.iter().any(|status| standing(status) != Standing::Waiting);
    has_begun || init_pairs(spec, facts).all(|(container, status)| is_init_done(container, status))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use k8s_openapi::api::core::v1::Pod;
    use serde_json::json;

    use super::*;
    use crate::kubelet::pod_state::PodState;

    fn pod(policy: &str) -> Pod {
        let spec = json!({ "restartPolicy": policy, "containers": [{ "name": "a" }, { "name": "b" }] });
        serde_json::from_value(json!({ "metadata": { "name": "p", "namespace": "n" }, "spec": spec })).expect("a pod")
    }

    fn facts(pod: &Pod, states: [serde_json::Value; 2]) -> Facts {
        let mut facts = PodState::new(pod, PathBuf::new()).facts();
        for (status, state) in facts.main.iter_mut().zip(states) {
            status.ready = state.get("running").is_some();
            status.state = Some(serde_json::from_value(state).expect("a state"));
        }
        facts
    }

    fn ended(code: i32) -> serde_json::Value {
        json!({ "terminated": { "exitCode": code } })
    }

    fn phase_of(policy: &str, states: [serde_json::Value; 2]) -> &'static str {
        let pod = pod(policy);
        let facts = facts(&pod, states);
        phase(pod.spec.as_ref().expect("a spec"), &facts)
    }

    #[test]
    fn phases_are_those_of_the_real_kubelet() {
        let (running, waiting) = (json!({ "running": {} }), json!({ "waiting": {} }));
        assert_eq!(phase_of("Always", [running.clone(), waiting]), "Pending");
        assert_eq!(phase_of("Always", [ended(0), ended(1)]), "Running");
        assert_eq!(phase_of("OnFailure", [ended(0), ended(1)]), "Running");
        assert_eq!(phase_of("OnFailure", [ended(0), ended(0)]), "Succeeded");
        assert_eq!(phase_of("Never", [ended(0), ended(1)]), "Failed");
        assert_eq!(phase_of("Never", [ended(0), running]), "Running");
    }
}
