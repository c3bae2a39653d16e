//! Chart values below those of the strategy.

use hangar_config::{Authorization, Workspace};
use hangar_plan::infrastructure::Infrastructure;
use serde_json::{Value, json};

use crate::failure::{Cause, Failure};
use crate::pooling::yaml;

/// The layers, lowest first: the workspace's own settings, the infrastructure's, the operator's file.
pub(crate) fn base_values(workspace: &Workspace, stands: &Infrastructure) -> Result<Vec<Value>, Failure> {
    let provided: Value = match stands.chart_values.trim() {
        "" => json!({}),
        text => serde_json::from_str(text)
            .map_err(|err| Failure::of(Cause::Refused, "the infra provider's chart values are no JSON", err))?,
    };
    Ok(vec![own(workspace)?, provided, operator(workspace)?])
}

fn own(workspace: &Workspace) -> Result<Value, Failure> {
    let instance = &workspace.instance;
    let locality = workspace.pool.as_ref().map_or(instance.name.as_str(), |(pool, _)| pool.locality.as_str());
    let authorization = match &instance.authorization {
        Authorization::Jwks { endpoint, key_ids } => json!({"jwksEndpoint": endpoint, "jwksKeyIds": key_ids}),
        Authorization::PublicKeys { files } => {
            let read = |path: &std::path::PathBuf| {
                std::fs::read_to_string(path).map_err(|err| {
                    Failure::of(Cause::Refused, format!("cannot read public key `{}`", path.display()), err)
                })
            };
            json!({"publicKeys": files.iter().map(read).collect::<Result<Vec<_>, _>>()?})
        }
    };
    Ok(json!({
        "agent": {"image": instance.agent_image.to_string()},
        "coreService": {
            "image": instance.image.to_string(),
            "hostname": instance.hostname.as_str(),
            "locality": locality,
            "authorization": authorization,
        },
    }))
}

fn operator(workspace: &Workspace) -> Result<Value, Failure> {
    let Some(path) = &workspace.services.values else { return Ok(json!({})) };
    let failed = |err: Box<dyn std::error::Error + Send + Sync>| {
        Failure::of(Cause::Refused, format!("cannot use chart values `{}`", path.display()), err)
    };
    let text = std::fs::read_to_string(path).map_err(|err| failed(err.into()))?;
    let value = yaml(&text).map_err(|err| failed(err.into()))?;
    Ok(if value.is_null() { json!({}) } else { value })
}
