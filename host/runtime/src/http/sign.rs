//! Signing, once a request is final.

use std::time::SystemTime;

use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings, UriPathNormalizationMode,
    sign as sign_v4,
};
use aws_sigv4::sign::v4;
use base64::Engine as _;
use hangar_plan::grant::{CredentialKind, CredentialSlot};
use reqwest::Identity;
use secrecy::ExposeSecret as _;

use super::Matched;
use crate::bindings::host::hangar::host::http::{Error, Oauth2, Signature, SignatureScheme, Sigv4};
use crate::credentials::Credential;
use crate::oauth::{OauthError, Source, Wanted};
use crate::services::Services;

/// What signing adds to a request.
#[derive(Default)]
pub(super) struct Signed {
    pub(super) headers: Vec<(String, String)>,
    pub(super) identity: Option<Identity>,
}

/// Signs with the slot that the plugin names, if the grant binds it to this host and service.
pub(super) async fn sign(
    plugin: &str,
    slots: &[CredentialSlot],
    signature: Option<Signature>,
    request: &Matched<'_>,
    services: &Services,
) -> Result<Signed, Error> {
    let Some(Signature { slot: name, scheme }) = signature else { return Ok(Signed::default()) };
    let denied = |reason: String| Err(Error::Denied(reason));
    let Some(slot) = slots.iter().find(|slot| slot.name == name) else {
        return denied(format!("credential `{name}` is not granted to `{plugin}`"));
    };
    let host = request.url.host_str().unwrap_or_default();
    if !slot.hosts.iter().any(|pattern| pattern.matches(host)) {
        return denied(format!("credential `{name}` is not for {host}"));
    }
    let wanted = match &scheme {
        SignatureScheme::Sigv4(scope) => {
            if !slot.services.contains(&scope.service) {
                return denied(format!("credential `{name}` is not for service `{}`", scope.service));
            }
            CredentialKind::Aws
        }
        SignatureScheme::Bearer => CredentialKind::Bearer,
        SignatureScheme::Basic => CredentialKind::Basic,
        SignatureScheme::ClientTls => CredentialKind::ClientTls,
        SignatureScheme::Oauth2(_) => CredentialKind::Oauth2,
        SignatureScheme::Other(scheme) => return denied(format!("this host does not know the scheme `{scheme}`")),
    };
    if slot.kind != wanted {
        return denied(format!("credential `{name}` is of another kind than the request wants"));
    }
    let resolved = services.credentials.resolve(plugin, &name).await;
    let credential = resolved.map_err(|err| Error::Credential(err.to_string()))?;
    credential.register(&services.redactor);
    if let (SignatureScheme::Oauth2(scope), Credential::Oauth2(source)) = (&scheme, &credential) {
        return bearer_of(&name, source, scope, services).await;
    }
    apply(&name, &credential, &scheme, request)
}

/// Fetches the token from where the operator's credential says; the plugin has no part in that.
async fn bearer_of(name: &str, source: &Source, scope: &Oauth2, services: &Services) -> Result<Signed, Error> {
    let Oauth2 { scope, audience, parameters } = scope.clone();
    let token = source.token(&Wanted { scope, audience, parameters }).await;
    let token = token.map_err(|err| match err {
        OauthError::Parameter(_) => Error::Denied(err.to_string()),
        err => Error::Credential(format!("credential `{name}`: {err}")),
    })?;
    services.redactor.register(token.expose_secret());
    let header = ("authorization".into(), format!("Bearer {}", token.expose_secret()));
    Ok(Signed { headers: vec![header], identity: None })
}

fn apply(
    name: &str,
    credential: &Credential,
    scheme: &SignatureScheme,
    request: &Matched<'_>,
) -> Result<Signed, Error> {
    let authorization = |value: String| Signed { headers: vec![("authorization".into(), value)], identity: None };
    match (scheme, credential) {
        (SignatureScheme::Sigv4(scope), Credential::Aws { access_key_id, secret_access_key, session_token }) => {
            let key = aws_credential_types::Credentials::new(
                access_key_id,
                secret_access_key.expose_secret(),
                session_token.as_ref().map(|token| token.expose_secret().to_owned()),
                None,
                "hangar",
            );
            sigv4(scope, key, request)
        }
        (SignatureScheme::Bearer, Credential::Bearer(token)) => {
            Ok(authorization(format!("Bearer {}", token.expose_secret())))
        }
        (SignatureScheme::Basic, Credential::Basic { user, password }) => {
            let pair = format!("{user}:{}", password.expose_secret());
            Ok(authorization(format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair))))
        }
        (SignatureScheme::ClientTls, Credential::ClientTls { certificate_pem, key_pem }) => {
            let pem = format!("{}\n{certificate_pem}", key_pem.expose_secret());
            let unusable = |_| Error::Credential(format!("credential `{name}`: its key pair cannot be read"));
            Ok(Signed { headers: Vec::new(), identity: Some(Identity::from_pem(pem.as_bytes()).map_err(unusable)?) })
        }
        _ => Err(Error::Credential(format!("credential `{name}` holds another kind than the grant says"))),
    }
}

/// AWS Signature Version 4, in headers. S3 alone wants the body's digest as a header and its paths untouched.
fn sigv4(scope: &Sigv4, key: aws_credential_types::Credentials, request: &Matched<'_>) -> Result<Signed, Error> {
    let unusable = |err: &dyn std::fmt::Display| Error::Credential(format!("cannot sign: {err}"));
    let mut settings = SigningSettings::default();
    if scope.service == "s3" {
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    }
    let identity = key.into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(&scope.region)
        .name(&scope.service)
        .time(SystemTime::now())
        .settings(settings)
        .build()
        .map_err(|err| unusable(&err))?
        .into();
    let headers = request.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let signable = SignableRequest::new(
        request.method.as_str(),
        request.url.as_str(),
        headers,
        SignableBody::Bytes(&request.body),
    )
    .map_err(|err| unusable(&err))?;
    let (instructions, _) = sign_v4(signable, &parameters).map_err(|err| unusable(&err))?.into_parts();
    let headers = instructions.headers().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    Ok(Signed { headers, identity: None })
}
