//! A plugin as a secret store.

use hangar_plan::diagnostic::Diagnostic;
use hangar_plan::grant::Kind;
use hangar_plan::secret::{Secret, StoreError, VersionInfo};
use serde_json::Value;

use super::Plugin;
use crate::bindings::secret_store::SecretStorePre;
use crate::bindings::secret_store::hangar::secret_store::types as wit;
use crate::call::Purity;
use crate::error::{Fault, PluginError};
use crate::lift::Translate;

const KIND: Kind = Kind::SecretStore;

/// A plugin as a secret store. Nothing it writes is shown, and its errors are redacted.
#[derive(Debug, Clone)]
pub struct SecretStore {
    pub(super) plugin: Plugin,
}

/// Calls a function of the contract in an instance of its own.
macro_rules! call {
    ($self:ident, $name:literal, $purity:ident, $function:ident($($argument:expr),*)) => {
        $self.plugin.call(KIND, $name, Purity::$purity, move |mut store, guest| async move {
            let guest = SecretStorePre::new(guest)?.instantiate_async(&mut store).await?;
            guest.hangar_secret_store_store().$function(&mut store, $($argument),*).await
        })
    };
}

impl SecretStore {
    /// Checks the plugin's block beyond its schema; all findings at once.
    ///
    /// # Errors
    ///
    /// [`PluginError`] if there is no answer.
    pub async fn validate(&self, config: &Value) -> Result<Vec<Diagnostic>, PluginError> {
        let config = config.to_string();
        Ok(call!(self, "validate", Pure, call_validate(&config)).await?.translate())
    }

    /// Returns the current version of a secret, or the named one. The value is registered with the redactor.
    ///
    /// # Errors
    ///
    /// [`Fault::Store`] with the store's reason, otherwise why there is no answer.
    pub async fn get(&self, config: &Value, name: &str, version: Option<&str>) -> Result<Secret, PluginError> {
        let (config, name, version) = (config.to_string(), name.to_owned(), version.map(str::to_owned));
        let answer = call!(self, "get", Effects, call_get(&config, &name, version.as_deref())).await?;
        let secret: Secret = self.answer("get", answer)?;
        self.register(&secret.value);
        Ok(secret)
    }

    /// Adds a version if `expected` is current (none: the secret must not exist), and returns the new version's name.
    /// The value is registered with the redactor before the store sees it.
    ///
    /// # Errors
    ///
    /// As [`Self::get`].
    pub async fn put(
        &self,
        config: &Value,
        name: &str,
        value: &[u8],
        expected: Option<&str>,
    ) -> Result<String, PluginError> {
        self.register(value);
        let (config, name, value) = (config.to_string(), name.to_owned(), value.to_vec());
        let expected = expected.map(str::to_owned);
        let answer = call!(self, "put", Effects, call_put(&config, &name, &value, expected.as_deref())).await?;
        self.answer("put", answer)
    }

    /// Names of the secrets below a prefix, sorted.
    ///
    /// # Errors
    ///
    /// As [`Self::get`].
    pub async fn list(&self, config: &Value, prefix: &str) -> Result<Vec<String>, PluginError> {
        let (config, prefix) = (config.to_string(), prefix.to_owned());
        let answer = call!(self, "list", Effects, call_list(&config, &prefix)).await?;
        self.answer("list", answer)
    }

    /// Versions of one secret, newest first.
    ///
    /// # Errors
    ///
    /// As [`Self::get`].
    pub async fn history(&self, config: &Value, name: &str) -> Result<Vec<VersionInfo>, PluginError> {
        let (config, name) = (config.to_string(), name.to_owned());
        let answer = call!(self, "history", Effects, call_history(&config, &name)).await?;
        self.answer("history", answer)
    }

    /// Destroys one version for good. A version that is gone already is success.
    ///
    /// # Errors
    ///
    /// As [`Self::get`].
    pub async fn destroy(&self, config: &Value, name: &str, version: &str) -> Result<(), PluginError> {
        let (config, name, version) = (config.to_string(), name.to_owned(), version.to_owned());
        let answer = call!(self, "destroy", Effects, call_destroy(&config, &name, &version)).await?;
        self.answer("destroy", answer)
    }

    fn register(&self, value: &[u8]) {
        let redactor = &self.plugin.services().redactor;
        match std::str::from_utf8(value) {
            Ok(text) => redactor.register(text),
            Err(_) => redactor.register_bytes(value),
        }
    }

    fn answer<A: Translate<B>, B>(&self, call: &'static str, answer: Result<A, wit::Error>) -> Result<B, PluginError> {
        answer.map(Translate::translate).map_err(|err| {
            let err: StoreError = err.translate();
            self.plugin.error(call, Fault::Store(self.redacted(err)))
        })
    }

    /// A store's own words may quote what it was given.
    fn redacted(&self, err: StoreError) -> StoreError {
        let redact = |text: String| self.plugin.services().redactor.redact(&text).into_owned();
        match err {
            StoreError::Denied(text) => StoreError::Denied(redact(text)),
            StoreError::Other(text) => StoreError::Other(redact(text)),
            StoreError::Invalid(mut findings) => {
                for finding in &mut findings {
                    finding.message = redact(std::mem::take(&mut finding.message));
                }
                StoreError::Invalid(findings)
            }
            other => other,
        }
    }
}
