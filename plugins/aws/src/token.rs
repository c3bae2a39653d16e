//! The token for the cluster's API: a presigned request to the token service.

use hangar_sdk::infra_provider::{Error, Infrastructure, Presign, TokenRecipe};

use crate::SLOT;
use crate::config::Config;

/// Seconds the presigned request is good for; EKS takes at most 15 minutes, the signature's own bound is 60 seconds.
const EXPIRES_S: u32 = 60;

/// Says how the host makes a token, so that no cloud CLI is needed and no plugin holds one.
///
/// The form is that of `aws eks get-token`: a presigned `GetCallerIdentity` whose signed headers name the cluster,
/// base64url without padding, after `k8s-aws-v1.`.
///
/// # Errors
///
/// [`Error::Invalid`] about the block.
pub fn cluster_token(config: &str, infrastructure: &Infrastructure) -> Result<TokenRecipe, Error> {
    let config = Config::parse(config)?;
    let base = config.endpoint("sts");
    Ok(TokenRecipe::Presign(Presign {
        slot: SLOT.into(),
        service: "sts".into(),
        region: config.region.clone(),
        url: format!("{base}/?Action=GetCallerIdentity&Version=2011-06-15"),
        headers: vec![("x-k8s-aws-id".into(), infrastructure.kube_cluster.clone())],
        expires_s: EXPIRES_S,
        prefix: "k8s-aws-v1.".into(),
    }))
}
