//! Tokens of Google for a tool that outlives them: it asks here for new ones, as a machine of Google's cloud asks its metadata
//! server.
//!
//! Google's own libraries take the variable for a sign that there is such a server, and put it between `http://` and
//! `/computeMetadata/v1/…` as it is. So it holds more than a host: the first part of the path is what nobody else on this machine
//! can guess, since the protocol has no secret of its own. It answers as long as it is not dropped; a tool that outlives the host
//! goes on with the token that it has.

#[cfg(test)]
mod tests;

use std::io;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use hangar_runtime::oauth::{Wanted, google};
use hyper::StatusCode;
use hyper::header::HeaderValue;
use hyper::http::request::Parts;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;

use crate::loopback::{self, Answer, Answers, Loopback, Renewable};
use crate::slots::Slots;

/// Where Google's libraries are told of a metadata server.
const VARIABLE: &str = "GCE_METADATA_HOST";
const TOKEN: &str = "computeMetadata/v1/instance/service-accounts/default/token";
const FLAVOR: &str = "metadata-flavor";
/// With less than this left a token is made anew. The libraries ask for another with 3 min 45 s left.
const FRESH: Duration = Duration::from_secs(5 * 60);
/// What is said of a token of which nobody has said how long it is good. The libraries take no token without.
const UNKNOWN: Duration = Duration::from_secs(60);

/// What every connection looks at.
struct Giver {
    slot: String,
    slots: Slots,
    secret: SecretString,
}

/// Gives the tokens of one slot, on a port of this machine.
pub(crate) async fn start(slot: &str, slots: Slots) -> io::Result<Renewable> {
    let secret = loopback::secret(&slots.redactor)?;
    let server = Loopback::start(Giver { slot: slot.to_owned(), slots, secret: secret.clone() }).await?;
    let host = format!("{}/{}", server.address(), secret.expose_secret()).into();
    Ok(Renewable { variables: vec![(VARIABLE, host)], _server: server })
}

/// The token that terraform's provider and its backend work with, whatever they ask for: its permissions are what counts.
pub(crate) fn everything() -> Wanted {
    Wanted::of_scope(google::CLOUD_PLATFORM)
}

#[async_trait]
impl Answers for Giver {
    async fn answer(&self, asked: &Parts) -> Answer {
        let mut answer = self.answer_plainly(asked).await;
        answer.headers_mut().insert(FLAVOR, HeaderValue::from_static("Google"));
        answer
    }
}

impl Giver {
    async fn answer_plainly(&self, asked: &Parts) -> Answer {
        let parts = asked.uri.path().strip_prefix('/').and_then(|path| path.split_once('/'));
        // Whoever does not know the secret does not learn that it is one. What else a machine knows of itself nobody knows here.
        let Some((_, TOKEN)) = parts.filter(|(given, _)| loopback::is(&self.secret, Some(given.as_bytes()))) else {
            return loopback::words(StatusCode::NOT_FOUND, "nothing is here");
        };
        if asked.headers.get(FLAVOR).is_none_or(|flavor| flavor != "Google") {
            return loopback::words(StatusCode::FORBIDDEN, "the header `Metadata-Flavor: Google` is missing");
        }
        match self.slots.token_good_for(&self.slot, &everything(), FRESH).await {
            Ok((token, until)) => {
                let left = until.map_or(UNKNOWN, |until| until.duration_since(SystemTime::now()).unwrap_or_default());
                let body = json!({
                    "access_token": token.expose_secret(),
                    "expires_in": left.as_secs().max(1),
                    "token_type": "Bearer",
                });
                loopback::json(StatusCode::OK, &body)
            }
            // The libraries ask again some times, and then show these words.
            Err(err) => loopback::words(StatusCode::BAD_GATEWAY, err.to_string()),
        }
    }
}
