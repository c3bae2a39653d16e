//! Requests to one registry: over https, with a cap on every answer and a name for every failure.

use std::{error::Error as _, sync::OnceLock, time::Duration};

use registry_reference::{ByteSize, Registry};
use reqwest::{Response, StatusCode, redirect};
use serde::Deserialize;
use url::Url;

use crate::{
    client::Patience,
    error::{Account, Failure},
};

/// As many as browsers and other registry clients allow, in order of magnitude; real ones use one or two.
const MAX_REDIRECTS: usize = 5;
/// Of an error's body, this much is read and the first line or so shown.
const ERROR_BODY: ByteSize = ByteSize::kib(16);
const ERROR_LINE: usize = 200;
pub(crate) const USER_AGENT: &str = concat!("hangar/", env!("CARGO_PKG_VERSION"));

/// The http clients, one for all registries and one for those on this machine. Each is made when it is first needed: reading
/// the machine's trust store takes longer than a plugin that lies in the store.
pub(crate) struct Transport {
    secure: OnceLock<reqwest::Client>,
    /// Speaks plain http to loopback; only used if the caller asked for it.
    loopback: OnceLock<reqwest::Client>,
    dev: bool,
    pub(crate) patience: Patience,
}

/// One registry and the way to it.
#[derive(Clone)]
pub(crate) struct Origin {
    /// As the operator wrote it, for messages.
    pub(crate) host: String,
    /// Whether it is spoken to over plain http, which is so only on this machine.
    pub(crate) plain: bool,
    base: Url,
    pub(crate) http: reqwest::Client,
    pub(crate) patience: Patience,
}

impl Transport {
    pub(crate) fn new(dev: bool, patience: Patience) -> Self {
        Self { secure: OnceLock::new(), loopback: OnceLock::new(), dev, patience }
    }

    fn client(&self, plain: bool) -> Result<reqwest::Client, Failure> {
        let kept = if plain { &self.loopback } else { &self.secure };
        if let Some(client) = kept.get() {
            return Ok(client.clone());
        }
        // Fails only if there is one already, which is then the caller's choice.
        drop(rustls::crypto::ring::default_provider().install_default());
        let builder = reqwest::Client::builder()
            .user_agent(USER_AGENT)
            .connect_timeout(self.patience.connect)
            .read_timeout(self.patience.idle)
            .redirect(redirect_policy(plain));
        // A proxy cannot reach our loopback, and nobody means it to.
        let builder = if plain { builder.no_proxy() } else { builder };
        let client = builder.build().map_err(|err| Failure::Https { err: err.into() })?;
        Ok(kept.get_or_init(|| client).clone())
    }

    pub(crate) fn origin(&self, registry: &Registry) -> Result<Origin, Failure> {
        let plain = self.dev && registry.is_loopback();
        let scheme = if plain { "http" } else { "https" };
        // The hub's API is not served under the name that its references carry.
        let authority = match registry.host() {
            "docker.io" | "index.docker.io" => "registry-1.docker.io".to_owned(),
            _ => registry.to_string(),
        };
        Ok(Origin {
            host: registry.to_string(),
            plain,
            base: format!("{scheme}://{authority}/v2/").parse().expect("a registry is a valid authority"),
            http: self.client(plain)?,
            patience: self.patience,
        })
    }
}

impl Origin {
    /// Makes the address of `path` below the API's root.
    pub(crate) fn url(&self, path: &str) -> Url {
        self.base.join(path).expect("paths are made of repository names, tags and digests")
    }

    /// Sends a request; any status is an answer.
    pub(crate) async fn send(&self, request: reqwest::RequestBuilder) -> Result<Response, Failure> {
        request.send().await.map_err(|err| self.lift(err))
    }

    /// Passes a successful answer on and turns any other into what it means for `what`.
    pub(crate) async fn check(&self, response: Response, what: &str, account: &Account) -> Result<Response, Failure> {
        let status = response.status();
        if status == StatusCode::OK {
            return Ok(response);
        }
        let host = self.host.clone();
        let said = said(response).await;
        Err(match status.as_u16() {
            401 | 403 => Failure::Unauthorised { host, account: account.clone(), said },
            404 => Failure::NotFound { host, what: what.to_owned() },
            status @ (429 | 500..=599) => Failure::Server { host, status, said },
            status => Failure::Protocol { host, said: format!("status {status} for {what}: {said}") },
        })
    }

    /// Reads a whole body of at most `limit` bytes.
    pub(crate) async fn body(&self, mut response: Response, what: &str, limit: ByteSize) -> Result<Vec<u8>, Failure> {
        let too_large = |got| Failure::TooLarge { what: what.to_owned(), limit, got: ByteSize::bytes(got) };
        let declared = response.content_length();
        if let Some(declared) = declared.filter(|declared| *declared > limit.get()) {
            return Err(too_large(declared));
        }
        let mut body = Vec::new();
        loop {
            match response.chunk().await {
                Ok(None) => return Ok(body),
                Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                Err(err) => {
                    return Err(self.broken(err, what, body.len() as u64, declared.unwrap_or_default()));
                }
            }
            if body.len() as u64 > limit.get() {
                return Err(too_large(body.len() as u64));
            }
        }
    }

    /// Names a failure in the middle of a body.
    pub(crate) fn broken(&self, err: reqwest::Error, what: &str, got: u64, wanted: u64) -> Failure {
        if err.is_timeout() {
            return self.lift(err);
        }
        tracing::debug!(err = %err.without_url(), what, "body broke off");
        Failure::Truncated {
            origin: format!("registry `{}`", self.host),
            what: what.to_owned(),
            wanted: ByteSize::bytes(wanted),
            got: ByteSize::bytes(got),
        }
    }

    /// Names a failure without an answer.
    pub(crate) fn lift(&self, err: reqwest::Error) -> Failure {
        let host = self.host.clone();
        if let Some(refused) = refused_redirect(&err) {
            return match refused {
                RefusedRedirect::Unsafe(url) => Failure::UnsafeAddress { host, url: url.clone() },
                RefusedRedirect::TooMany => Failure::Protocol { host, said: refused.to_string() },
            };
        }
        if err.is_timeout() {
            let after = if err.is_connect() { self.patience.connect } else { self.patience.idle };
            return Failure::TimedOut { host, after };
        }
        // The address may carry a signature, and the host is named anyway.
        Failure::Unreachable { host, err: err.without_url() }
    }
}

/// Tells whether credentials and names may travel to `url`.
pub(crate) fn is_safe(url: &Url, plain_loopback: bool) -> bool {
    let on_loopback = || {
        let authority = url.host_str().unwrap_or_default();
        authority.parse::<Registry>().is_ok_and(|registry| registry.is_loopback())
    };
    match url.scheme() {
        "https" => true,
        "http" => plain_loopback && on_loopback(),
        _ => false,
    }
}

/// The address without its query, which may carry a signature.
pub(crate) fn printable(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    url.to_string()
}

#[derive(Debug, thiserror::Error)]
enum RefusedRedirect {
    #[error("redirected to `{0}`, which is not https")]
    Unsafe(String),
    #[error("redirected more than {MAX_REDIRECTS} times")]
    TooMany,
}

/// Blobs are often served from elsewhere. Reqwest drops our authorization when the host changes.
fn redirect_policy(plain_loopback: bool) -> redirect::Policy {
    redirect::Policy::custom(move |attempt| {
        if attempt.previous().len() > MAX_REDIRECTS {
            return attempt.error(RefusedRedirect::TooMany);
        }
        if !is_safe(attempt.url(), plain_loopback) {
            let url = printable(attempt.url());
            return attempt.error(RefusedRedirect::Unsafe(url));
        }
        attempt.follow()
    })
}

fn refused_redirect(err: &reqwest::Error) -> Option<&RefusedRedirect> {
    let mut source = err.source();
    while let Some(err) = source {
        if let Some(refused) = err.downcast_ref() {
            return Some(refused);
        }
        source = err.source();
    }
    None
}

/// Error bodies, OCI distribution specification 1.1, "Error codes".
#[derive(Deserialize)]
struct Errors {
    errors: Vec<OneError>,
}

#[derive(Deserialize)]
struct OneError {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
}

/// Says in one line what an unsuccessful answer says.
async fn said(mut response: Response) -> String {
    let status = response.status();
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        body.extend_from_slice(&chunk);
        if body.len() as u64 > ERROR_BODY.get() {
            break;
        }
    }
    let text = match serde_json::from_slice::<Errors>(&body) {
        Ok(Errors { errors }) if !errors.is_empty() => {
            let lines = errors.iter().map(|OneError { code, message }| format!("{message} ({code})"));
            lines.collect::<Vec<_>>().join(", ")
        }
        _ => String::from_utf8_lossy(&body).into_owned(),
    };
    let line = one_line(&text);
    if line.is_empty() { status.to_string() } else { line }
}

/// Cuts foreign text to one short line without control characters.
pub(crate) fn one_line(text: &str) -> String {
    let words = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ").chars().take(ERROR_LINE).collect()
}

/// How long one answer may take in all.
pub(crate) async fn within<T>(
    host: &str,
    after: Duration,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    match tokio::time::timeout(after, work).await {
        Ok(result) => result,
        Err(_) => Err(Failure::TimedOut { host: host.to_owned(), after }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_for_this_machine_and_only_on_request() {
        let safe = |url: &str, dev| is_safe(&url.parse().expect("url"), dev);
        assert!(safe("https://auth.example.com/token", false));
        assert!(safe("http://127.0.0.1:5000/token", true));
        assert!(safe("http://[::1]:5000/token", true));
        assert!(!safe("http://127.0.0.1:5000/token", false));
        assert!(!safe("http://auth.example.com/token", true));
        assert!(!safe("http://127.0.0.1.example.com/token", true));
        assert!(!safe("ftp://localhost/token", true));
    }

    #[test]
    fn foreign_text_becomes_one_short_line() {
        assert_eq!(one_line("a\n\u{1b}[31mb\tc  "), "a [31mb c");
        assert_eq!(one_line(&"x".repeat(900)).len(), ERROR_LINE);
    }
}
