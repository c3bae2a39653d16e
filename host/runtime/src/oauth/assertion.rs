//! Assertions that a key signs about its owner: a service account of Google, a client of Entra by its certificate.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustls::SignatureScheme;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use url::Url;

use super::{OauthError, ServiceKey};

/// How long an assertion is good for that is used at once. Google takes an hour at most.
pub(super) const LIFETIME: Duration = Duration::from_secs(300);

/// Signs with RS256, the one algorithm of service account keys.
pub(super) fn of_service(key: &ServiceKey, scope: &str) -> Result<SecretString, OauthError> {
    let mut header = json!({"alg": "RS256", "typ": "JWT"});
    if let Some(id) = &key.key_id {
        header["kid"] = json!(id);
    }
    let now = now_s();
    let claims = json!({
        "iss": key.issuer,
        "scope": scope,
        "aud": key.token_url.as_str(),
        "iat": now,
        "exp": now + LIFETIME.as_secs(),
    });
    sign(&key.private_key_pem, &key.issuer, SignatureScheme::RSA_PKCS1_SHA256, &header, &claims)
}

/// Signs with PS256 and names the certificate by its SHA-256, as Entra wants it of its clients.
pub(super) fn of_client(
    pem: &SecretString,
    client_id: &str,
    token_url: &Url,
    lifetime: Duration,
) -> Result<SecretString, OauthError> {
    let certificate = CertificateDer::from_pem_slice(pem.expose_secret().as_bytes()).map_err(|_| OauthError::Key {
        issuer: client_id.to_owned(),
        reason: "comes without its certificate in PEM".into(),
    })?;
    let header = json!({
        "alg": "PS256",
        "typ": "JWT",
        "x5t#S256": URL_SAFE_NO_PAD.encode(Sha256::digest(&certificate)),
    });
    let mut id = [0; 16];
    getrandom::fill(&mut id).map_err(|_| OauthError::Key {
        issuer: client_id.to_owned(),
        reason: "cannot sign: this machine gives no random numbers".into(),
    })?;
    let now = now_s();
    let claims = json!({
        "iss": client_id,
        "sub": client_id,
        "aud": token_url.as_str(),
        "jti": hex::encode(id),
        "nbf": now,
        "exp": now + lifetime.as_secs(),
    });
    sign(pem, client_id, SignatureScheme::RSA_PSS_SHA256, &header, &claims)
}

fn sign(
    key_pem: &SecretString,
    issuer: &str,
    scheme: SignatureScheme,
    header: &Value,
    claims: &Value,
) -> Result<SecretString, OauthError> {
    let failed = |reason: &str| OauthError::Key { issuer: issuer.to_owned(), reason: reason.into() };
    let der = PrivateKeyDer::from_pem_slice(key_pem.expose_secret().as_bytes())
        .map_err(|_| failed("is no PEM of a private key without a pass phrase"))?;
    let signing = rustls::crypto::ring::sign::any_supported_type(&der).map_err(|_| failed("cannot be used"))?;
    let signer = signing.choose_scheme(&[scheme]).ok_or_else(|| failed("is no RSA key"))?;
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(header), part(claims));
    let signature = signer.sign(signed.as_bytes()).map_err(|_| failed("does not sign"))?;
    Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)).into())
}

fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}
