//! One pod: how it is, and why it is not well.

use hangar_plan::strategy::observation;
use k8s_openapi::api::core::v1::{ContainerStatus, Pod, PodStatus};
use kube::ResourceExt as _;

/// The pod as an observation.
pub(crate) fn observed(pod: &Pod) -> observation::Pod {
    let status = status(pod);
    let containers = status.container_statuses.as_deref().unwrap_or_default();
    let n_restarts: i32 = containers.iter().map(|container| container.restart_count).sum();
    observation::Pod {
        name: pod.name_any(),
        phase: status.phase.clone().unwrap_or_else(|| "Pending".to_owned()),
        ready: is_ready(pod),
        reason: reason(pod),
        restarts: u32::try_from(n_restarts).unwrap_or_default(),
        started_ms: started_ms(pod),
        address: status.pod_ip,
    }
}

/// The number that a StatefulSet's pod ends in, and the name, for sorting.
pub(crate) fn ordinal(name: &str) -> (u32, String) {
    let number = name.rsplit('-').next().and_then(|end| end.parse().ok()).unwrap_or(u32::MAX);
    (number, name.to_owned())
}

/// Whether the pod is ready, by its condition, and not on its way out.
pub(crate) fn is_ready(pod: &Pod) -> bool {
    pod.metadata.deletion_timestamp.is_none() && condition(pod, "Ready").is_some_and(|(is_true, _)| is_true)
}

/// Whether all containers of the pod run, ready or not.
pub(crate) fn is_running(pod: &Pod) -> bool {
    let containers = status(pod).container_statuses.unwrap_or_default();
    pod.metadata.deletion_timestamp.is_none()
        && !containers.is_empty()
        && containers.iter().all(|container| container.state.as_ref().is_some_and(|state| state.running.is_some()))
}

/// Why a pod is not well, in words; none if it is.
pub(crate) fn reason(pod: &Pod) -> Option<String> {
    let status = status(pod);
    if pod.metadata.deletion_timestamp.is_some() {
        return Some("it is being stopped".to_owned());
    }
    if let Some((false, Some(message))) = condition(pod, "PodScheduled") {
        return Some(format!("no node takes it: {message}"));
    }
    let init = status.init_container_statuses.as_deref().unwrap_or_default();
    let main = status.container_statuses.as_deref().unwrap_or_default();
    let unwell = init.iter().chain(main).find_map(unwell);
    match status.phase.as_deref() {
        Some("Succeeded") => None,
        Some("Failed") if status.reason.is_some() => Some(words(status.reason.as_deref(), status.message.as_deref())),
        _ if unwell.is_some() => unwell,
        _ if is_ready(pod) => None,
        _ if main.is_empty() => Some("not started".to_owned()),
        _ => main.iter().find(|container| !container.ready).map(|container| format!("{}: not ready", container.name)),
    }
}

fn unwell(container: &ContainerStatus) -> Option<String> {
    let state = container.state.clone().unwrap_or_default();
    let why = if let Some(waiting) = state.waiting {
        waiting_words(container, waiting.reason.as_deref(), waiting.message.as_deref())?
    } else {
        let ended = state.terminated.filter(|ended| ended.exit_code != 0)?;
        format!("ended with status {}{}", ended.exit_code, tail(ended.message.as_deref()))
    };
    Some(format!("{}: {why}", container.name))
}

fn waiting_words(container: &ContainerStatus, reason: Option<&str>, message: Option<&str>) -> Option<String> {
    let said = message.unwrap_or_default();
    match reason? {
        // Ordinary steps on the way to running.
        "ContainerCreating" | "PodInitializing" => None,
        "ErrImagePull" | "ImagePullBackOff" | "InvalidImageName" | "ErrImageNeverPull" => {
            Some(image_words(&container.image, said))
        }
        "CrashLoopBackOff" => {
            let last = container.last_state.clone().unwrap_or_default().terminated;
            let ended =
                last.map(|last| format!(", last with status {}{}", last.exit_code, tail(last.message.as_deref())));
            Some(format!("ends again and again{}", ended.unwrap_or_default()))
        }
        reason => Some(words(Some(reason), message)),
    }
}

fn image_words(image: &str, said: &str) -> String {
    let lower = said.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    if has(&["not found", "manifest unknown", "name unknown"]) {
        format!("image `{image}` not found")
    } else if has(&["unauthorized", "denied", "authentication required"]) {
        format!("the registry refuses image `{image}`")
    } else {
        format!("cannot pull image `{image}`{}", tail(Some(said)))
    }
}

fn words(reason: Option<&str>, message: Option<&str>) -> String {
    format!("{}{}", reason.unwrap_or_default(), tail(message))
}

/// The last line that says something: programs say at the end why they end.
fn tail(message: Option<&str>) -> String {
    let last = message.unwrap_or_default().lines().map(str::trim).rfind(|line| !line.is_empty());
    last.map(|line| format!(": {line}")).unwrap_or_default()
}

fn condition(pod: &Pod, kind: &str) -> Option<(bool, Option<String>)> {
    let conditions = status(pod).conditions.unwrap_or_default();
    let found = conditions.into_iter().find(|condition| condition.type_ == kind)?;
    Some((found.status == "True", found.message))
}

/// When its first container started, or else the pod itself.
fn started_ms(pod: &Pod) -> Option<u64> {
    let status = status(pod);
    let first = pod.spec.as_ref()?.containers.first()?.name.as_str();
    let containers = status.container_statuses.as_deref().unwrap_or_default();
    let running = containers.iter().find(|container| container.name == first).and_then(|container| {
        let state = container.state.as_ref()?;
        state.running.as_ref()?.started_at.clone()
    });
    let since = running.or(status.start_time)?;
    u64::try_from(since.0.as_millisecond()).ok()
}

fn status(pod: &Pod) -> PodStatus {
    pod.status.clone().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn pod(status: Value) -> Pod {
        serde_json::from_value(
            json!({"metadata": {"name": "db-1"}, "spec": {"containers": [{"name": "db"}]}, "status": status}),
        )
        .expect("a pod")
    }

    fn waiting(reason: &str, message: &str) -> Pod {
        pod(json!({"phase": "Pending", "containerStatuses": [{"name": "db", "image": "example/db:1", "imageID": "",
            "ready": false, "restartCount": 3, "state": {"waiting": {"reason": reason, "message": message}},
            "lastState": {"terminated": {"exitCode": 1, "message": "I240101 starting\nERROR: no such file\n"}}}]}))
    }

    #[test]
    fn every_unwell_pod_says_why_in_words() {
        let unscheduled = pod(json!({"phase": "Pending", "conditions": [
            {"type": "PodScheduled", "status": "False", "message": "0/3 nodes are available: 3 Insufficient cpu."}]}));
        let not_ready =
            pod(json!({"phase": "Running", "containerStatuses": [{"name": "db", "image": "x", "imageID": "",
            "ready": false, "restartCount": 0, "state": {"running": {}}}]}));
        let evicted =
            pod(json!({"phase": "Failed", "reason": "Evicted", "message": "The node was low on resource: memory."}));
        let pods = [
            waiting("ErrImagePull", "rpc error: manifest unknown"),
            waiting("ImagePullBackOff", "pull access denied, repository does not exist"),
            waiting("ImagePullBackOff", "dial tcp: lookup registry: no such host"),
            waiting("CrashLoopBackOff", "back-off 40s"),
            waiting("CreateContainerConfigError", "secret \"x\" not found"),
            waiting("ContainerCreating", ""),
            unscheduled,
            not_ready,
            evicted,
        ];
        let told: Vec<String> = pods.iter().map(|pod| reason(pod).unwrap_or_default()).collect();
        insta::assert_snapshot!(told.join("\n"), @r#"
        db: image `example/db:1` not found
        db: the registry refuses image `example/db:1`
        db: cannot pull image `example/db:1`: dial tcp: lookup registry: no such host
        db: ends again and again, last with status 1: ERROR: no such file
        db: CreateContainerConfigError: secret "x" not found
        db: not ready
        no node takes it: 0/3 nodes are available: 3 Insufficient cpu.
        db: not ready
        Evicted: The node was low on resource: memory.
        "#);
    }

    #[test]
    fn a_ready_pod_has_no_reason() {
        let well =
            pod(json!({"phase": "Running", "podIP": "10.64.0.1", "conditions": [{"type": "Ready", "status": "True"}],
            "containerStatuses": [{"name": "db", "image": "x", "imageID": "", "ready": true, "restartCount": 2,
            "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}}}]}));
        let seen = observed(&well);
        assert!(seen.ready && seen.reason.is_none());
        assert_eq!((seen.restarts, seen.started_ms), (2, Some(1_767_225_600_000)));
    }

    #[test]
    fn pods_are_sorted_by_number_and_not_by_letter() {
        let mut names = ["db-10", "db-9", "core-7d4b9-xkx"];
        names.sort_by_key(|name| ordinal(name));
        assert_eq!(names, ["db-9", "db-10", "core-7d4b9-xkx"]);
    }
}
