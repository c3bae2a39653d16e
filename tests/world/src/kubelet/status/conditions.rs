use k8s_openapi::api::core::v1::{Pod, PodCondition, PodSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;

use super::phase::{init_pairs, is_init_done, is_initialized, is_sidecar};
use crate::kubelet::pod_state::Facts;

/// Conditions that are the kubelet's to set.
const OURS: [&str; 4] = ["PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady"];

/// The conditions of a pod: ours as they are now, others as they were.
pub(super) fn conditions(pod: &Pod, spec: &PodSpec, facts: &Facts, phase: &str) -> Vec<PodCondition> {
    let known = pod.status.as_ref().and_then(|status| status.conditions.clone()).unwrap_or_default();
    let mut conditions: Vec<PodCondition> =
        known.iter().filter(|condition| !OURS.contains(&condition.type_.as_str())).cloned().collect();
    let containers_ready = containers_ready(spec, facts, phase);
    let ready = gated(spec, &known, containers_ready.clone());
    let ours = [
        ("PodReadyToStartContainers", verdict(facts.sandbox_ready && !facts.stopped, None)),
        ("Initialized", initialized(spec, facts, phase)),
        ("Ready", ready),
        ("ContainersReady", containers_ready),
    ];
    for (type_, Verdict { holds, reason, message }) in ours {
        let status = if holds { "True" } else { "False" };
        let before = known.iter().find(|condition| condition.type_ == type_);
        let unchanged = before.filter(|before| before.status == status);
        conditions.push(PodCondition {
            type_: type_.to_owned(),
            status: status.to_owned(),
            reason,
            message,
            last_transition_time: unchanged
                .map_or_else(|| Some(Time(Timestamp::now())), |before| before.last_transition_time.clone()),
            ..PodCondition::default()
        });
    }
    conditions
}

#[derive(Clone, Debug)]
struct Verdict {
    holds: bool,
    reason: Option<String>,
    message: Option<String>,
}

fn verdict(holds: bool, why_not: Option<(&str, String)>) -> Verdict {
    let why = why_not.filter(|_| !holds);
    Verdict {
        holds,
        reason: why.as_ref().map(|(reason, _)| (*reason).to_owned()),
        message: why.map(|(_, message)| message).filter(|message| !message.is_empty()),
    }
}

fn initialized(spec: &PodSpec, facts: &Facts, phase: &str) -> Verdict {
    if phase == "Succeeded" {
        return Verdict { holds: true, reason: Some("PodCompleted".to_owned()), message: None };
    }
    let open: Vec<&str> = init_pairs(spec, facts)
        .filter(|(container, status)| !is_init_done(container, status))
        .map(|(container, _)| container.name.as_str())
        .collect();
    verdict(
        is_initialized(spec, facts),
        Some(("ContainersNotInitialized", format!("containers with incomplete status: [{}]", open.join(" ")))),
    )
}

fn containers_ready(spec: &PodSpec, facts: &Facts, phase: &str) -> Verdict {
    match phase {
        "Succeeded" => return verdict(false, Some(("PodCompleted", String::new()))),
        "Failed" => return verdict(false, Some(("PodFailed", String::new()))),
        _ => {}
    }
    let sidecars = init_pairs(spec, facts).filter(|(container, _)| is_sidecar(container)).map(|(_, status)| status);
    let unready: Vec<&str> =
        sidecars.chain(&facts.main).filter(|status| !status.ready).map(|status| status.name.as_str()).collect();
    verdict(
        unready.is_empty(),
        Some(("ContainersNotReady", format!("containers with unready status: [{}]", unready.join(" ")))),
    )
}

fn gated(spec: &PodSpec, known: &[PodCondition], containers_ready: Verdict) -> Verdict {
    let holds = |gate: &str| known.iter().any(|condition| condition.type_ == gate && condition.status == "True");
    let closed = spec.readiness_gates.iter().flatten().find(|gate| !holds(&gate.condition_type));
    match closed {
        Some(gate) if containers_ready.holds => {
            let message =
                format!("corresponding condition of pod readiness gate {:?} does not exist.", gate.condition_type);
            verdict(false, Some(("ReadinessGatesNotReady", message)))
        }
        _ => containers_ready,
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

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

    #[test]
    fn a_pod_is_ready_when_all_its_containers_are_and_says_which_are_not() {
        let pod = pod("Always");
        let facts = facts(&pod, [json!({ "running": {} }), json!({ "waiting": { "reason": "CrashLoopBackOff" } })]);
        let conditions = conditions(&pod, pod.spec.as_ref().expect("a spec"), &facts, "Running");
        let ready = conditions.iter().find(|condition| condition.type_ == "Ready").expect("set");
        assert_eq!((ready.status.as_str(), ready.reason.as_deref()), ("False", Some("ContainersNotReady")));
        assert_eq!(ready.message.as_deref(), Some("containers with unready status: [b]"));
    }
}
