//! Signing in: the token exchange of the distribution project, and basic authentication.
//!
//! <https://distribution.github.io/distribution/spec/auth/> (token, scope, oauth).

use registry_reference::{ByteSize, RepositoryPath};
use reqwest::{Response, StatusCode, header};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use url::Url;

use crate::{
    credentials::Login,
    error::{Account, Failure},
    transport::{Origin, is_safe, printable},
};

/// Tokens are a few KiB; the largest seen carry a long list of groups.
const TOKEN_BODY: ByteSize = ByteSize::kib(256);
const CLIENT_ID: &str = "hangar";

/// What is wanted of a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    Pull,
    Push,
}

/// What goes with each request after signing in.
#[derive(Debug, Clone)]
pub(crate) enum Ticket {
    /// The registry asks for nothing.
    None,
    Basic {
        user: String,
        password: SecretString,
    },
    Bearer(SecretString),
}

impl Ticket {
    pub(crate) fn attach(&self, request: reqwest::RequestBuilder) -> reqwest::RequestBuilder {
        match self {
            Self::None => request,
            Self::Basic { user, password } => request.basic_auth(user, Some(password.expose_secret())),
            Self::Bearer(token) => request.bearer_auth(token.expose_secret()),
        }
    }
}

/// What a registry asks for.
enum Challenge {
    Basic,
    Bearer { realm: Url, service: Option<String> },
}

/// Asks the registry how it wants us to sign in, and does it.
pub(crate) async fn sign_in(
    origin: &Origin,
    path: &RepositoryPath,
    login: &Login,
    access: Access,
) -> Result<Ticket, Failure> {
    let response = origin.send(origin.http.get(origin.url(""))).await?;
    if response.status() != StatusCode::UNAUTHORIZED {
        origin.check(response, "registry API under `/v2/`", &login.account()).await?;
        return Ok(Ticket::None);
    }
    match (challenge(origin, &response)?, login) {
        (Challenge::Basic, Login::Password { user, password }) => {
            Ok(Ticket::Basic { user: user.clone(), password: password.clone() })
        }
        (Challenge::Basic, Login::Anonymous) => Err(Failure::Unauthorised {
            host: origin.host.clone(),
            account: Account::Anonymous,
            said: "it wants a user name and password".into(),
        }),
        (Challenge::Basic, Login::IdentityToken(_)) => Err(Failure::IdentityToken {
            host: origin.host.clone(),
            said: "it offers basic authentication only".into(),
        }),
        (Challenge::Bearer { realm, service }, login) => {
            let scope = match access {
                Access::Pull => format!("repository:{path}:pull"),
                Access::Push => format!("repository:{path}:pull,push"),
            };
            exchange(origin, realm, service.as_deref(), &scope, login).await.map(Ticket::Bearer)
        }
    }
}

fn challenge(origin: &Origin, response: &Response) -> Result<Challenge, Failure> {
    let protocol = |said: &str| Failure::Protocol { host: origin.host.clone(), said: said.to_owned() };
    let mut basic = false;
    for value in response.headers().get_all(header::WWW_AUTHENTICATE) {
        let Ok(text) = value.to_str() else { continue };
        for challenge in http_auth::parse_challenges(text).unwrap_or_default() {
            if challenge.scheme.eq_ignore_ascii_case("basic") {
                basic = true;
            }
            if challenge.scheme.eq_ignore_ascii_case("bearer") {
                let find = |name: &str| {
                    let found = challenge.params.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
                    found.map(|(_, value)| value.to_unescaped())
                };
                let realm = find("realm").and_then(|realm| realm.parse::<Url>().ok());
                let realm = realm.ok_or_else(|| protocol("it asks for a token and does not say where to get it"))?;
                return Ok(Challenge::Bearer { realm, service: find("service") });
            }
        }
    }
    if basic { Ok(Challenge::Basic) } else { Err(protocol("it asks to sign in and does not say how")) }
}

/// Trades what we have for an access token.
///
/// The realm is named by the registry, so a registry can send our credentials anywhere: over https only.
async fn exchange(
    origin: &Origin,
    realm: Url,
    service: Option<&str>,
    scope: &str,
    login: &Login,
) -> Result<SecretString, Failure> {
    if !is_safe(&realm, origin.plain) {
        return Err(Failure::UnsafeAddress { host: origin.host.clone(), url: printable(&realm) });
    }
    let request = match login {
        Login::Anonymous => origin.http.get(realm),
        Login::Password { user, password } => {
            origin.http.get(realm).query(&[("account", user)]).basic_auth(user, Some(password.expose_secret()))
        }
        Login::IdentityToken(token) => return refresh(origin, realm, service, scope, token).await,
    };
    let request = request.query(&[("scope", scope)]).query(&[("client_id", CLIENT_ID)]);
    let request = match service {
        Some(service) => request.query(&[("service", service)]),
        None => request,
    };
    let response = origin.send(request).await?;
    let response = origin.check(response, "token service where it points to", &login.account()).await?;
    token(origin, response).await
}

/// The refresh-token grant, for registries whose sign-in stores an identity token (Azure's, for one).
async fn refresh(
    origin: &Origin,
    realm: Url,
    service: Option<&str>,
    scope: &str,
    identity: &SecretString,
) -> Result<SecretString, Failure> {
    let form = [
        ("grant_type", "refresh_token"),
        ("client_id", CLIENT_ID),
        ("service", service.unwrap_or(&origin.host)),
        ("scope", scope),
        ("refresh_token", identity.expose_secret()),
    ];
    let response = origin.send(origin.http.post(realm).form(&form)).await?;
    let checked = origin.check(response, "token service for identity tokens", &Account::Token).await;
    let response = checked.map_err(|failure| match failure {
        server @ Failure::Server { .. } => server,
        other => Failure::IdentityToken { host: origin.host.clone(), said: other.to_string() },
    })?;
    token(origin, response).await
}

#[derive(Deserialize)]
struct TokenAnswer {
    #[serde(default)]
    token: Option<SecretString>,
    #[serde(default)]
    access_token: Option<SecretString>,
}

async fn token(origin: &Origin, response: Response) -> Result<SecretString, Failure> {
    let body = origin.body(response, "access token", TOKEN_BODY).await?;
    // The parser's message may quote the body, which holds the token.
    let answer = serde_json::from_slice::<TokenAnswer>(&body).ok();
    answer.and_then(|answer| answer.token.or(answer.access_token)).ok_or_else(|| Failure::Protocol {
        host: origin.host.clone(),
        said: "its token service answered without a token".into(),
    })
}
