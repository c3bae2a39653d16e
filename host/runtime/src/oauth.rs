//! OAuth 2 access tokens, made by the host.
//!
//! A [`Source`] is what the operator keeps; a [`Wanted`] is what a plugin asks for. Where the token comes from is the source's
//! to say and never the plugin's, so a plugin cannot send a key or an assertion anywhere. Google's credential files and the
//! metadata server are read in [`google`]; a client of Entra or of any other issuer is a [`Source::Client`].

mod assertion;
mod cache;
mod endpoint;
pub mod entra;
pub mod google;
#[cfg(test)]
mod tests;

use std::time::{Duration, SystemTime};

use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use crate::redact::Redactor;
use endpoint::Metadata;

/// The token that a plugin wants.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Wanted {
    /// Space-separated scopes.
    pub scope: String,
    /// Audience, where the issuer wants one.
    pub audience: Option<String>,
    /// Further form parameters of the token request.
    pub parameters: Vec<(String, String)>,
}

impl Wanted {
    /// A token for these space-separated scopes, of whoever the issuer takes for its audience.
    #[must_use]
    pub fn of_scope(scope: &str) -> Self {
        Self { scope: scope.to_owned(), audience: None, parameters: Vec::new() }
    }
}

/// How tokens are come by.
#[derive(Debug, Clone)]
pub enum Source {
    /// A token that somebody else made.
    Fixed(SecretString),
    /// A client of an issuer, by its secret or by an assertion about it (RFC 6749 section 4.4, RFC 7523 section 2.2).
    Client {
        /// Token endpoint.
        token_url: Url,
        /// Client id.
        client_id: String,
        /// How it proves that it is the client.
        proof: ClientProof,
    },
    /// A key that signs an assertion about itself (RFC 7523 section 2.1): a service account of Google.
    Key(ServiceKey),
    /// The long-lived token of a person who signed in (RFC 6749 section 6).
    Refresh {
        /// Token endpoint.
        token_url: Url,
        /// Client that the person signed in with.
        client_id: String,
        /// Its secret, which is none for such clients.
        client_secret: SecretString,
        /// The long-lived token.
        refresh_token: SecretString,
    },
    /// A token of another issuer, exchanged (RFC 8693): workload identity federation.
    Exchange {
        /// Token endpoint.
        token_url: Url,
        /// Audience of the exchange.
        audience: String,
        /// What the other issuer's token is.
        subject_token_type: String,
        /// The other issuer's token.
        subject_token: google::Subject,
    },
    /// The instance or the workload, by its metadata server.
    Metadata {
        /// URL of the token.
        url: Url,
    },
    /// The identity of a machine of Azure, by who knows it.
    AzureMachine {
        /// URL of the token, but for the resource that it is for.
        url: Url,
        /// What proves that the request comes from beside it; the metadata server of instances wants none.
        header: Option<SecretString>,
    },
    /// A service account of Google in whose place the other source stands.
    Impersonated {
        /// `…:generateAccessToken` of the account.
        url: Url,
        /// Who asks for it.
        by: Box<Source>,
    },
}

/// How a client proves who it is.
#[derive(Debug, Clone)]
pub enum ClientProof {
    /// A shared secret.
    Secret(SecretString),
    /// An assertion that another issuer signed: a federated token.
    Assertion(SecretString),
    /// A certificate and its RSA key in PEM, which signs an assertion of its own (RFC 7523 section 2.2).
    Certificate(SecretString),
}

/// The key of a service account.
#[derive(Debug, Clone)]
pub struct ServiceKey {
    /// Token endpoint, which is the assertion's audience too.
    pub token_url: Url,
    /// Who the key belongs to.
    pub issuer: String,
    /// Which of its keys.
    pub key_id: Option<String>,
    /// The RSA key in PEM.
    pub private_key_pem: SecretString,
}

/// Why there is no token. Never carries a secret.
#[derive(Debug, thiserror::Error)]
pub enum OauthError {
    /// The credential file cannot be understood.
    #[error("the credential file {0}")]
    File(String),
    /// The key does not sign.
    #[error("the private key of `{issuer}` {reason}")]
    Key { issuer: String, reason: String },
    /// The endpoint cannot be used.
    #[error("the token endpoint `{url}` {reason}")]
    Endpoint { url: String, reason: String },
    /// The endpoint says no.
    #[error("the token endpoint `{url}` refuses ({status} {code}): {description}; {cure}")]
    Refused { url: String, status: u16, code: String, description: String, cure: &'static str },
    /// A parameter that only the host may send.
    #[error("a plugin may not set the token parameter `{0}`")]
    Parameter(String),
}

/// An access token and how long it is good for.
#[derive(Debug, Clone)]
pub(crate) struct Token {
    pub(crate) text: SecretString,
    pub(crate) expires_s: u64,
}

/// What the grant types above send: a plugin that sets one of these would be another client.
const RESERVED: [&str; 12] = [
    "grant_type",
    "assertion",
    "client_id",
    "client_secret",
    "client_assertion",
    "client_assertion_type",
    "refresh_token",
    "subject_token",
    "subject_token_type",
    "requested_token_type",
    "scope",
    "audience",
];

impl Source {
    /// Returns a token, one of before while it is good for another minute.
    ///
    /// # Errors
    ///
    /// [`OauthError`], which says what to do where the endpoint's answer tells.
    pub async fn token(&self, wanted: &Wanted) -> Result<SecretString, OauthError> {
        self.token_until(wanted).await.map(|(token, _)| token)
    }

    /// As [`Source::token`], and until when the token is good, where that was said.
    ///
    /// # Errors
    ///
    /// As [`Source::token`].
    pub async fn token_until(&self, wanted: &Wanted) -> Result<(SecretString, Option<SystemTime>), OauthError> {
        self.token_good_for(wanted, cache::MARGIN).await
    }

    /// As [`Source::token_until`], but one of before only if it has at least this long left, or no other is to be had. The issuer
    /// may give one with less.
    ///
    /// # Errors
    ///
    /// As [`Source::token`].
    pub async fn token_good_for(
        &self,
        wanted: &Wanted,
        least: Duration,
    ) -> Result<(SecretString, Option<SystemTime>), OauthError> {
        if let Some((name, _)) = wanted.parameters.iter().find(|(name, _)| RESERVED.contains(&name.as_str())) {
            return Err(OauthError::Parameter(name.clone()));
        }
        let key = cache::key(self, wanted);
        let known = cache::get(&key).map(|(token, expires)| (token, Some(expires)));
        if let Some(fresh) = known.clone().filter(|(_, until)| *until > Some(SystemTime::now() + least)) {
            return Ok(fresh);
        }
        let token = match (self.fetch(wanted).await, known) {
            (Ok(token), _) => token,
            (Err(_), Some(known)) => return Ok(known),
            (Err(err), None) => return Err(err),
        };
        let lifetime = Duration::from_secs(token.expires_s.min(24 * 3600));
        let expires = (!lifetime.is_zero()).then(|| SystemTime::now() + lifetime);
        if let Some(expires) = expires {
            cache::put(key, token.text.clone(), expires);
        }
        Ok((token.text, expires))
    }

    /// Makes everything secret in it unshowable.
    pub fn register(&self, redactor: &Redactor) {
        match self {
            Self::Fixed(token) => redactor.register(token.expose_secret()),
            Self::Client { proof, .. } => {
                let (ClientProof::Secret(secret) | ClientProof::Assertion(secret) | ClientProof::Certificate(secret)) =
                    proof;
                redactor.register(secret.expose_secret());
            }
            Self::Key(key) => redactor.register(key.private_key_pem.expose_secret()),
            Self::Refresh { client_secret, refresh_token, .. } => {
                redactor.register(client_secret.expose_secret());
                redactor.register(refresh_token.expose_secret());
            }
            Self::Exchange { subject_token, .. } => subject_token.register(redactor),
            Self::Metadata { .. } => {}
            Self::AzureMachine { header, .. } => {
                if let Some(header) = header {
                    redactor.register(header.expose_secret());
                }
            }
            Self::Impersonated { by, .. } => by.register(redactor),
        }
    }

    async fn fetch(&self, wanted: &Wanted) -> Result<Token, OauthError> {
        match self {
            Self::Fixed(token) => Ok(Token { text: token.clone(), expires_s: 0 }),
            Self::Client { token_url, client_id, proof } => {
                let own;
                let (secret, assertion) = match proof {
                    ClientProof::Secret(secret) => (Some(secret), None),
                    ClientProof::Assertion(token) => (None, Some(token)),
                    ClientProof::Certificate(pem) => {
                        own = assertion::of_client(pem, client_id, token_url, assertion::LIFETIME)?;
                        (None, Some(&own))
                    }
                };
                let mut form = vec![("grant_type", "client_credentials"), ("client_id", client_id)];
                form.extend(secret.map(|secret| ("client_secret", secret.expose_secret())));
                if let Some(assertion) = assertion {
                    let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
                    form.extend([("client_assertion_type", kind), ("client_assertion", assertion.expose_secret())]);
                }
                form.extend(asked(wanted));
                endpoint::post(token_url, &form).await
            }
            Self::Key(key) => {
                let assertion = assertion::of_service(key, &wanted.scope)?;
                let mut form = vec![
                    ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
                    ("assertion", assertion.expose_secret()),
                ];
                form.extend(wanted.parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())));
                endpoint::post(&key.token_url, &form).await
            }
            Self::Refresh { token_url, client_id, client_secret, refresh_token } => {
                let mut form = vec![
                    ("grant_type", "refresh_token"),
                    ("client_id", client_id),
                    ("client_secret", client_secret.expose_secret()),
                    ("refresh_token", refresh_token.expose_secret()),
                ];
                form.extend(asked(wanted));
                endpoint::post(token_url, &form).await
            }
            Self::Exchange { token_url, audience, subject_token_type, subject_token } => {
                let subject = subject_token.read().await?;
                let form = [
                    ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
                    ("requested_token_type", "urn:ietf:params:oauth:token-type:access_token"),
                    ("audience", audience),
                    ("subject_token_type", subject_token_type),
                    ("subject_token", subject.expose_secret()),
                    ("scope", &wanted.scope),
                ];
                endpoint::post(token_url, &form).await
            }
            Self::Metadata { url } => {
                let mut url = url.clone();
                url.query_pairs_mut().append_pair("scopes", &wanted.scope.replace(' ', ","));
                endpoint::metadata(&url, Metadata::Google).await
            }
            Self::AzureMachine { url, header } => entra::of_machine(url, header.as_ref(), &wanted.scope).await,
            Self::Impersonated { url, by } => {
                let token = Box::pin(by.token(&Wanted::of_scope(google::CLOUD_PLATFORM))).await?;
                endpoint::impersonate(url, &token, &wanted.scope).await
            }
        }
    }
}

fn asked(wanted: &Wanted) -> impl Iterator<Item = (&str, &str)> {
    let scope = (!wanted.scope.is_empty()).then_some(("scope", wanted.scope.as_str()));
    let audience = wanted.audience.as_deref().map(|audience| ("audience", audience));
    let parameters = wanted.parameters.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    scope.into_iter().chain(audience).chain(parameters)
}
