//! Credential slots: where the operator keeps what plugins ask for by name.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use hangar_config::{Credential, CredentialValue, Environment, SlotName};
use hangar_runtime::oauth::{Source, Wanted};
use hangar_runtime::{Credential as Held, CredentialError, Credentials};
use secrecy::SecretString;

use crate::oauth;

/// The `credential` blocks of a workspace.
pub(crate) struct Slots {
    pub(crate) credentials: BTreeMap<SlotName, Credential>,
    pub(crate) environment: Arc<Environment>,
}

impl Slots {
    /// Reads what a slot holds now.
    pub(crate) fn read(&self, slot: &str) -> Result<CredentialValue, CredentialError> {
        let failed = |reason: String| CredentialError { slot: slot.into(), reason };
        let bound = self.credentials.iter().find(|(name, _)| name.as_str() == slot);
        let (_, credential) = bound.ok_or_else(|| {
            failed(format!("nothing is bound to it: add a block `credential \"{slot}\" {{ .. }}` to hangar.hcl"))
        })?;
        credential.read(&self.environment).map_err(|err| failed(err.to_string()))
    }

    /// Makes an OAuth 2 token of what a slot holds.
    pub(crate) async fn token(&self, slot: &str, wanted: &Wanted) -> Result<SecretString, CredentialError> {
        let source = token_source(slot, self.read(slot)?)?;
        source.token(wanted).await.map_err(|err| CredentialError { slot: slot.into(), reason: err.to_string() })
    }
}

fn token_source(slot: &str, value: CredentialValue) -> Result<Source, CredentialError> {
    let failed = |reason: String| CredentialError { slot: slot.into(), reason };
    let source = oauth::source(value).map_err(|err| failed(err.to_string()))?;
    source.ok_or_else(|| failed("it holds nothing that makes OAuth 2 tokens".into()))
}

#[async_trait]
impl Credentials for Slots {
    async fn resolve(&self, _plugin: &str, slot: &str) -> Result<Held, CredentialError> {
        Ok(match self.read(slot)? {
            CredentialValue::Bearer(token) => Held::Bearer(token),
            CredentialValue::Basic { username, password } => Held::Basic { user: username, password },
            CredentialValue::Aws { access_key_id, secret_access_key, session_token } => {
                Held::Aws { access_key_id, secret_access_key, session_token }
            }
            CredentialValue::ClientTls { certificate, key } => {
                Held::ClientTls { certificate_pem: certificate, key_pem: key }
            }
            CredentialValue::Kubeconfig { text, .. } => Held::Kubeconfig(text),
            value @ (CredentialValue::Google(_) | CredentialValue::Azure(_) | CredentialValue::Oauth2 { .. }) => {
                Held::Oauth2(Box::new(token_source(slot, value)?))
            }
        })
    }
}
