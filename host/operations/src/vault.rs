//! The organisation's own secrets: in the secret store, sealed before they get there.

use std::sync::Arc;

use async_trait::async_trait;
use hangar_pki::envelope::{InstallationKey, Recipient, open, seal};
use hangar_plan::secret::{Secret, StoreError};
use zeroize::Zeroizing;

/// A secret store, as this room sees it.
#[async_trait]
pub(crate) trait Store: Send + Sync {
    /// Returns the current version; none if there is no such secret.
    async fn get(&self, name: &str) -> Result<Option<Secret>, StoreFailure>;

    /// Adds a version if `expected` is current (none: the secret must not exist), and returns its name.
    async fn put(&self, name: &str, value: &[u8], expected: Option<&str>) -> Result<String, StoreFailure>;
}

/// Why a secret store gave no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreFailure {
    /// It says why.
    #[error("the secret store says: {}", words(.0))]
    Refused(StoreError),
    /// Its plugin failed.
    #[error("the secret store's plugin failed")]
    Plugin(#[source] Box<dyn std::error::Error + Send + Sync>),
}

fn words(err: &StoreError) -> String {
    match err {
        StoreError::Invalid(findings) => {
            findings.iter().map(|finding| finding.message.as_str()).collect::<Vec<_>>().join("; ")
        }
        StoreError::NotFound => "there is no such secret".into(),
        StoreError::Conflict(version) => format!("version `{version}` came first"),
        StoreError::Denied(what) => format!("it may not {what}"),
        StoreError::TooLarge(limit) => format!("the value passes {limit} bytes"),
        StoreError::Unavailable(_) => "it cannot be reached".into(),
        StoreError::Other(text) => text.clone(),
    }
}

/// Why a secret of ours could not be had or kept.
#[derive(Debug, thiserror::Error)]
pub(crate) enum VaultError {
    /// The store gave no answer.
    #[error("secret `{name}` cannot be reached")]
    Store {
        /// Name of the secret.
        name: String,
        /// Why.
        #[source]
        err: StoreFailure,
    },
    /// The envelope cannot be sealed or opened.
    #[error("secret `{name}` cannot be opened with this installation's key")]
    Envelope {
        /// Name of the secret.
        name: String,
        /// Why.
        #[source]
        err: hangar_pki::PkiError,
    },
}

/// The organisation's own secrets.
///
/// Every value is sealed to this installation's key before the store sees it; the clear text is wiped after use.
pub(crate) struct Vault {
    store: Arc<dyn Store>,
    key: InstallationKey,
    recipients: Vec<Recipient>,
}

impl Vault {
    /// Seals to the installation's own key.
    #[must_use]
    pub(crate) fn new(store: Arc<dyn Store>, key: InstallationKey) -> Self {
        let recipients = vec![key.recipient()];
        Self { store, key, recipients }
    }

    /// Opens a secret; none if there is none.
    ///
    /// # Errors
    ///
    /// [`VaultError`] names the secret.
    pub(crate) async fn read(&self, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, VaultError> {
        let secret = self.store.get(name).await.map_err(|err| VaultError::Store { name: name.into(), err })?;
        let Some(secret) = secret else { return Ok(None) };
        open(name, &secret.value, &self.key).map(Some).map_err(|err| VaultError::Envelope { name: name.into(), err })
    }

    /// Keeps a secret that is not there yet, and returns whichever is there then: two who make one at once end with one.
    ///
    /// # Errors
    ///
    /// [`VaultError`] names the secret.
    pub(crate) async fn keep_first(&self, name: &str, value: &[u8]) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        let sealed =
            seal(name, value, &self.recipients).map_err(|err| VaultError::Envelope { name: name.into(), err })?;
        match self.store.put(name, &sealed, None).await {
            Ok(_) => Ok(Zeroizing::new(value.to_vec())),
            Err(StoreFailure::Refused(StoreError::Conflict(_))) => {
                let kept = self.read(name).await?;
                kept.ok_or_else(|| VaultError::Store {
                    name: name.into(),
                    err: StoreFailure::Refused(StoreError::NotFound),
                })
            }
            Err(err) => Err(VaultError::Store { name: name.into(), err }),
        }
    }

    /// Puts a value in the place of the current one by compare-and-set.
    ///
    /// # Errors
    ///
    /// [`VaultError`] names the secret; also where somebody else changed it at the same time.
    pub(crate) async fn replace(&self, name: &str, value: &[u8]) -> Result<(), VaultError> {
        let failed = |err| VaultError::Store { name: name.into(), err };
        let sealed =
            seal(name, value, &self.recipients).map_err(|err| VaultError::Envelope { name: name.into(), err })?;
        let current = self.store.get(name).await.map_err(failed)?;
        let version = current.as_ref().map(|secret| secret.version.as_str());
        self.store.put(name, &sealed, version).await.map(drop).map_err(failed)
    }
}
