//! The cloud of Azure, as far as a program's sign-in and a look at a subscription go: Entra, which gives tokens, and what the
//! management API says. All else of it is a folder, behind a stand-in of terraform's provider.

mod principal;
mod proof;
mod refusal;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, Uri};
use axum::response::{IntoResponse as _, Response};
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use url::form_urlencoded;

use crate::WorldError;
use crate::bearers::{Bearers, Shown};
use crate::delegations::Delegations;
use crate::exchanges::Exchanges;
use crate::loopback;
pub use principal::{Federation, Principal};
use refusal::Refusal;

/// Application id of "Azure Kubernetes Service AAD Server", for which every token of a cluster is.
const SERVER: &str = "6dae42f8-4368-4678-94ff-3960e28e3630";
/// The management API of everybody else, for which anybody has a token.
const MANAGEMENT: &str = "https://management.azure.com";
const WHAT: &str = "Azure";
const EXCHANGES: &str = include_str!("azure/exchanges.json");

/// Azure on a loopback address, which ends when this is dropped.
///
/// Entra knows one principal and the client credentials grant (RFC 6749 section 4.4), is as strict as the real one, and gives one token
/// after another for a management API, or the token of one cluster. Everything else is what the management API says of the
/// subscription `00000000-0000-0000-0000-000000000001`; nobody is answered without a token that Entra has given for it and that
/// is still good. `/resolve` is what the world's DNS says, to anybody.
pub struct Azure {
    url: String,
    known: Arc<Known>,
    _server: JoinSet<()>,
}

struct Known {
    principal: Principal,
    url: String,
    token_file: Option<PathBuf>,
    kept: Mutex<Kept>,
}

/// What changes while it runs.
struct Kept {
    bearers: Bearers,
    exchanges: Exchanges,
    delegations: Delegations,
    /// Ids of the assertions that were shown.
    shown: HashSet<String>,
    is_secret_over: bool,
}

impl Azure {
    /// Starts it on a free port. Its tokens are good for so long; a cluster's is read anew from the file for each request.
    ///
    /// # Errors
    ///
    /// If there is no free port.
    pub async fn start(
        principal: Principal,
        token_file: Option<&Path>,
        lifetime: Duration,
    ) -> Result<Self, WorldError> {
        let (listener, url) = loopback::listen(WHAT).await?;
        let known = Arc::new(Known::new(principal, &url, token_file, lifetime));
        let router = Router::new().fallback(answer).with_state(Arc::clone(&known));
        Ok(Self { url, known, _server: loopback::serve(WHAT, listener, router) })
    }

    /// The URL below which the tenants are.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.url
    }

    /// What a block of the plugin for Azure takes as `endpoints`.
    #[must_use]
    pub fn endpoints(&self) -> String {
        let url = &self.url;
        format!("{{ management = \"{url}\", resolver = \"{url}{}\" }}", Delegations::PATH)
    }

    /// Answers a request, named by its method, path and query, in another way from now on.
    pub fn answer(&self, asked: &str, status: u16, body: Value) {
        self.known.kept().exchanges.set(asked, status, body);
    }

    /// The parent of a zone names these servers for it from now on.
    pub fn delegate(&self, zone: &str, servers: &[&str]) {
        self.known.kept().delegations.set(zone, servers);
    }

    /// The client's secret is over from now on.
    pub fn expire_secret(&self) {
        self.known.kept().is_secret_over = true;
    }

    /// Takes every token back that was given, as when a session is revoked, and gives none that is good any more.
    pub fn revoke(&self) {
        self.known.kept().bearers.revoke();
    }

    /// Every token that was given for a management API, good or not any more.
    #[must_use]
    pub fn tokens(&self) -> Vec<String> {
        self.known.kept().bearers.tokens()
    }

    /// How many calls of the management API came without a token that was good.
    #[must_use]
    pub fn n_refused(&self) -> usize {
        self.known.kept().bearers.n_refused()
    }
}

impl Known {
    fn new(principal: Principal, url: &str, token_file: Option<&Path>, lifetime: Duration) -> Self {
        let kept = Kept {
            bearers: Bearers::new("token-of-entra", lifetime),
            exchanges: Exchanges::of(EXCHANGES),
            delegations: Delegations::default(),
            shown: HashSet::new(),
            is_secret_over: false,
        };
        Self { principal, url: url.to_owned(), token_file: token_file.map(Path::to_owned), kept: Mutex::new(kept) }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A token and how many seconds it is good for.
    fn token(&self, tenant: &str, form: &[u8]) -> Result<(String, u64), Refusal> {
        let field = |wanted| loopback::field(form, wanted);
        if tenant != self.principal.tenant {
            return Err(Refusal::request(90002, format!("Tenant '{tenant}' not found.")));
        }
        let (grant, client, scope) = (field("grant_type"), field("client_id"), field("scope"));
        if grant != "client_credentials" {
            return Err(Refusal::grant(70003, format!("The app requested an unsupported grant type '{grant}'.")));
        }
        if client != self.principal.client {
            let said = format!("Application with identifier '{client}' was not found in the directory.");
            return Err(Refusal::unauthorized(700_016, said));
        }
        self.prove(form)?;
        let Some(resource) = scope.strip_suffix("/.default") else {
            return Err(Refusal::scope(1_002_012, format!("The provided value for scope {scope} is not valid.")));
        };
        match (resource, &self.token_file) {
            (SERVER, Some(file)) => {
                let token = std::fs::read_to_string(file).map_err(|err| Refusal::server(&err))?;
                Ok((token.trim().to_owned(), 3599))
            }
            (resource, _) if resource == self.url || resource == MANAGEMENT => Ok(self.kept().bearers.give(resource)),
            (resource, _) => {
                let said = format!("The resource principal named {resource} was not found in the tenant.");
                Err(Refusal::resource(500_011, said))
            }
        }
    }

    fn manage(&self, method: &Method, uri: &Uri, headers: &HeaderMap) -> Response {
        let mut kept = self.kept();
        match kept.bearers.look(headers, &self.url) {
            Shown::Good => {}
            shown => return refusal::unauthenticated(&shown),
        }
        let query: Vec<String> = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes())
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        if !query.iter().any(|part| part.starts_with("api-version=")) {
            return refusal::without_version();
        }
        let asked = format!("{method} {}?{}", uri.path(), query.join("&"));
        kept.exchanges.answer(&asked).unwrap_or_else(|| refusal::not_found(uri.path()))
    }
}

async fn answer(
    State(known): State<Arc<Known>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    form: Bytes,
) -> Response {
    if uri.path() == Delegations::PATH {
        return known.kept().delegations.answer(&uri, &headers);
    }
    let tenant = uri.path().strip_prefix('/').and_then(|rest| rest.strip_suffix("/oauth2/v2.0/token"));
    let Some(tenant) = tenant.filter(|_| method == Method::POST) else {
        return known.manage(&method, &uri, &headers);
    };
    match known.token(tenant, &form) {
        Ok((token, expires_in)) => Json(json!({
            "token_type": "Bearer", "expires_in": expires_in, "ext_expires_in": expires_in, "access_token": token,
        }))
        .into_response(),
        Err(refusal) => refusal.into_response(),
    }
}
