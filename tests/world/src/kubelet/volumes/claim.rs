use std::path::PathBuf;

use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim};
use kube::Api;

use super::{Context, host_path};

/// The folder behind a claim.
pub(super) async fn find(context: Context<'_>, name: &str) -> Result<PathBuf, String> {
    let claims: Api<PersistentVolumeClaim> = Api::namespaced(context.node.client.clone(), context.namespace());
    let claim = claims.get_opt(name).await.map_err(|err| err.to_string())?;
    let claim = claim.ok_or_else(|| format!("persistentvolumeclaim {name:?} not found"))?;
    let volume = claim
        .spec
        .and_then(|spec| spec.volume_name)
        .ok_or_else(|| format!("persistentvolumeclaim {name:?} is not bound"))?;
    let volumes: Api<PersistentVolume> = Api::all(context.node.client.clone());
    let volume = volumes.get(&volume).await.map_err(|err| err.to_string())?;
    let host_path = volume
        .spec
        .and_then(|spec| spec.host_path)
        .ok_or("only host-path volumes are supported in the offline world")?;
    host_path::find(&host_path)
}
