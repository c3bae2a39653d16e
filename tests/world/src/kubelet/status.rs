use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{HostIP, Pod, PodIP, PodStatus};
use kube::api::{Patch, PatchParams};
use kube::{Api, Client, ResourceExt};
use serde_json::json;
use tokio::sync::watch;

use super::pod_state::{Facts, PodState};
use crate::address::OrganisationAddresses;

mod conditions;
mod phase;

use conditions::conditions;
use phase::phase;

const RETRY: Duration = Duration::from_secs(1);

/// Keeps a pod's status in the API as the state has it, until dropped.
pub(super) async fn report(
    client: Client,
    addresses: OrganisationAddresses,
    pod: watch::Receiver<Arc<Pod>>,
    state: Arc<PodState>,
) {
    let (mut changes, mut pods) = (state.changes(), pod.clone());
    loop {
        changes.borrow_and_update();
        let pod = pods.borrow_and_update().clone();
        let written = write(&client, addresses, &pod, &state.facts()).await;
        if let Err(err) = &written {
            tracing::debug!(%err, pod = %pod.name_any(), "pod status not written");
        }
        tokio::select! {
            () = tokio::time::sleep(RETRY), if written.is_err() => {}
            changed = changes.changed() => if changed.is_err() { return },
            changed = pods.changed() => if changed.is_err() { return },
        }
    }
}

/// Writes the status once, unless it is there already.
pub(super) async fn write(
    client: &Client,
    addresses: OrganisationAddresses,
    pod: &Pod,
    facts: &Facts,
) -> Result<(), kube::Error> {
    let status = compute(pod, facts, addresses);
    if pod.status.as_ref() == Some(&status) {
        return Ok(());
    }
    let api: Api<Pod> = Api::namespaced(client.clone(), &pod.namespace().unwrap_or_default());
    // A pod of the same name that came after ours must not get our status.
    let patch = json!({ "metadata": { "uid": pod.metadata.uid }, "status": status });
    api.patch_status(&pod.name_any(), &PatchParams::default(), &Patch::Merge(patch)).await.map(drop)
}

fn compute(pod: &Pod, facts: &Facts, addresses: OrganisationAddresses) -> PodStatus {
    let spec = pod.spec.clone().unwrap_or_default();
    let known = pod.status.clone().unwrap_or_default();
    let phase = phase(&spec, facts);
    let reported = facts.address.map(|address| OrganisationAddresses::reported(address).to_string());
    let host = addresses.node().to_string();
    PodStatus {
        conditions: Some(conditions(pod, &spec, facts, phase)),
        phase: Some(phase.to_owned()),
        reason: facts.failed.as_ref().map(|(reason, _)| reason.clone()),
        message: facts.failed.as_ref().map(|(_, message)| message.clone()),
        host_ip: Some(host.clone()),
        host_ips: Some(vec![HostIP { ip: host }]),
        pod_ips: reported.clone().map(|ip| vec![PodIP { ip }]),
        pod_ip: reported,
        start_time: known.start_time.clone().or_else(|| facts.start_time.clone()),
        init_container_statuses: (!facts.init.is_empty()).then(|| facts.init.clone()),
        container_statuses: Some(facts.main.clone()),
        ..known
    }
}
