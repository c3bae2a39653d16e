//! ConfigMaps that never change.

use std::collections::BTreeMap;

use hangar_durable::failpoint;
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use kube::api::PostParams;

use crate::cluster::Cluster;
use crate::error::KubeError;
use crate::{FIELD_MANAGER, MANAGED_BY};

/// Makes an immutable ConfigMap. One that is there with the same content is left as it is.
///
/// # Errors
///
/// [`KubeError::Immutable`] if one of this name is there with other content, or could be changed by somebody.
pub async fn put(
    cluster: &Cluster,
    namespace: &str,
    name: &str,
    data: &BTreeMap<String, String>,
    owner: Option<OwnerReference>,
) -> Result<(), KubeError> {
    let labels = [("app.kubernetes.io/managed-by".to_owned(), MANAGED_BY.to_owned())];
    let wanted = ConfigMap {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            labels: Some(labels.into()),
            owner_references: owner.map(|owner| vec![owner]),
            ..ObjectMeta::default()
        },
        data: Some(data.clone()),
        immutable: Some(true),
        ..ConfigMap::default()
    };
    let api = cluster.api::<ConfigMap>(namespace);
    let object = || format!("config map `{namespace}/{name}`");
    let params = PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() };
    failpoint::hit("kube.config-map.before");
    match cluster.call(|| format!("make {}", object()), api.create(&params, &wanted)).await {
        Ok(_) => {
            failpoint::hit("kube.config-map.after");
            return Ok(());
        }
        Err(KubeError::Conflict { .. }) => {}
        Err(err) => return Err(err),
    }
    let found = cluster.call(|| format!("read {}", object()), api.get(name)).await?;
    if found.immutable == Some(true) && found.data.as_ref() == Some(data) {
        return Ok(());
    }
    Err(KubeError::Immutable { object: object() })
}
