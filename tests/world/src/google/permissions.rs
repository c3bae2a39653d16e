//! What an account may do in the project, as `testIamPermissions` says it.

use std::collections::BTreeSet;

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

/// It takes no more.
const MOST: usize = 100;

/// Everything but what is denied.
#[derive(Default)]
pub(super) struct Permissions {
    denied: BTreeSet<String>,
}

impl Permissions {
    pub(super) const ASKED: &str = "POST /v3/projects/dss-prod:testIamPermissions";

    pub(super) fn deny(&mut self, permission: &str) {
        self.denied.insert(permission.to_owned());
    }

    pub(super) fn answer(&self, body: &[u8]) -> Response {
        let asked: Value = serde_json::from_slice(body).unwrap_or_default();
        let asked: Vec<&str> =
            asked["permissions"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        if asked.is_empty() || asked.len() > MOST {
            let error = json!({ "code": 400, "message": "Request contains an invalid argument.", "status": "INVALID_ARGUMENT" });
            return (StatusCode::BAD_REQUEST, Json(json!({ "error": error }))).into_response();
        }
        let granted: Vec<&str> = asked.into_iter().filter(|asked| !self.denied.contains(*asked)).collect();
        // A list that would be empty is left out.
        let answer = if granted.is_empty() { json!({}) } else { json!({ "permissions": granted }) };
        Json(answer).into_response()
    }
}
