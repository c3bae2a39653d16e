use k8s_openapi::api::rbac::v1::ClusterRoleBinding;
use k8s_openapi::api::storage::v1::StorageClass;
use kube::api::{Patch, PatchParams};
use kube::{Api, Client};
use serde_json::{Value, json};

use crate::WorldError;

/// Who writes what the world writes.
pub(crate) const FIELD_MANAGER: &str = "hangar-world";

/// Applies what a cluster as bought has from the start: a default storage class, and the operator's rights.
pub(crate) async fn apply(client: &Client, organisation: &str) -> Result<(), WorldError> {
    let kube = || WorldError::kube(organisation, "take its first objects");
    let params = PatchParams::apply(FIELD_MANAGER).force();
    let default = json!({ "storageclass.kubernetes.io/is-default-class": "true" });
    storage_class(client, organisation, "standard", &default).await?;
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": { "name": "hangar-operator" },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin" },
        "subjects": [{ "apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "hangar" }],
    });
    let bindings: Api<ClusterRoleBinding> = Api::all(client.clone());
    bindings.patch("hangar-operator", &params, &Patch::Apply(binding)).await.map_err(kube())?;
    Ok(())
}

/// Applies a storage class of the world's own volumes.
pub(crate) async fn storage_class(
    client: &Client,
    organisation: &str,
    name: &str,
    annotations: &Value,
) -> Result<(), WorldError> {
    let class = json!({
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": { "name": name, "annotations": annotations },
        "provisioner": "kubernetes.io/host-path",
        "reclaimPolicy": "Delete",
        "volumeBindingMode": "WaitForFirstConsumer",
        "allowVolumeExpansion": true,
    });
    let classes: Api<StorageClass> = Api::all(client.clone());
    let applied = classes.patch(name, &PatchParams::apply(FIELD_MANAGER).force(), &Patch::Apply(class)).await;
    applied.map(drop).map_err(WorldError::kube(organisation, "take a storage class"))
}
