//! Who Entra knows, and by what.

use serde_json::json;

use crate::jwt;

/// A client of a tenant, and what proves it.
#[derive(Clone)]
pub struct Principal {
    /// Id of the tenant.
    pub tenant: String,
    /// Id of the client.
    pub client: String,
    /// Its secret.
    pub secret: String,
    /// Its certificate in PEM and the key of it, if it has one. Entra keeps the certificate alone.
    pub certificate: Option<String>,
    /// Whose tokens are taken for its own, if anybody's are.
    pub federation: Option<Federation>,
}

/// A federated credential of a client: one subject of another issuer.
#[derive(Clone)]
pub struct Federation {
    /// URL of the issuer.
    pub issuer: String,
    /// Whom its tokens are about.
    pub subject: String,
    /// The issuer's key, RSA in PEM. Entra fetches the public half alone.
    pub key_pem: String,
}

impl Principal {
    /// A client that has a secret and nothing else.
    #[must_use]
    pub fn with_secret(tenant: &str, client: &str, secret: &str) -> Self {
        let (tenant, client, secret) = (tenant.to_owned(), client.to_owned(), secret.to_owned());
        Self { tenant, client, secret, certificate: None, federation: None }
    }
}

impl Federation {
    pub(super) const AUDIENCE: &str = "api://AzureADTokenExchange";

    /// A token as the issuer writes it for its subject, which ends in so many seconds.
    #[must_use]
    pub fn token(&self, expires_in_s: u64) -> String {
        let now = jwt::now_s();
        let claims = json!({
            "iss": self.issuer, "sub": self.subject, "aud": [Self::AUDIENCE], "iat": now, "nbf": now,
            "exp": now + expires_in_s,
        });
        jwt::sign(&self.key_pem, jwt::RS256, &json!({ "alg": "RS256", "typ": "JWT", "kid": "k1" }), &claims)
    }
}
