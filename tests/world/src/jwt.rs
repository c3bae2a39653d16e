//! Signed tokens (RFC 7519) as an issuer looks at them.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustls::SignatureScheme;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::sign::SigningKey;
use serde_json::Value;

/// RS256.
pub(crate) const RS256: SignatureScheme = SignatureScheme::RSA_PKCS1_SHA256;
/// PS256.
pub(crate) const PS256: SignatureScheme = SignatureScheme::RSA_PSS_SHA256;

/// What stands before the key in a subject public key info of RSA with 2048 bits.
const BEFORE_KEY: usize = 24;

/// A token in its parts. Nobody has checked who signed it.
pub(crate) struct Parts {
    pub(crate) header: Value,
    pub(crate) claims: Value,
    signed: String,
    signature: Vec<u8>,
}

impl Parts {
    pub(crate) fn of(token: &str) -> Option<Self> {
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).ok();
        let value = |part: &str| serde_json::from_slice(&decode(part)?).ok();
        let (header, claims, signature) = (value(header)?, value(claims)?, decode(signature)?);
        Some(Self { header, claims, signed: signed.to_owned(), signature })
    }

    /// Whether this key of RSA in PEM has signed it. Issuers keep the public half alone; here that is made of the key.
    pub(crate) fn is_signed_by(&self, key_pem: &str, scheme: SignatureScheme) -> bool {
        let key = signing(key_pem);
        let info = key.public_key().expect("it has a public half");
        let known = rustls::crypto::ring::default_provider().signature_verification_algorithms;
        let mut schemes = known.mapping.iter().filter(|(one, _)| *one == scheme);
        let algorithms = schemes.next().expect("rustls knows it").1;
        algorithms[0].verify_signature(&info[BEFORE_KEY..], self.signed.as_bytes(), &self.signature).is_ok()
    }

    /// A claim that is a time, in seconds since 1970; 0 if it is not there.
    pub(crate) fn time(&self, claim: &str) -> u64 {
        self.claims[claim].as_u64().unwrap_or(0)
    }
}

/// Signs a token with a key of RSA in PEM.
pub(crate) fn sign(key_pem: &str, scheme: SignatureScheme, header: &Value, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(header), part(claims));
    let signer = signing(key_pem).choose_scheme(&[scheme]).expect("the key is of RSA");
    let signature = signer.sign(signed.as_bytes()).expect("the key signs");
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn signing(key_pem: &str) -> std::sync::Arc<dyn SigningKey> {
    let key = PrivateKeyDer::from_pem_slice(key_pem.as_bytes()).expect("it is a key in PEM");
    rustls::crypto::ring::sign::any_supported_type(&key).expect("the key is of RSA")
}

pub(crate) fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}
