//! How Entra and the management API say no.

use axum::Json;
use axum::http::StatusCode;
use axum::http::header::WWW_AUTHENTICATE;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::bearers::Shown;

/// An answer of Entra that is no token (https://learn.microsoft.com/entra/identity-platform/reference-error-codes).
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    error: &'static str,
    pub(super) code: u32,
    said: String,
}

impl Refusal {
    pub(super) fn request(code: u32, said: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, error: "invalid_request", code, said: said.into() }
    }

    pub(super) fn grant(code: u32, said: impl Into<String>) -> Self {
        Self { error: "unsupported_grant_type", ..Self::request(code, said) }
    }

    pub(super) fn unauthorized(code: u32, said: impl Into<String>) -> Self {
        Self { error: "unauthorized_client", ..Self::request(code, said) }
    }

    pub(super) fn scope(code: u32, said: impl Into<String>) -> Self {
        Self { error: "invalid_scope", ..Self::request(code, said) }
    }

    pub(super) fn resource(code: u32, said: impl Into<String>) -> Self {
        Self { error: "invalid_resource", ..Self::request(code, said) }
    }

    /// The client is not who it says it is.
    pub(super) fn client(code: u32, said: impl Into<String>) -> Self {
        Self { status: StatusCode::UNAUTHORIZED, error: "invalid_client", ..Self::request(code, said) }
    }

    pub(super) fn server(err: &std::io::Error) -> Self {
        let status = StatusCode::INTERNAL_SERVER_ERROR;
        Self { status, error: "server_error", ..Self::request(90_033, err.to_string()) }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Self { status, error, code, said } = self;
        let trace = "0000aaaa-11bb-cccc-dd22-eeeeee333333";
        let (correlation, time) = ("aaaa0000-bb11-2222-33cc-444444dddddd", "2016-01-09 02:02:12Z");
        let said = format!("AADSTS{code}: {said} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {time}");
        let body = json!({
            "error": error, "error_description": said, "error_codes": [code], "timestamp": time, "trace_id": trace,
            "correlation_id": correlation, "error_uri": format!("https://login.microsoftonline.com/error?code={code}"),
        });
        (status, Json(body)).into_response()
    }
}

/// What the management API answers to who shows no token of its own. Codes and words are those that it is reported to use: an
/// expired token in hashicorp/terraform-provider-azurerm issue 20867, none at all in Microsoft's pages about queries of
/// Azure Monitor.
pub(super) fn unauthenticated(shown: &Shown) -> Response {
    let (code, said) = match shown {
        Shown::Nothing => {
            ("AuthenticationFailed", "Authentication failed. The 'Authorization' header is missing.".to_owned())
        }
        Shown::Expired => {
            let said = "The access token expiry UTC time '3/19/2023 8:55:46 AM' is earlier than current UTC time \
                        '3/19/2023 8:55:57 AM'.";
            ("ExpiredAuthenticationToken", said.to_owned())
        }
        Shown::Other(audience) => {
            let said = format!("The access token has been obtained for wrong audience or resource '{audience}'.");
            ("InvalidAuthenticationTokenAudience", said)
        }
        Shown::Unknown | Shown::Good => ("InvalidAuthenticationToken", "The access token is invalid.".to_owned()),
    };
    let challenge = "Bearer authorization_uri=\"https://login.windows.net/\", error=\"invalid_token\", \
                     error_description=\"The authentication failed.\"";
    let body = json!({ "error": { "code": code, "message": said } });
    (StatusCode::UNAUTHORIZED, [(WWW_AUTHENTICATE, challenge)], Json(body)).into_response()
}

pub(super) fn without_version() -> Response {
    let said = "The api-version query parameter (?api-version=) is required for all requests.";
    let body = json!({ "error": { "code": "MissingApiVersionParameter", "message": said } });
    (StatusCode::BAD_REQUEST, Json(body)).into_response()
}

pub(super) fn not_found(path: &str) -> Response {
    let said = format!(
        "The Resource '{path}' was not found. For more details please go to https://aka.ms/ARMResourceNotFoundFix"
    );
    let body = json!({ "error": { "code": "ResourceNotFound", "message": said } });
    (StatusCode::NOT_FOUND, Json(body)).into_response()
}
