//! What every cluster of GKE serves.

use std::time::{Duration, Instant};

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Patch, PatchParams};
use kube::{Api, Client};
use serde_json::json;

use crate::WorldError;
use crate::first_objects::FIELD_MANAGER;

const GROUP: &str = "networking.gke.io";
const DEADLINE: Duration = Duration::from_secs(30);

/// Serves the kind `FrontendConfig`, and returns once it is served.
pub(super) async fn serve_frontend_config(client: &Client, organisation: &str) -> Result<(), WorldError> {
    let kube = || WorldError::kube(organisation, "serve `FrontendConfig`");
    let redirect = json!({ "type": "object", "properties": {
        "enabled": { "type": "boolean" },
        "responseCodeName": { "type": "string" },
    }});
    let spec =
        json!({ "type": "object", "properties": { "sslPolicy": { "type": "string" }, "redirectToHttps": redirect } });
    let name = format!("frontendconfigs.{GROUP}");
    let definition = json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": { "name": name },
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": { "plural": "frontendconfigs", "singular": "frontendconfig", "kind": "FrontendConfig" },
            "versions": [{
                "name": "v1beta1", "served": true, "storage": true,
                "schema": { "openAPIV3Schema": { "type": "object", "properties": { "spec": spec } } },
            }],
        },
    });
    let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
    let params = PatchParams::apply(FIELD_MANAGER).force();
    definitions.patch(&name, &params, &Patch::Apply(definition)).await.map_err(kube())?;
    let start = Instant::now();
    loop {
        let groups = client.list_api_groups().await.map_err(kube())?.groups;
        if groups.iter().any(|group| group.name == GROUP) {
            return Ok(());
        }
        if start.elapsed() > DEADLINE {
            return Err(WorldError::NotReady {
                program: "kubeone",
                organisation: organisation.to_owned(),
                seconds: DEADLINE.as_secs(),
                last_seen: format!("`{name}` is not served"),
            });
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
