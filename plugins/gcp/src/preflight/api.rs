//! Google's APIs through the host's gate.

use std::collections::BTreeMap;

use hangar_sdk::http::{Error as HttpError, Oauth2, Request, Response, SignatureScheme};
use hangar_sdk::infra_provider::Error;
use serde_json::Value;

use super::Findings;
use crate::config::Config;
use crate::{SCOPE, SLOT};

/// Where each service is, unless the block says otherwise.
const SERVICES: [(&str, &str); 5] = [
    ("compute", "https://compute.googleapis.com/compute/v1/"),
    ("container", "https://container.googleapis.com/v1/"),
    ("dns", "https://dns.googleapis.com/dns/v1/"),
    ("resource_manager", "https://cloudresourcemanager.googleapis.com/v3/"),
    ("service_usage", "https://serviceusage.googleapis.com/v1/"),
];

pub(super) struct Api<'a> {
    endpoints: &'a BTreeMap<String, String>,
}

/// What a service said.
pub(super) enum Said {
    Value(Value),
    NotFound,
    /// The API is not enabled in the project.
    Disabled,
    /// The credential may not look.
    Forbidden(String),
}

impl<'a> Api<'a> {
    pub(super) fn new(config: &'a Config) -> Self {
        Self { endpoints: &config.endpoints }
    }

    pub(super) fn get(&self, service: &str, path: &str) -> Result<Said, Error> {
        self.send(Request::get(self.url(service, path)))
    }

    pub(super) fn post(&self, service: &str, path: &str, body: &Value) -> Result<Said, Error> {
        self.send(Request::post_json(self.url(service, path), body))
    }

    /// As [`Api::get`]; what cannot be looked at is told and left out.
    pub(super) fn look(
        &self,
        service: &str,
        path: &str,
        subject: &str,
        findings: &mut Findings,
    ) -> Result<Option<Value>, Error> {
        match self.get(service, path)? {
            Said::Value(value) => return Ok(Some(value)),
            Said::NotFound => findings.error(subject, "there is no such thing", "check the name in the `infra` block"),
            Said::Disabled => findings.warn(
                subject,
                format!("cannot be looked at: the API `{service}` is not enabled yet"),
                "enable it, or go on: `hangar up` enables it",
            ),
            Said::Forbidden(words) => findings.warn(
                subject,
                format!("cannot be looked at: {words}"),
                "give the credential `roles/viewer` on the project, or go on without this look",
            ),
        }
        Ok(None)
    }

    /// Where the block says that something is.
    pub(super) fn endpoint(&self, name: &str) -> Option<&str> {
        self.endpoints.get(name).map(String::as_str)
    }

    fn url(&self, service: &str, path: &str) -> String {
        let standard = SERVICES.iter().find(|(name, _)| *name == service).map_or("", |(_, url)| url);
        let base = self.endpoint(service).unwrap_or(standard);
        format!("{base}{path}")
    }

    fn send(&self, request: Request) -> Result<Said, Error> {
        let scope = Oauth2 { scope: SCOPE.into(), audience: None, parameters: Vec::new() };
        let response = request.signed(SLOT, SignatureScheme::Oauth2(scope)).send().map_err(failed)?;
        read(&response)
    }
}

/// A failure of the way there; what the host says about the credential is the operator's to read as it is.
fn failed(err: HttpError) -> Error {
    match err {
        HttpError::Denied(what) => Error::Denied(what),
        HttpError::Credential(words) => Error::Unavailable(words),
        err => Error::Unavailable(format!("Google cannot be reached: {err:?}")),
    }
}

fn read(response: &Response) -> Result<Said, Error> {
    let value: Value = response.json().unwrap_or_default();
    let words = || value["error"]["message"].as_str().unwrap_or("no reason").to_owned();
    Ok(match response.status {
        200..300 => Said::Value(value),
        404 => Said::NotFound,
        403 if is_disabled(&value) => Said::Disabled,
        403 => Said::Forbidden(words()),
        401 => return Err(Error::Unavailable(format!("the credential of slot `{SLOT}` has expired: sign in again"))),
        status => return Err(Error::Unavailable(format!("Google answers {status}: {}", words()))),
    })
}

/// `google.rpc.ErrorInfo`, with which Google says why.
fn is_disabled(value: &Value) -> bool {
    let details = value["error"]["details"].as_array();
    details.into_iter().flatten().any(|detail| detail["reason"] == "SERVICE_DISABLED")
}
