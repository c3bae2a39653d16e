//! The cloud of Azure: Entra, which gives tokens. All else of it is a folder, behind a stand-in of terraform's provider.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use url::form_urlencoded;

use crate::WorldError;

/// Application id of "Azure Kubernetes Service AAD Server", for which every token of a cluster is.
const SERVER: &str = "6dae42f8-4368-4678-94ff-3960e28e3630";
const WHAT: &str = "Entra";

/// A client of a tenant, and what proves it.
#[derive(Clone)]
pub struct Principal {
    /// Id of the tenant.
    pub tenant: String,
    /// Id of the client.
    pub client: String,
    /// Its secret.
    pub secret: String,
}

/// Entra on a loopback address, which ends when this is dropped.
///
/// It knows one principal and the client credentials grant (RFC 6749 section 4.4), is as strict as the real one, and hands out
/// the token of one cluster.
pub struct Entra {
    authority: String,
    _server: JoinSet<()>,
}

struct Known {
    principal: Principal,
    token_file: PathBuf,
}

/// Why there is no token: status, error and description.
type Refusal = (StatusCode, &'static str, String);

impl Entra {
    /// Starts it on a free port. The token is read anew for each request.
    ///
    /// # Errors
    ///
    /// If there is no free port.
    pub async fn start(principal: Principal, token_file: &Path) -> Result<Self, WorldError> {
        let listen = |err| WorldError::Listen { what: WHAT, address: "127.0.0.1".to_owned(), err };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(listen)?;
        let authority = format!("http://{}", listener.local_addr().map_err(listen)?);
        let known = Arc::new(Known { principal, token_file: token_file.to_owned() });
        let router = Router::new().fallback(post(answer)).with_state(known);
        let mut server = JoinSet::new();
        server.spawn(async move {
            if let Err(err) = axum::serve(listener, router).await {
                tracing::warn!(%err, "Entra ended");
            }
        });
        Ok(Self { authority, _server: server })
    }

    /// The URL below which the tenants are.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.authority
    }
}

async fn answer(State(known): State<Arc<Known>>, uri: Uri, body: Bytes) -> (StatusCode, Json<Value>) {
    match known.token(uri.path(), &body) {
        Ok(token) => {
            let answer =
                json!({ "token_type": "Bearer", "expires_in": 3599, "ext_expires_in": 3599, "access_token": token });
            (StatusCode::OK, Json(answer))
        }
        Err((status, error, description)) => {
            (status, Json(json!({ "error": error, "error_description": description })))
        }
    }
}

impl Known {
    fn token(&self, path: &str, body: &[u8]) -> Result<String, Refusal> {
        let tenant = path.strip_prefix('/').and_then(|rest| rest.strip_suffix("/oauth2/v2.0/token"));
        let field = |wanted: &str| {
            let mut fields = form_urlencoded::parse(body).filter(|(name, _)| name == wanted);
            fields.next().map(|(_, value)| value.into_owned()).unwrap_or_default()
        };
        let refused = |status, error, said: String| Err((status, error, said));
        let (wrong, unknown) = (StatusCode::BAD_REQUEST, StatusCode::UNAUTHORIZED);
        let Principal { tenant: ours, client, secret } = &self.principal;
        if tenant != Some(ours) {
            let said = format!("AADSTS90002: Tenant '{}' not found.", tenant.unwrap_or_default());
            return refused(wrong, "invalid_request", said);
        }
        if field("grant_type") != "client_credentials" {
            let said = format!("AADSTS70003: The app requested an unsupported grant type '{}'.", field("grant_type"));
            return refused(wrong, "unsupported_grant_type", said);
        }
        if field("client_id") != *client {
            let said = format!("AADSTS700016: Application with identifier '{}' was not found.", field("client_id"));
            return refused(wrong, "unauthorized_client", said);
        }
        if field("client_secret") != *secret {
            return refused(unknown, "invalid_client", "AADSTS7000215: Invalid client secret provided.".to_owned());
        }
        if field("scope") != format!("{SERVER}/.default") {
            let said = format!("AADSTS70011: The provided value '{}' for 'scope' is not valid.", field("scope"));
            return refused(wrong, "invalid_scope", said);
        }
        let token = std::fs::read_to_string(&self.token_file).map(|text| text.trim().to_owned());
        token.or_else(|err| refused(StatusCode::INTERNAL_SERVER_ERROR, "server_error", err.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(folder: &Path) -> Known {
        let token_file = folder.join("token");
        std::fs::write(&token_file, "a-token\n").expect("the folder is ours");
        let principal = Principal { tenant: "t".into(), client: "c".into(), secret: "s".into() };
        Known { principal, token_file }
    }

    #[test]
    fn only_the_principal_has_a_token_and_only_for_a_cluster() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let known = known(folder.path());
        let good = format!("grant_type=client_credentials&client_id=c&client_secret=s&scope={SERVER}%2F.default");
        assert_eq!(known.token("/t/oauth2/v2.0/token", good.as_bytes()), Ok("a-token".to_owned()));
        let wrong = [
            ("/u/oauth2/v2.0/token", good.clone(), "AADSTS90002"),
            ("/t/oauth2/token", good.clone(), "AADSTS90002"),
            ("/t/oauth2/v2.0/token", good.replace("client_credentials", "password"), "AADSTS70003"),
            ("/t/oauth2/v2.0/token", good.replace("client_id=c", "client_id=d"), "AADSTS700016"),
            ("/t/oauth2/v2.0/token", good.replace("client_secret=s", "client_secret="), "AADSTS7000215"),
            ("/t/oauth2/v2.0/token", good.replace(SERVER, "https://vault.azure.net"), "AADSTS70011"),
        ];
        for (path, body, number) in wrong {
            let (_, _, said) = known.token(path, body.as_bytes()).expect_err(number);
            assert!(said.starts_with(number), "{said}");
        }
    }
}
