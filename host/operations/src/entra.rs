//! Assertions about a client of Entra for a tool that outlives them: it asks here for new ones, as a job of a pipeline asks the
//! pipeline's own server.
//!
//! Terraform's provider for Azure and its backend `azurerm` read a federated token once, from a variable or a file, and show the same
//! one for as long as they run. From a server they ask for one each time they sign in anew, with the token of its own that is in their
//! environment beside its address.

#[cfg(test)]
mod tests;

use std::io;

use async_trait::async_trait;
use hangar_config::CredentialValue;
use hyper::StatusCode;
use hyper::header::AUTHORIZATION;
use hyper::http::request::Parts;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;

use crate::loopback::{self, Answer, Answers, Loopback, Renewable};
use crate::oauth;
use crate::slots::Slots;

const PATH: &str = "/assertion";
const BEARER: &[u8] = b"Bearer ";

/// What every connection looks at.
struct Giver {
    slot: String,
    slots: Slots,
    secret: SecretString,
}

/// Gives assertions about the client of one slot, on a port of this machine.
pub(crate) async fn start(slot: &str, slots: Slots) -> io::Result<Renewable> {
    let secret = loopback::secret(&slots.redactor)?;
    let server = Loopback::start(Giver { slot: slot.to_owned(), slots, secret: secret.clone() }).await?;
    let url = format!("http://{}{PATH}", server.address()).into();
    Ok(Renewable {
        variables: vec![("ARM_OIDC_REQUEST_URL", url), ("ARM_OIDC_REQUEST_TOKEN", secret)],
        _server: server,
    })
}

#[async_trait]
impl Answers for Giver {
    async fn answer(&self, asked: &Parts) -> Answer {
        if asked.uri.path() != PATH {
            return loopback::words(StatusCode::NOT_FOUND, "nothing is here");
        }
        let given = asked.headers.get(AUTHORIZATION).and_then(|given| given.as_bytes().strip_prefix(BEARER));
        if !loopback::is(&self.secret, given) {
            return loopback::words(StatusCode::FORBIDDEN, "the token is another");
        }
        match self.assertion() {
            Ok(assertion) => loopback::json(StatusCode::OK, &json!({ "value": assertion.expose_secret() })),
            Err(said) => loopback::words(StatusCode::BAD_GATEWAY, said),
        }
    }
}

impl Giver {
    /// Of what the slot holds now: whoever renews a file renews it for the tool too.
    fn assertion(&self) -> Result<SecretString, String> {
        let value = self.slots.read(&self.slot).map_err(|err| err.to_string())?;
        let CredentialValue::Azure(value) = value else { return Err("the slot holds another kind by now".into()) };
        let assertion = oauth::assertion(&value).map_err(|err| err.to_string())?;
        let assertion = assertion.ok_or("the slot holds nothing that makes assertions by now")?;
        self.slots.redactor.register(assertion.expose_secret());
        Ok(assertion)
    }
}
