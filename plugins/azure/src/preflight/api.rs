//! Azure's management API, one question at a time.

use std::fmt;

use hangar_sdk::http::{Error as HttpError, Oauth2, Request, Response, SignatureScheme};
use hangar_sdk::infra_provider::Error;
use hangar_sdk::serde_json::Value;

use crate::SLOT;
use crate::config::Config;

/// The API, signed for by the host.
pub(super) struct Api<'a> {
    management: &'a str,
}

/// An answer that is none.
#[derive(Debug)]
pub(super) struct Trouble {
    pub(super) status: u16,
    code: String,
    message: String,
}

impl<'a> Api<'a> {
    pub(super) fn new(config: &'a Config) -> Self {
        Self { management: config.management() }
    }

    /// Asks for one object.
    ///
    /// # Errors
    ///
    /// Where nothing more can be asked: no grant, no credential, no way there.
    pub(super) fn get(&self, path: &str) -> Result<Result<Value, Trouble>, Error> {
        let scope = Oauth2 { scope: format!("{}/.default", self.management), audience: None, parameters: Vec::new() };
        let request = Request::get(format!("{}{path}", self.management)).header("accept", "application/json");
        match request.signed(SLOT, SignatureScheme::Oauth2(scope)).send() {
            Ok(response) => Ok(read(&response)),
            Err(HttpError::TooLarge(bound)) => {
                Ok(Err(Trouble { status: 0, code: "too large".into(), message: format!("over {bound} bytes") }))
            }
            Err(HttpError::Denied(reason)) => Err(Error::Denied(reason)),
            Err(HttpError::Credential(reason)) => Err(Error::Unavailable(format!("no token of Entra: {reason}"))),
            Err(err) => Err(Error::Unavailable(format!("`{}` cannot be asked: {}", self.management, words(&err)))),
        }
    }
}

fn read(response: &Response) -> Result<Value, Trouble> {
    let body: Value = response.json().unwrap_or(Value::Null);
    if response.is_success() && body.is_object() {
        return Ok(body);
    }
    let text = |key: &str| body["error"][key].as_str().unwrap_or_default().to_owned();
    Err(Trouble { status: response.status, code: text("code"), message: text("message") })
}

fn words(err: &HttpError) -> String {
    match err {
        HttpError::Unresolved(name) => format!("`{name}` has no address"),
        HttpError::TimedOut(bound) => format!("no answer within {bound} ms"),
        HttpError::TooLarge(bound) => format!("an answer of over {bound} bytes"),
        HttpError::Denied(reason)
        | HttpError::Connection(reason)
        | HttpError::Tls(reason)
        | HttpError::Credential(reason)
        | HttpError::Other(reason) => reason.clone(),
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.status)?;
        if !self.code.is_empty() {
            write!(f, " {}", self.code)?;
        }
        if self.message.is_empty() { Ok(()) } else { write!(f, ": {}", self.message) }
    }
}
