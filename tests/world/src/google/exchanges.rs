//! What Google's APIs say of one project, from a file of exchanges in the shapes that Google documents; the file names where. A test
//! changes single answers.

use std::collections::{BTreeMap, BTreeSet};

use axum::Json;
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use serde_json::{Value, json};

const FILE: &str = include_str!("exchanges.json");
/// `testIamPermissions` takes no more.
const MOST_PERMISSIONS: usize = 100;

#[derive(Deserialize)]
struct File {
    exchanges: BTreeMap<String, Said>,
}

#[derive(Clone, Deserialize)]
struct Said {
    status: u16,
    body: Value,
}

pub(super) struct Exchanges {
    said: BTreeMap<String, Said>,
    denied: BTreeSet<String>,
}

impl Exchanges {
    pub(super) fn new() -> Self {
        let file: File = serde_json::from_str(FILE).expect("the file is of this form");
        Self { said: file.exchanges, denied: BTreeSet::new() }
    }

    pub(super) fn set(&mut self, asked: &str, status: u16, body: Value) {
        self.said.insert(asked.to_owned(), Said { status, body });
    }

    pub(super) fn deny(&mut self, permission: &str) {
        self.denied.insert(permission.to_owned());
    }

    /// None for what is of no API that the file has.
    pub(super) fn answer(&self, method: &Method, uri: &Uri, body: &[u8]) -> Option<Response> {
        let path = uri.path();
        if method == Method::POST && path == "/v3/projects/dss-prod:testIamPermissions" {
            return Some(self.permissions(body));
        }
        let Said { status, body } = self.said.get(&format!("{method} {path}"))?.clone();
        Some((StatusCode::from_u16(status).unwrap_or_default(), Json(body)).into_response())
    }

    fn permissions(&self, body: &[u8]) -> Response {
        let asked: Value = serde_json::from_slice(body).unwrap_or_default();
        let asked: Vec<&str> =
            asked["permissions"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        if asked.is_empty() || asked.len() > MOST_PERMISSIONS {
            let error = json!({ "code": 400, "message": "Request contains an invalid argument.", "status": "INVALID_ARGUMENT" });
            return (StatusCode::BAD_REQUEST, Json(json!({ "error": error }))).into_response();
        }
        let granted: Vec<&str> = asked.into_iter().filter(|asked| !self.denied.contains(*asked)).collect();
        // A list that would be empty is left out.
        let answer = if granted.is_empty() { json!({}) } else { json!({ "permissions": granted }) };
        Json(answer).into_response()
    }
}
