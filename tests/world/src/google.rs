//! Google's cloud, as far as terraform's backend, a program's sign-in and a look at a project go: an issuer of tokens, a bucket, and what
//! APIs say of one project. All else of it is a folder, behind a stand-in of terraform's provider.

mod assertion;
mod bucket;
mod exchanges;

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use url::form_urlencoded;

use crate::WorldError;
use bucket::Bucket;
use exchanges::Exchanges;

const WHAT: &str = "Google";

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
/// the interface of Cloud Storage for one bucket; nobody is answered without such a token.
pub struct Google {
    url: String,
    known: Arc<Known>,
    _server: JoinSet<()>,
}

struct Known {
    account: ServiceAccount,
    audience: String,
    issued: Mutex<Issued>,
    bucket: Mutex<Bucket>,
    exchanges: Mutex<Exchanges>,
}

#[derive(Default)]
struct Issued {
    lifetime: Duration,
    until: HashMap<String, Instant>,
    n_refused: usize,
}

impl Google {
    /// Starts it on a free port, with an account and an empty bucket. Its tokens are good for so long.
    ///
    /// # Errors
    ///
    /// If there is no free port.
    pub async fn start(account: ServiceAccount, bucket: &str, lifetime: Duration) -> Result<Self, WorldError> {
        let listen = |err| WorldError::Listen { what: WHAT, address: "127.0.0.1".to_owned(), err };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(listen)?;
        let url = format!("http://{}", listener.local_addr().map_err(listen)?);
        let issued = Mutex::new(Issued { lifetime, ..Issued::default() });
        let bucket = Mutex::new(Bucket::new(bucket));
        let exchanges = Mutex::new(Exchanges::new());
        let known = Arc::new(Known { account, audience: format!("{url}/token"), issued, bucket, exchanges });
        let router = Router::new().fallback(answer).with_state(Arc::clone(&known));
        let mut server = JoinSet::new();
        server.spawn(async move {
            if let Err(err) = axum::serve(listener, router).await {
                tracing::warn!(%err, "Google ended");
            }
        });
        Ok(Self { url, known, _server: server })
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
            "{{ compute = \"{url}/compute/v1/\", container = \"{url}/v1/\", dns = \"{url}/dns/v1/\", resource_manager = \
             \"{url}/v3/\", service_usage = \"{url}/v1/\" }}"
        )
    }

    /// Answers a request, named by its method and path, in another way from now on.
    pub fn answer(&self, asked: &str, status: u16, body: Value) {
        self.known.exchanges().set(asked, status, body);
    }

    /// The account has not this permission from now on.
    pub fn deny(&self, permission: &str) {
        self.known.exchanges().deny(permission);
    }

    /// Takes every token back that was given, as when a session is revoked, and gives none that is good any more.
    pub fn revoke(&self) {
        let mut issued = self.known.issued();
        issued.lifetime = Duration::ZERO;
        for until in issued.until.values_mut() {
            *until = Instant::now();
        }
    }

    /// Where a token can be shown.
    #[must_use]
    pub fn check(&self) -> String {
        format!("{}/check", self.url)
    }

    /// Every token that was given, good or not any more.
    #[must_use]
    pub fn tokens(&self) -> Vec<String> {
        self.known.issued().until.keys().cloned().collect()
    }

    /// A token for who has no way to sign in, as a person copies one.
    #[must_use]
    pub fn copied_token(&self) -> String {
        self.known.issued().give().0
    }

    /// How many calls came without a token that was good.
    #[must_use]
    pub fn n_refused(&self) -> usize {
        self.known.issued().n_refused
    }

    /// An object of the bucket.
    #[must_use]
    pub fn object(&self, name: &str) -> Option<Vec<u8>> {
        self.known.bucket().object(name)
    }
}

impl Known {
    fn issued(&self) -> std::sync::MutexGuard<'_, Issued> {
        self.issued.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn bucket(&self) -> std::sync::MutexGuard<'_, Bucket> {
        self.bucket.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn exchanges(&self) -> std::sync::MutexGuard<'_, Exchanges> {
        self.exchanges.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn token(&self, body: &[u8]) -> Response {
        let field = |wanted: &str| {
            let mut fields = form_urlencoded::parse(body).filter(|(name, _)| name == wanted);
            fields.next().map(|(_, value)| value.into_owned()).unwrap_or_default()
        };
        let refused = |error: &str, said: &str| {
            (StatusCode::BAD_REQUEST, Json(json!({ "error": error, "error_description": said }))).into_response()
        };
        if field("grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer" {
            return refused("unsupported_grant_type", "Invalid grant_type");
        }
        if let Err(said) = assertion::check(&field("assertion"), &self.account, &self.audience) {
            return refused("invalid_grant", said);
        }
        let (token, expires_in) = self.issued().give();
        Json(json!({ "access_token": token, "expires_in": expires_in, "token_type": "Bearer" })).into_response()
    }

    fn lets_in(&self, headers: &HeaderMap) -> bool {
        let shown = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
        let mut issued = self.issued();
        let is_good = shown.is_some_and(|token| issued.until.get(token).is_some_and(|until| *until > Instant::now()));
        issued.n_refused += usize::from(!is_good);
        is_good
    }
}

impl Issued {
    fn give(&mut self) -> (String, u64) {
        let token = format!("ya29.token-of-google-number-{}", self.until.len());
        self.until.insert(token.clone(), Instant::now() + self.lifetime);
        // Issuers say of none that it is over already.
        (token, self.lifetime.as_secs().max(1))
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
    if !known.lets_in(&headers) {
        return (StatusCode::UNAUTHORIZED, Json(unauthenticated())).into_response();
    }
    if uri.path() == "/check" {
        return StatusCode::OK.into_response();
    }
    let said = known.exchanges().answer(&method, &uri, &body);
    said.unwrap_or_else(|| known.bucket().answer(&method, &uri, &headers, &body))
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
