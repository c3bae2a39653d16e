//! Keys of an AWS account: what AWS's own library finds is kept for as long as it is good, and made anew before it is not.

mod chain;
mod endpoint;
mod error;
mod profile;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use hangar_config::AwsChain;
use hangar_runtime::Redactor;
use secrecy::{ExposeSecret as _, SecretString};

pub(crate) use endpoint::Endpoint;
pub(crate) use error::AwsError;

/// With less than this left keys are made anew: a call that has yet to be signed takes its time too.
const FRESH: Duration = Duration::from_secs(5 * 60);
/// Keys with less than this left are of no use.
const USABLE: Duration = Duration::from_secs(60);

/// Keys of an AWS account, who gave them, and until when they are good.
#[derive(Debug, Clone)]
pub(crate) struct AwsKeys {
    pub(crate) access_key_id: String,
    pub(crate) secret_access_key: SecretString,
    pub(crate) session_token: Option<SecretString>,
    /// The link of the chain that gave them, in words.
    pub(crate) link: String,
    /// None for keys that are good until somebody takes them away.
    pub(crate) expires: Option<SystemTime>,
}

impl AwsKeys {
    fn has_left(&self, least: Duration) -> bool {
        self.expires.is_none_or(|expires| expires > SystemTime::now() + least)
    }

    pub(crate) fn register(&self, redactor: &Redactor) {
        redactor.register(self.secret_access_key.expose_secret());
        if let Some(token) = &self.session_token {
            redactor.register(token.expose_secret());
        }
    }
}

/// The keys of before, in memory alone.
#[derive(Debug, Default)]
pub(crate) struct Keyring(tokio::sync::Mutex<BTreeMap<AwsChain, AwsKeys>>);

impl Keyring {
    /// Returns keys that are good for some minutes at least, or for as long as there are.
    ///
    /// Who asks while others are asking waits for their answer. What is still good outlives a failure to make it anew.
    ///
    /// # Errors
    ///
    /// [`AwsError`], which says which link gave nothing, and what to do.
    pub(crate) async fn keys(&self, from: &AwsChain) -> Result<AwsKeys, AwsError> {
        let mut kept = self.0.lock().await;
        let known = kept.get(from);
        if let Some(fresh) = known.filter(|keys| keys.has_left(FRESH)) {
            return Ok(fresh.clone());
        }
        match chain::keys(from).await {
            Ok(keys) => {
                kept.insert(from.clone(), keys.clone());
                Ok(keys)
            }
            Err(err) => known.filter(|keys| keys.has_left(USABLE)).cloned().ok_or(err),
        }
    }
}
