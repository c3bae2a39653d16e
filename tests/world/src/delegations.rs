//! A resolver that is asked over HTTPS and answers in JSON (https://developers.google.com/speed/public-dns/docs/doh/json): whom the
//! parent of a zone names for it.

use std::collections::BTreeMap;

use axum::Json;
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};
use url::form_urlencoded;

/// The number of the type NS.
const NS: u32 = 2;
/// The code for a name that does not exist.
const NXDOMAIN: u32 = 3;

/// Name servers by zone.
#[derive(Default)]
pub(crate) struct Delegations(BTreeMap<String, Vec<String>>);

impl Delegations {
    pub(crate) const PATH: &str = "/resolve";

    pub(crate) fn set(&mut self, zone: &str, servers: &[&str]) {
        self.0.insert(zone.to_owned(), servers.iter().map(|&server| server.to_owned()).collect());
    }

    /// Answers anybody, but for who shows a stranger what opens a cloud.
    pub(crate) fn answer(&self, uri: &Uri, headers: &HeaderMap) -> Response {
        let query: BTreeMap<_, _> = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).collect();
        let asked = |key: &str| query.get(key).map(AsRef::as_ref).unwrap_or_default();
        if headers.contains_key(AUTHORIZATION) || asked("type") != "NS" {
            return StatusCode::BAD_REQUEST.into_response();
        }
        let name = format!("{}.", asked("name"));
        let servers = self.0.get(asked("name")).into_iter().flatten();
        let records: Vec<Value> =
            servers.map(|server| json!({ "name": name, "type": NS, "TTL": 21600, "data": server })).collect();
        let status = if records.is_empty() { NXDOMAIN } else { 0 };
        let mut answer = json!({
            "Status": status, "TC": false, "RD": true, "RA": true, "AD": false, "CD": false,
            "Question": [{ "name": name, "type": NS }],
        });
        // A list that would be empty is left out.
        if !records.is_empty() {
            answer["Answer"] = json!(records);
        }
        Json(answer).into_response()
    }
}
