//! Google's cloud, as far as terraform's backend, a program's sign-in and a look at a project go: an issuer of tokens, a bucket, and what
//! APIs say of one project. All else of it is a folder, behind a stand-in of terraform's provider.

mod assertion;
mod bucket;
mod permissions;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::WorldError;
use crate::bearers::{Bearers, Shown};
use crate::delegations::Delegations;
use crate::exchanges::Exchanges;
use crate::loopback;
use bucket::Bucket;
use permissions::Permissions;

const WHAT: &str = "Google";
const EXCHANGES: &str = include_str!("google/exchanges.json");
/// Whom its tokens are for: one is as good as another for all of its APIs.
const APIS: &str = "googleapis.com";

/// A service account, and what its key is known by.
#[derive(Debug, Clone)]
pub struct ServiceAccount {
    /// Its address of e-mail.
    pub email: String,
    /// Id of its key.
    pub key_id: String,
    /// The key, RSA in PEM. Google keeps the public half alone; here that is made of it.
    pub key_pem: String,
}

/// Google on a loopback address, which ends when this is dropped.
///
/// `/token` gives one token after another to who shows an assertion that the account's key has signed (RFC 7523 section 2.1).
/// `/check` answers 200 to a token that is still good. Everything else is what the APIs of Google say of the project `dss-prod`, and
/// the interface of Cloud Storage for one bucket; nobody is answered without such a token. `/resolve` is what the world's DNS says, to
/// anybody.
pub struct Google {
    url: String,
    known: Arc<Known>,
    _server: JoinSet<()>,
}

struct Known {
    account: ServiceAccount,
    audience: String,
    kept: Mutex<Kept>,
}

/// What changes while it runs.
struct Kept {
    bearers: Bearers,
    bucket: Bucket,
    exchanges: Exchanges,
    permissions: Permissions,
    delegations: Delegations,
}

impl Google {
    /// Starts it on a free port, with an account and an empty bucket. Its tokens are good for so long.
    ///
    /// # Errors
    ///
    /// If there is no free port.
    pub async fn start(account: ServiceAccount, bucket: &str, lifetime: Duration) -> Result<Self, WorldError> {
        let (listener, url) = loopback::listen(WHAT).await?;
        let kept = Kept {
            bearers: Bearers::new("ya29.token-of-google", lifetime),
            bucket: Bucket::new(bucket),
            exchanges: Exchanges::of(EXCHANGES),
            permissions: Permissions::default(),
            delegations: Delegations::default(),
        };
        let known = Arc::new(Known { account, audience: format!("{url}/token"), kept: Mutex::new(kept) });
        let router = Router::new().fallback(answer).with_state(Arc::clone(&known));
        Ok(Self { url, known, _server: loopback::serve(WHAT, listener, router) })
    }

    /// The account's key file, as Google's console gives it.
    #[must_use]
    pub fn key_file(&self) -> String {
        let ServiceAccount { email, key_id, key_pem } = &self.known.account;
        let file = json!({
            "type": "service_account", "project_id": "dss-prod", "private_key_id": key_id, "private_key": key_pem,
            "client_email": email, "token_uri": self.known.audience,
        });
        file.to_string()
    }

    /// What the backend `gcs` takes as `storage_custom_endpoint`.
    #[must_use]
    pub fn storage(&self) -> String {
        format!("{}/storage/v1/", self.url)
    }

    /// What a block of the plugin for Google Cloud takes as `endpoints`.
    #[must_use]
    pub fn endpoints(&self) -> String {
        let url = &self.url;
        format!(
            "{{ compute = \"{url}/compute/v1/\", container = \"{url}/v1/\", dns = \"{url}/dns/v1/\", resolver = \"{url}{}\", \
             resource_manager = \"{url}/v3/\", service_usage = \"{url}/v1/\" }}",
            Delegations::PATH,
        )
    }

    /// Answers a request, named by its method and path, in another way from now on.
    pub fn answer(&self, asked: &str, status: u16, body: Value) {
        self.known.kept().exchanges.set(asked, status, body);
    }

    /// The account has not this permission from now on.
    pub fn deny(&self, permission: &str) {
        self.known.kept().permissions.deny(permission);
    }

    /// The parent of a zone names these servers for it from now on.
    pub fn delegate(&self, zone: &str, servers: &[&str]) {
        self.known.kept().delegations.set(zone, servers);
    }

    /// Takes every token back that was given, as when a session is revoked, and gives none that is good any more.
    pub fn revoke(&self) {
        self.known.kept().bearers.revoke();
    }

    /// Where a token can be shown.
    #[must_use]
    pub fn check(&self) -> String {
        format!("{}/check", self.url)
    }

    /// Every token that was given, good or not any more.
    #[must_use]
    pub fn tokens(&self) -> Vec<String> {
        self.known.kept().bearers.tokens()
    }

    /// A token for who has no way to sign in, as a person copies one.
    #[must_use]
    pub fn copied_token(&self) -> String {
        self.known.kept().bearers.give(APIS).0
    }

    /// How many calls came without a token that was good.
    #[must_use]
    pub fn n_refused(&self) -> usize {
        self.known.kept().bearers.n_refused()
    }

    /// An object of the bucket.
    #[must_use]
    pub fn object(&self, name: &str) -> Option<Vec<u8>> {
        self.known.kept().bucket.object(name)
    }
}

impl Known {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn token(&self, body: &[u8]) -> Response {
        let refused = |error: &str, said: &str| {
            (StatusCode::BAD_REQUEST, Json(json!({ "error": error, "error_description": said }))).into_response()
        };
        if loopback::field(body, "grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer" {
            return refused("unsupported_grant_type", "Invalid grant_type");
        }
        if let Err(said) = assertion::check(&loopback::field(body, "assertion"), &self.account, &self.audience) {
            return refused("invalid_grant", said);
        }
        let (token, expires_in) = self.kept().bearers.give(APIS);
        Json(json!({ "access_token": token, "expires_in": expires_in, "token_type": "Bearer" })).into_response()
    }
}

async fn answer(
    State(known): State<Arc<Known>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if uri.path() == "/token" && method == Method::POST {
        return known.token(&body);
    }
    let mut kept = known.kept();
    if uri.path() == Delegations::PATH {
        return kept.delegations.answer(&uri, &headers);
    }
    if kept.bearers.look(&headers, APIS) != Shown::Good {
        return (StatusCode::UNAUTHORIZED, Json(unauthenticated())).into_response();
    }
    let asked = format!("{method} {}", uri.path());
    match asked.as_str() {
        _ if uri.path() == "/check" => StatusCode::OK.into_response(),
        Permissions::ASKED => kept.permissions.answer(&body),
        asked => match kept.exchanges.answer(asked) {
            Some(said) => said,
            None => kept.bucket.answer(&method, &uri, &headers, &body),
        },
    }
}

fn unauthenticated() -> Value {
    let message = "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid \
                   authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project.";
    json!({ "error": {
        "code": 401, "message": message, "status": "UNAUTHENTICATED",
        "errors": [{ "message": "Invalid Credentials", "domain": "global", "reason": "authError", "location": "Authorization",
                     "locationType": "header" }],
    } })
}
