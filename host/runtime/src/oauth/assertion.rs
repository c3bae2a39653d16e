//! The assertion that a service account signs about itself.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustls::SignatureScheme;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;

use super::{OauthError, ServiceKey};

/// Seconds an assertion is good for; it is used at once. Google takes an hour at most.
const LIFETIME_S: u64 = 300;

/// Signs with RS256, the one algorithm of service account keys.
pub(super) fn sign(key: &ServiceKey, scope: &str) -> Result<SecretString, OauthError> {
    let failed = |reason: &str| OauthError::Key { issuer: key.issuer.clone(), reason: reason.into() };
    let der = PrivateKeyDer::from_pem_slice(key.private_key_pem.expose_secret().as_bytes())
        .map_err(|_| failed("is no PEM of a private key"))?;
    let signing = rustls::crypto::ring::sign::any_supported_type(&der).map_err(|_| failed("cannot be used"))?;
    let signer = signing.choose_scheme(&[SignatureScheme::RSA_PKCS1_SHA256]).ok_or_else(|| failed("is no RSA key"))?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let mut header = json!({"alg": "RS256", "typ": "JWT"});
    if let Some(id) = &key.key_id {
        header["kid"] = json!(id);
    }
    let claims = json!({
        "iss": key.issuer,
        "scope": scope,
        "aud": key.token_url.as_str(),
        "iat": now,
        "exp": now + LIFETIME_S,
    });
    let part = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(&header), part(&claims));
    let signature = signer.sign(signed.as_bytes()).map_err(|_| failed("does not sign"))?;
    Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)).into())
}
