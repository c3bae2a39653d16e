//! Volumes, which belong to no namespace and outlive the one that claimed them.

use std::time::Duration;

use k8s_openapi::api::core::v1::PersistentVolume;
use kube::runtime::watcher;
use kube::{Api, ResourceExt as _};

use crate::cluster::Cluster;
use crate::deadline::{Seen, within};
use crate::error::KubeError;
use crate::mirror::Mirror;

/// Waits until the volumes that a namespace had claimed are gone, once it is gone itself. Returns those that stay by their
/// own policy (`Retain`): their disks are the operator's to remove.
///
/// # Errors
///
/// [`KubeError::Deadline`], with the volumes that are left.
pub async fn gone_with(cluster: &Cluster, namespace: &str, deadline: Duration) -> Result<Vec<String>, KubeError> {
    let api: Api<PersistentVolume> = Api::all(cluster.client().clone());
    let mut volumes: Mirror<PersistentVolume> = Mirror::new(cluster, api, watcher::Config::default(), "watch volumes");
    let seen = Seen::default();
    within(&format!("end of the volumes of `{namespace}`"), deadline, &seen, async {
        loop {
            volumes.changed().await?;
            let (kept, going): (Vec<_>, Vec<_>) =
                volumes.values().filter(|volume| is_of(volume, namespace)).partition(|volume| is_retained(volume));
            if going.is_empty() {
                return Ok(kept.into_iter().map(PersistentVolume::name_any).collect());
            }
            seen.set(going.into_iter().map(PersistentVolume::name_any).collect::<Vec<_>>().join(", "));
        }
    })
    .await
}

fn is_of(volume: &PersistentVolume, namespace: &str) -> bool {
    let claim = volume.spec.as_ref().and_then(|spec| spec.claim_ref.as_ref());
    claim.and_then(|claim| claim.namespace.as_deref()) == Some(namespace)
}

fn is_retained(volume: &PersistentVolume) -> bool {
    let policy = volume.spec.as_ref().and_then(|spec| spec.persistent_volume_reclaim_policy.as_deref());
    policy == Some("Retain")
}
