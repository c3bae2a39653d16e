use std::time::{Duration, Instant};

use k8s_openapi::api::authentication::v1::{BoundObjectReference, TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::{ServiceAccount, ServiceAccountTokenProjection};
use kube::Api;
use kube::ResourceExt;
use kube::api::PostParams;

use super::Context;

/// A service-account token, asked for when it is first needed and again when four fifths of its life are over.
#[derive(Debug, Default)]
pub(super) struct Token(Option<(String, Instant)>);

const DEFAULT_SECONDS: i64 = 3600;

impl Token {
    pub(super) async fn get(
        &mut self,
        context: Context<'_>,
        projection: &ServiceAccountTokenProjection,
    ) -> Result<String, String> {
        if let Some((token, renew_at)) = &self.0
            && Instant::now() < *renew_at
        {
            return Ok(token.clone());
        }
        let seconds = projection.expiration_seconds.unwrap_or(DEFAULT_SECONDS);
        let token = request(context, projection, seconds).await.map_err(|err| err.to_string())?;
        let life = Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
        self.0 = Some((token.clone(), Instant::now() + life * 4 / 5));
        Ok(token)
    }
}

async fn request(
    context: Context<'_>,
    projection: &ServiceAccountTokenProjection,
    seconds: i64,
) -> Result<String, kube::Error> {
    let pod = context.pod;
    let account =
        pod.spec.as_ref().and_then(|spec| spec.service_account_name.clone()).unwrap_or_else(|| "default".to_owned());
    let request = TokenRequest {
        spec: TokenRequestSpec {
            audiences: projection.audience.clone().into_iter().collect(),
            expiration_seconds: Some(seconds),
            bound_object_ref: Some(BoundObjectReference {
                api_version: Some("v1".to_owned()),
                kind: Some("Pod".to_owned()),
                name: Some(pod.name_any()),
                uid: pod.uid(),
            }),
        },
        ..TokenRequest::default()
    };
    let accounts: Api<ServiceAccount> = Api::namespaced(context.node.client.clone(), context.namespace());
    let answer = accounts.create_token_request(&account, &PostParams::default(), &request).await?;
    Ok(answer.status.map(|status| status.token).unwrap_or_default())
}
