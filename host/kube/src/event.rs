//! What Kubernetes says about an object beside the object itself.

use k8s_openapi::api::core::v1::Event;
use kube::api::ListParams;

use crate::cluster::Cluster;

/// The last warning about an object, such as `FailedMount: secret "x" not found`. Best effort: it only makes errors clearer.
pub(crate) async fn last_warning(cluster: &Cluster, namespace: &str, uid: &str) -> Option<String> {
    let about = ListParams::default().fields(&format!("involvedObject.uid={uid},type=Warning"));
    let found = cluster.call(|| "read events".to_owned(), cluster.api::<Event>(namespace).list(&about)).await.ok()?;
    let last = found.items.into_iter().max_by_key(at)?;
    Some(format!("{}: {}", last.reason.unwrap_or_default(), last.message.unwrap_or_default()))
}

fn at(event: &Event) -> i128 {
    let told = event.event_time.as_ref().map(|time| time.0.as_nanosecond());
    let counted = event.last_timestamp.as_ref().map(|time| time.0.as_nanosecond());
    told.max(counted).unwrap_or_default()
}
