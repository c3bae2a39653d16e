//! Talking to token endpoints.

use std::error::Error as _;
use std::sync::LazyLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, Response};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};
use url::{Host, Url};

use super::{OauthError, Token, entra};

const TIMEOUT: Duration = Duration::from_secs(15);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Metadata servers are near, or not there.
const METADATA_TIMEOUT: Duration = Duration::from_secs(5);
const METADATA_CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// No token answer is longer; some carry a second token.
const MAX_ANSWER: usize = 64 * 1024;
const MAX_WORDS: usize = 300;

static CLIENT: LazyLock<Result<Client, String>> = LazyLock::new(|| build(CONNECT_TIMEOUT));
static METADATA_CLIENT: LazyLock<Result<Client, String>> = LazyLock::new(|| build(METADATA_CONNECT_TIMEOUT));

fn build(connect_timeout: Duration) -> Result<Client, String> {
    // A token may be asked for before there is a runtime, which would see to it. Somebody else may have; then it is theirs.
    drop(rustls::crypto::ring::default_provider().install_default());
    // A redirect would carry the secret elsewhere, and metadata servers answer no proxy.
    let builder = Client::builder().no_proxy().redirect(Policy::none()).referer(false).timeout(TIMEOUT);
    builder.connect_timeout(connect_timeout).build().map_err(|err| err.to_string())
}

/// Whose metadata server is asked.
#[derive(Clone, Copy)]
pub(super) enum Metadata<'a> {
    Google,
    Azure,
    /// What App Service puts beside a program, and what proves that it comes from there.
    AzureService(&'a SecretString),
}

#[derive(Deserialize)]
struct Answer {
    access_token: SecretString,
    #[serde(default)]
    expires_in: Value,
    /// Seconds since 1970, in place of the other where App Service answers.
    #[serde(default)]
    expires_on: Value,
}

impl From<Answer> for Token {
    fn from(answer: Answer) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let expires_s = match seconds(&answer.expires_in) {
            0 => seconds(&answer.expires_on).saturating_sub(now),
            expires_s => expires_s,
        };
        Self { text: answer.access_token, expires_s }
    }
}

/// Posts a form and reads a token (RFC 6749 section 5).
pub(super) async fn post(url: &Url, form: &[(&str, &str)]) -> Result<Token, OauthError> {
    send::<Answer>(url, client(url)?.post(url.clone()).form(form)).await.map(Into::into)
}

/// Asks the metadata server. The header proves that the request was not forged by something that only follows links.
pub(super) async fn metadata(url: &Url, whose: Metadata<'_>) -> Result<Token, OauthError> {
    let (name, value) = match whose {
        Metadata::Google => ("metadata-flavor", "Google"),
        Metadata::Azure => ("metadata", "true"),
        Metadata::AzureService(header) => ("x-identity-header", header.expose_secret()),
    };
    let client = of(&METADATA_CLIENT, url)?;
    let request = client.get(url.clone()).header(name, value).timeout(METADATA_TIMEOUT);
    send::<Answer>(url, request).await.map(Into::into)
}

/// Asks for a token of another account of Google.
pub(super) async fn impersonate(url: &Url, token: &SecretString, scope: &str) -> Result<Token, OauthError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Impersonated {
        access_token: SecretString,
    }
    let scopes: Vec<&str> = scope.split_whitespace().collect();
    let request = client(url)?.post(url.clone()).bearer_auth(token.expose_secret());
    let request = request.json(&json!({"scope": scopes, "lifetime": "3600s"}));
    let answer: Impersonated = send(url, request).await?;
    Ok(Token { text: answer.access_token, expires_s: 3600 })
}

/// Reads a token of another issuer from a URL that the credential file names.
pub(super) async fn subject(url: &Url, headers: &[(String, String)]) -> Result<SecretString, OauthError> {
    let mut request = client(url)?.get(url.clone());
    for (name, value) in headers {
        request = request.header(name, value);
    }
    let text = read(url, request).await?;
    Ok(String::from_utf8(text).map_err(|_| unusable(url, "answers with something that is no text"))?.into())
}

fn client(url: &Url) -> Result<Client, OauthError> {
    of(&CLIENT, url)
}

fn of(client: &Result<Client, String>, url: &Url) -> Result<Client, OauthError> {
    if url.scheme() != "https" && !may_be_plain(url) {
        return Err(unusable(url, "is not reached by https"));
    }
    client.clone().map_err(|err| unusable(url, &format!("cannot be used: {err}")))
}

/// An emulator on this machine, and the metadata servers of the clouds, which have no certificates and are no further than the
/// machine's own link.
fn may_be_plain(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name == "metadata.google.internal",
        Some(Host::Ipv4(address)) => address.is_loopback() || address.is_link_local(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

async fn send<T: for<'de> Deserialize<'de>>(url: &Url, request: RequestBuilder) -> Result<T, OauthError> {
    let bytes = read(url, request).await?;
    // What the answer holds may be a token, so nothing of it is shown.
    serde_json::from_slice(&bytes).map_err(|_| unusable(url, "answers without an access token"))
}

async fn read(url: &Url, request: RequestBuilder) -> Result<Vec<u8>, OauthError> {
    let response = request.send().await.map_err(|err| {
        let err = err.without_url();
        let cause = err.source().map_or_else(|| err.to_string(), |cause| format!("{err}: {cause}"));
        unusable(url, &format!("cannot be reached: {cause}"))
    })?;
    let status = response.status();
    let bytes = body(url, response).await?;
    if status.is_success() {
        return Ok(bytes);
    }
    let said: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    // RFC 6749 has `error` as a text; Google's own interfaces have an object.
    let code = said["error"].as_str().or_else(|| said["error"]["status"].as_str()).unwrap_or("no reason");
    let description = said["error_description"].as_str().or_else(|| said["error"]["message"].as_str());
    let short = |text: &str| text.chars().filter(|c| !c.is_control()).take(MAX_WORDS).collect::<String>();
    Err(OauthError::Refused {
        url: shown(url),
        status: status.as_u16(),
        code: short(code),
        description: short(description.unwrap_or("no description")),
        cure: description.and_then(entra::cure).unwrap_or_else(|| cure(code)),
    })
}

async fn body(url: &Url, mut response: Response) -> Result<Vec<u8>, OauthError> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|_| unusable(url, "breaks off"))? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > MAX_ANSWER {
            return Err(unusable(url, "answers with more than a token"));
        }
    }
    Ok(bytes)
}

/// Some issuers write the number as a text.
fn seconds(value: &Value) -> u64 {
    value.as_u64().or_else(|| value.as_str()?.parse().ok()).unwrap_or(0)
}

/// What an operator does about the codes of RFC 6749 section 5.2.
fn cure(code: &str) -> &'static str {
    match code {
        "invalid_grant" => {
            "the credential has expired or was revoked, or the clock is wrong: sign in again (`gcloud auth \
             application-default login`), or make a new key"
        }
        "invalid_client" | "unauthorized_client" => "check the client's id and secret; a secret may have expired",
        "invalid_scope" => "the credential may not ask for this scope",
        "PERMISSION_DENIED" => "give the credential `roles/iam.serviceAccountTokenCreator` on the account",
        _ => "check the `credential` block",
    }
}

fn unusable(url: &Url, reason: &str) -> OauthError {
    OauthError::Endpoint { url: shown(url), reason: reason.into() }
}

/// A query may hold what is not to be shown.
fn shown(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.into()
}
