//! Credentials by slot. They are resolved in the host, used in the host, and never handed to a plugin.

use async_trait::async_trait;
use secrecy::{ExposeSecret as _, SecretString};

use crate::oauth::Source;
use crate::redact::Redactor;

/// What a slot holds.
#[derive(Debug, Clone)]
pub enum Credential {
    /// An AWS key.
    Aws {
        /// Access key id; not secret by itself.
        access_key_id: String,
        /// Secret access key.
        secret_access_key: SecretString,
        /// Session token of a temporary key.
        session_token: Option<SecretString>,
    },
    /// A bearer token.
    Bearer(SecretString),
    /// A user and a password.
    Basic {
        /// The user.
        user: String,
        /// The password.
        password: SecretString,
    },
    /// A client key pair.
    ClientTls {
        /// Certificate chain in PEM.
        certificate_pem: String,
        /// Private key in PEM.
        key_pem: SecretString,
    },
    /// A kubeconfig.
    Kubeconfig(SecretString),
    /// What makes OAuth 2 tokens.
    Oauth2(Box<Source>),
}

impl Credential {
    /// Makes everything secret in it unshowable.
    pub fn register(&self, redactor: &Redactor) {
        match self {
            Self::Aws { secret_access_key, session_token, .. } => {
                redactor.register(secret_access_key.expose_secret());
                if let Some(token) = session_token {
                    redactor.register(token.expose_secret());
                }
            }
            Self::Bearer(token) => redactor.register(token.expose_secret()),
            Self::Basic { user, password } => {
                redactor.register(password.expose_secret());
                redactor.register(&format!("{user}:{}", password.expose_secret()));
            }
            Self::ClientTls { key_pem, .. } => redactor.register(key_pem.expose_secret()),
            Self::Kubeconfig(text) => redactor.register(text.expose_secret()),
            Self::Oauth2(source) => source.register(redactor),
        }
    }
}

/// Why a slot gives nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("slot `{slot}`: {reason}")]
pub struct CredentialError {
    /// The slot.
    pub slot: String,
    /// What is missing. Shown to operators and to the plugin, so without any secret.
    pub reason: String,
}

/// Resolves slots: from the environment, a profile, a secret store, a token service.
#[async_trait]
pub trait Credentials: Send + Sync {
    /// Returns what a slot holds now.
    ///
    /// # Errors
    ///
    /// [`CredentialError`] if there is nothing usable.
    async fn resolve(&self, plugin: &str, slot: &str) -> Result<Credential, CredentialError>;
}

/// No credentials at all.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoCredentials;

#[async_trait]
impl Credentials for NoCredentials {
    async fn resolve(&self, _plugin: &str, slot: &str) -> Result<Credential, CredentialError> {
        Err(CredentialError { slot: slot.into(), reason: "no credential is bound to it".into() })
    }
}
