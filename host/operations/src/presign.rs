//! A presigned request as token.

use std::time::{Duration, SystemTime};

use aws_sigv4::http_request::{
    PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign,
};
use aws_sigv4::sign::v4;
use hangar_plan::infrastructure::Presign;
use secrecy::ExposeSecret as _;

use crate::aws::AwsKeys;

/// Why a request could not be presigned. Never carries a key.
#[derive(Debug, thiserror::Error)]
#[error("cannot presign a request to `{service}`: {reason}")]
pub(crate) struct PresignError {
    service: String,
    reason: String,
}

/// Returns the URL with its signature in the query, as `aws eks get-token` makes it.
pub(crate) fn url(key: &AwsKeys, wanted: &Presign, now: SystemTime) -> Result<String, PresignError> {
    let failed = |reason: String| PresignError { service: wanted.service.clone(), reason };
    let credentials = aws_credential_types::Credentials::new(
        &key.access_key_id,
        key.secret_access_key.expose_secret(),
        key.session_token.as_ref().map(|token| token.expose_secret().to_owned()),
        None,
        "hangar",
    );
    let mut settings = SigningSettings::default();
    settings.signature_location = SignatureLocation::QueryParams;
    settings.percent_encoding_mode = PercentEncodingMode::Double;
    settings.expires_in = Some(Duration::from_secs(u64::from(wanted.expires_s)));
    let identity = credentials.into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(&wanted.region)
        .name(&wanted.service)
        .time(now)
        .settings(settings)
        .build()
        .map_err(|err| failed(err.to_string()))?
        .into();
    let headers = wanted.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let request = SignableRequest::new("GET", &wanted.url, headers, SignableBody::Bytes(&[]))
        .map_err(|err| failed(err.to_string()))?;
    let (instructions, _) = sign(request, &parameters).map_err(|err| failed(err.to_string()))?.into_parts();
    let mut url = url::Url::parse(&wanted.url).map_err(|err| failed(err.to_string()))?;
    for (name, value) in instructions.params() {
        url.query_pairs_mut().append_pair(name, value);
    }
    Ok(url.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cluster_is_named_by_a_signed_header() {
        let key = AwsKeys {
            access_key_id: "AKIDEXAMPLE".into(),
            secret_access_key: "secret".into(),
            session_token: None,
            link: "a test".into(),
            expires: None,
        };
        let wanted = Presign {
            slot: "aws".into(),
            service: "sts".into(),
            region: "us-east-1".into(),
            url: "https://sts.us-east-1.amazonaws.com/?Action=GetCallerIdentity&Version=2011-06-15".into(),
            headers: vec![("x-k8s-aws-id".into(), "uss1".into())],
            expires_s: 60,
            prefix: "k8s-aws-v1.".into(),
        };
        let url = url(&key, &wanted, SystemTime::UNIX_EPOCH).expect("it can be signed");
        assert!(url.contains("X-Amz-SignedHeaders=host%3Bx-k8s-aws-id"), "{url}");
        assert!(url.contains("X-Amz-Expires=60"), "{url}");
        assert!(!url.contains("secret"));
    }
}
