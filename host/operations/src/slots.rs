//! Credential slots: where the operator keeps what plugins ask for by name.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use hangar_config::{AwsValue, Credential, CredentialValue, Environment, SlotName};
use hangar_runtime::oauth::{OauthError, Source, Wanted};
use hangar_runtime::{Credential as Held, CredentialError, Credentials, Redactor};
use secrecy::{ExposeSecret as _, SecretString};

use crate::aws::{AwsKeys, Keyring};
use crate::oauth;

/// The `credential` blocks of a workspace.
pub(crate) struct Slots {
    pub(crate) credentials: BTreeMap<SlotName, Credential>,
    pub(crate) environment: Arc<Environment>,
    /// What AWS's own library has found before.
    pub(crate) keyring: Arc<Keyring>,
    /// Whatever leaves here is shown nowhere.
    pub(crate) redactor: Redactor,
}

impl Slots {
    /// Reads what a slot holds now.
    pub(crate) fn read(&self, slot: &str) -> Result<CredentialValue, CredentialError> {
        let bound = self.credentials.iter().find(|(name, _)| name.as_str() == slot);
        let (_, credential) = bound.ok_or_else(|| {
            let cure = format!("add a block `credential \"{slot}\" {{ .. }}` to hangar.hcl");
            failed(slot, format!("nothing is bound to it: {cure}"))
        })?;
        let value = credential.read(&self.environment).map_err(|err| failed(slot, err.to_string()))?;
        // One that nobody can make a token of is refused where it is used.
        if let Ok(held) = held(slot, value.clone()) {
            held.register(&self.redactor);
        }
        Ok(value)
    }

    /// Returns keys of AWS that are good for some minutes, made of what a slot holds.
    pub(crate) async fn aws_keys(&self, slot: &str) -> Result<AwsKeys, CredentialError> {
        let CredentialValue::Aws(value) = self.read(slot)? else {
            return Err(failed(slot, "it does not hold an AWS key".into()));
        };
        self.keys_of(slot, value).await
    }

    async fn keys_of(&self, slot: &str, value: AwsValue) -> Result<AwsKeys, CredentialError> {
        let keys = match value {
            AwsValue::Keys { access_key_id, secret_access_key, session_token } => {
                let link = "the environment".into();
                AwsKeys { access_key_id, secret_access_key, session_token, link, expires: None }
            }
            AwsValue::Chain(chain) => self.keyring.keys(&chain).await.map_err(|err| failed(slot, err.words()))?,
        };
        keys.register(&self.redactor);
        Ok(keys)
    }

    /// Makes an OAuth 2 token of what a slot holds.
    pub(crate) async fn token(&self, slot: &str, wanted: &Wanted) -> Result<SecretString, CredentialError> {
        self.token_until(slot, wanted).await.map(|(token, _)| token)
    }

    /// The same, and until when it is good, where that was said.
    pub(crate) async fn token_until(
        &self,
        slot: &str,
        wanted: &Wanted,
    ) -> Result<(SecretString, Option<SystemTime>), CredentialError> {
        let source = token_source(slot, self.read(slot)?)?;
        self.made(slot, source.token_until(wanted).await)
    }

    /// The same, with at least this long left wherever the issuer gives such.
    pub(crate) async fn token_good_for(
        &self,
        slot: &str,
        wanted: &Wanted,
        least: Duration,
    ) -> Result<(SecretString, Option<SystemTime>), CredentialError> {
        let source = token_source(slot, self.read(slot)?)?;
        self.made(slot, source.token_good_for(wanted, least).await)
    }

    fn made(
        &self,
        slot: &str,
        token: Result<(SecretString, Option<SystemTime>), OauthError>,
    ) -> Result<(SecretString, Option<SystemTime>), CredentialError> {
        let token = token.map_err(|err| failed(slot, err.to_string()))?;
        self.redactor.register(token.0.expose_secret());
        Ok(token)
    }
}

fn failed(slot: &str, reason: String) -> CredentialError {
    CredentialError { slot: slot.into(), reason }
}

fn token_source(slot: &str, value: CredentialValue) -> Result<Source, CredentialError> {
    let source = oauth::source(value).map_err(|err| failed(slot, err.to_string()))?;
    source.ok_or_else(|| failed(slot, "it holds nothing that makes OAuth 2 tokens".into()))
}

#[async_trait]
impl Credentials for Slots {
    async fn resolve(&self, _plugin: &str, slot: &str) -> Result<Held, CredentialError> {
        match self.read(slot)? {
            CredentialValue::Aws(value) => {
                let AwsKeys { access_key_id, secret_access_key, session_token, .. } = self.keys_of(slot, value).await?;
                Ok(Held::Aws { access_key_id, secret_access_key, session_token })
            }
            value => held(slot, value),
        }
    }
}

/// As the runtime wants it, of what needs nobody to be asked.
fn held(slot: &str, value: CredentialValue) -> Result<Held, CredentialError> {
    Ok(match value {
        CredentialValue::Bearer(token) => Held::Bearer(token),
        CredentialValue::Basic { username, password } => Held::Basic { user: username, password },
        CredentialValue::Aws(AwsValue::Keys { access_key_id, secret_access_key, session_token }) => {
            Held::Aws { access_key_id, secret_access_key, session_token }
        }
        CredentialValue::Aws(AwsValue::Chain(_)) => {
            return Err(failed(slot, "AWS's own library has to follow it".into()));
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

#[cfg(test)]
mod tests {
    use hangar_config::{ClientProof, SecretFrom};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    fn slots(credential: Credential) -> Slots {
        let variables = [("HOME", "/nowhere"), ("SECRET", "the-clients-own-secret")];
        Slots {
            credentials: [("cloud".parse().expect("a slot's name"), credential)].into(),
            environment: Arc::new(Environment::from_variables(variables).expect("an environment")),
            keyring: Arc::default(),
            redactor: Redactor::default(),
        }
    }

    /// An issuer that gives one token and is gone.
    async fn issuer(token: &'static str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}/token", listener.local_addr().expect("an address"));
        tokio::spawn(async move {
            let (mut caller, _) = listener.accept().await.expect("a caller");
            let (mut asked, mut part) = (String::new(), [0; 1024]);
            while !asked.contains("client_secret=") {
                let n = caller.read(&mut part).await.expect("a request");
                asked.push_str(&String::from_utf8_lossy(&part[..n]));
            }
            let body = format!(r#"{{"access_token":"{token}","expires_in":3600}}"#);
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
            caller.write_all((head + &body).as_bytes()).await.expect("the caller listens");
        });
        url
    }

    #[tokio::test]
    async fn a_token_that_was_just_made_is_shown_nowhere_and_neither_is_what_made_it() {
        drop(rustls::crypto::ring::default_provider().install_default());
        let token_url = issuer("ya29.made-a-moment-ago").await.parse().expect("a URL");
        let proof = ClientProof::Secret(SecretFrom::Variable("SECRET".into()));
        let slots = slots(Credential::Oauth2 { token_url, client_id: "c".into(), proof });
        let wanted = Wanted::of_scope("all");
        let token = slots.token("cloud", &wanted).await.expect("a token");
        assert_eq!(token.expose_secret(), "ya29.made-a-moment-ago");
        let said = "Error 401: ya29.made-a-moment-ago of the-clients-own-secret is not good";
        assert_eq!(slots.redactor.redact(said), "Error 401: [redacted] of [redacted] is not good");
    }

    #[test]
    fn what_terraform_is_given_is_shown_nowhere() {
        let slots = slots(Credential::Bearer(SecretFrom::Variable("SECRET".into())));
        slots.read("cloud").expect("it is there");
        assert_eq!(slots.redactor.redact("the-clients-own-secret"), "[redacted]");
    }
}
