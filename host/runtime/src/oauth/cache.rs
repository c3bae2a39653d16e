//! Tokens of before, for as long as the process lives and nowhere but in its memory.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use secrecy::{ExposeSecret as _, SecretString};

use super::{ClientProof, ServiceKey, Source, Wanted};

/// A token that is about to expire is of no use to a request that has yet to be sent.
pub(super) const MARGIN: Duration = Duration::from_secs(60);

static TOKENS: LazyLock<Mutex<HashMap<Key, (SecretString, SystemTime)>>> = LazyLock::new(Mutex::default);

/// Digest of all that decides what a token is.
pub(super) type Key = [u8; 32];

pub(super) fn key(source: &Source, wanted: &Wanted) -> Key {
    let mut hasher = blake3::Hasher::new();
    add_source(&mut hasher, source);
    add(&mut hasher, &[&wanted.scope, wanted.audience.as_deref().unwrap_or_default()]);
    for (name, value) in &wanted.parameters {
        add(&mut hasher, &[name, value]);
    }
    *hasher.finalize().as_bytes()
}

/// A token that is good for a while yet, and until when.
pub(super) fn get(key: &Key) -> Option<(SecretString, SystemTime)> {
    let tokens = TOKENS.lock().unwrap_or_else(PoisonError::into_inner);
    tokens.get(key).filter(|(_, until)| is_good(*until)).cloned()
}

pub(super) fn put(key: Key, token: SecretString, until: SystemTime) {
    let mut tokens = TOKENS.lock().unwrap_or_else(PoisonError::into_inner);
    tokens.retain(|_, (_, until)| is_good(*until));
    tokens.insert(key, (token, until));
}

fn is_good(until: SystemTime) -> bool {
    until > SystemTime::now() + MARGIN
}

/// Each part with its length before it, so that no two lists run into one.
fn add(hasher: &mut blake3::Hasher, parts: &[&str]) {
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
}

fn add_source(hasher: &mut blake3::Hasher, source: &Source) {
    match source {
        Source::Fixed(token) => add(hasher, &["fixed", token.expose_secret()]),
        Source::Client { token_url, client_id, proof } => {
            add(hasher, &["client", token_url.as_str(), client_id]);
            match proof {
                ClientProof::Secret(secret) => add(hasher, &["secret", secret.expose_secret()]),
                ClientProof::Assertion(token) => add(hasher, &["assertion", token.expose_secret()]),
                ClientProof::Certificate(pem) => add(hasher, &["certificate", pem.expose_secret()]),
            }
        }
        Source::Key(ServiceKey { token_url, issuer, key_id, private_key_pem }) => {
            let key_id = key_id.as_deref().unwrap_or_default();
            add(hasher, &["key", token_url.as_str(), issuer, key_id, private_key_pem.expose_secret()]);
        }
        Source::Refresh { token_url, client_id, refresh_token, .. } => {
            add(hasher, &["refresh", token_url.as_str(), client_id, refresh_token.expose_secret()]);
        }
        Source::Exchange { token_url, audience, subject_token_type, subject_token } => {
            add(hasher, &["exchange", token_url.as_str(), audience, subject_token_type, &subject_token.name()]);
        }
        Source::Metadata { url } => add(hasher, &["metadata", url.as_str()]),
        Source::AzureMachine { url, .. } => add(hasher, &["azure-machine", url.as_str()]),
        Source::Impersonated { url, by } => {
            add(hasher, &["impersonated", url.as_str()]);
            add_source(hasher, by);
        }
    }
}
