//! What a service account says of itself, and whether its key has signed that.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustls::SignatureScheme;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::{Value, json};

use super::ServiceAccount;

/// What stands before the key in a subject public key info of RSA with 2048 bits.
const BEFORE_KEY: usize = 24;
/// A clock may be so much ahead.
const AHEAD_S: u64 = 60;
const LONGEST_S: u64 = 3600;

/// Checks everything that Google's own endpoint does, and says the first thing that is wrong in its words.
pub(super) fn check(assertion: &str, account: &ServiceAccount, audience: &str) -> Result<(), &'static str> {
    let wrong = "Invalid JWT: Failed audience check.";
    let (header, claims) = read(assertion, &account.key_pem)?;
    if header != json!({ "alg": "RS256", "typ": "JWT", "kid": account.key_id }) {
        return Err("Invalid JWT Signature.");
    }
    if claims["iss"] != account.email {
        return Err("Invalid grant: account not found");
    }
    if claims["aud"] != audience {
        return Err(wrong);
    }
    if claims["scope"].as_str().is_none_or(str::is_empty) {
        return Err("Invalid OAuth scope or ID token audience provided.");
    }
    let (issued, expires) = (claims["iat"].as_u64().unwrap_or(0), claims["exp"].as_u64().unwrap_or(0));
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    if issued > now + AHEAD_S || expires <= now || expires.saturating_sub(issued) > LONGEST_S {
        return Err("Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe.");
    }
    Ok(())
}

fn read(assertion: &str, key_pem: &str) -> Result<(Value, Value), &'static str> {
    let wrong = "Invalid JWT Signature.";
    let (signed, signature) = assertion.rsplit_once('.').ok_or(wrong)?;
    let (header, claims) = signed.split_once('.').ok_or(wrong)?;
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| wrong);
    if !is_signed(key_pem, signed.as_bytes(), &decode(signature)?) {
        return Err(wrong);
    }
    let value = |part: &str| serde_json::from_slice(&decode(part)?).map_err(|_| wrong);
    Ok((value(header)?, value(claims)?))
}

fn is_signed(key_pem: &str, signed: &[u8], signature: &[u8]) -> bool {
    let key = PrivateKeyDer::from_pem_slice(key_pem.as_bytes()).expect("the account has a key");
    let key = rustls::crypto::ring::sign::any_supported_type(&key).expect("the key is of RSA");
    let info = key.public_key().expect("it has a public half");
    let known = rustls::crypto::ring::default_provider().signature_verification_algorithms;
    let mut schemes = known.mapping.iter().filter(|(scheme, _)| *scheme == SignatureScheme::RSA_PKCS1_SHA256);
    let algorithms = schemes.next().expect("rustls knows it").1;
    algorithms[0].verify_signature(&info[BEFORE_KEY..], signed, signature).is_ok()
}
