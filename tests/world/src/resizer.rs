//! What makes volumes larger: the part of a cluster's storage that Kubernetes leaves to its driver.

use std::pin::pin;

use futures::StreamExt as _;
use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim};
use kube::api::{Patch, PatchParams};
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Api, Client, ResourceExt as _};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::kubelet::quantity;

/// Gives each bound claim the size that it asks for, the volume first. What may be asked for (a class that allows it, no
/// less than before) the API server has judged by then.
pub(crate) async fn run(client: Client, stop: CancellationToken) {
    let claims = watcher(Api::<PersistentVolumeClaim>::all(client.clone()), watcher::Config::default());
    let mut claims = pin!(claims.default_backoff().applied_objects());
    loop {
        let next = tokio::select! {
            () = stop.cancelled() => return,
            next = claims.next() => next,
        };
        let done = match next {
            Some(Ok(claim)) => enlarge(&client, &claim).await.map_err(|err| err.to_string()),
            Some(Err(err)) => Err(err.to_string()),
            None => return,
        };
        if let Err(err) = done {
            tracing::debug!(err, "no volume made larger");
        }
    }
}

async fn enlarge(client: &Client, claim: &PersistentVolumeClaim) -> Result<(), kube::Error> {
    let Some((volume, size)) = larger(claim) else { return Ok(()) };
    let (params, capacity) = (PatchParams::default(), json!({ "capacity": { "storage": size } }));
    let volumes: Api<PersistentVolume> = Api::all(client.clone());
    volumes.patch(volume, &params, &Patch::Merge(json!({ "spec": capacity }))).await?;
    let claims: Api<PersistentVolumeClaim> = Api::namespaced(client.clone(), &claim.namespace().unwrap_or_default());
    claims.patch_status(&claim.name_any(), &params, &Patch::Merge(json!({ "status": capacity }))).await.map(drop)
}

/// The volume of a claim, and the size that it asks for if that is more than it has.
fn larger(claim: &PersistentVolumeClaim) -> Option<(&str, &str)> {
    let spec = claim.spec.as_ref()?;
    let wanted = &spec.resources.as_ref()?.requests.as_ref()?.get("storage")?.0;
    let given = &claim.status.as_ref()?.capacity.as_ref()?.get("storage")?.0;
    let is_more = quantity::parse(wanted)? > quantity::parse(given)?;
    is_more.then_some((spec.volume_name.as_deref()?, wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_bound_claim_that_asks_for_more_is_given_more() {
        let asked = |wanted: &str, status: serde_json::Value| {
            let spec = json!({ "volumeName": "pv", "resources": { "requests": { "storage": wanted } } });
            let claim: PersistentVolumeClaim =
                serde_json::from_value(json!({ "spec": spec, "status": status })).expect("a claim");
            larger(&claim).map(|(volume, size)| format!("{volume} {size}"))
        };
        let given = json!({ "capacity": { "storage": "1Gi" } });
        assert_eq!(asked("2Gi", given.clone()).as_deref(), Some("pv 2Gi"));
        assert_eq!(asked("1024Mi", given), None);
        assert_eq!(asked("2Gi", json!({})), None);
    }
}
