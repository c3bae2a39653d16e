//! One bucket of Cloud Storage: what terraform's backend asks of it, in Google's own shapes
//! (<https://cloud.google.com/storage/docs/json_api/v1/objects>).

use std::collections::BTreeMap;

use axum::Json;
use axum::http::header::{CONTENT_TYPE, HeaderName};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};
use url::form_urlencoded;

pub(super) struct Bucket {
    name: String,
    objects: BTreeMap<String, Object>,
    n_written: u64,
}

#[derive(Clone)]
struct Object {
    bytes: Vec<u8>,
    /// Another one at each write, over the whole bucket.
    generation: u64,
}

impl Bucket {
    pub(super) fn new(name: &str) -> Self {
        Self { name: name.to_owned(), objects: BTreeMap::new(), n_written: 0 }
    }

    pub(super) fn object(&self, name: &str) -> Option<Vec<u8>> {
        self.objects.get(name).map(|object| object.bytes.clone())
    }

    pub(super) fn answer(&mut self, method: &Method, uri: &Uri, headers: &HeaderMap, body: &[u8]) -> Response {
        let query: BTreeMap<String, String> =
            form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
        let wanted = query.get("ifGenerationMatch").and_then(|wanted| wanted.parse().ok());
        let path = decoded(uri.path());
        let (listed, uploaded) =
            (format!("/storage/v1/b/{}/o", self.name), format!("/upload/storage/v1/b/{}/o", self.name));
        let (below, plain) = (format!("{listed}/"), format!("/{}/", self.name));
        match (method, path.as_str()) {
            (&Method::GET, path) if path == listed => {
                let prefix = query.get("prefix").map_or("", String::as_str);
                let found = self.objects.iter().filter(|(name, _)| name.starts_with(prefix));
                let items: Vec<Value> = found.map(|(name, object)| self.shown(name, object)).collect();
                Json(json!({ "kind": "storage#objects", "items": items })).into_response()
            }
            (&Method::POST, path) if path == uploaded => self.put(&query, wanted, headers, body),
            (method, path) if path.starts_with(&below) => self.of(method, &path[below.len()..], wanted),
            // The older interface, by which contents are read.
            (&Method::GET, path) if path.starts_with(&plain) => match self.objects.get(&path[plain.len()..]) {
                Some(object) => {
                    let generation = HeaderName::from_static("x-goog-generation");
                    ([(generation, object.generation.to_string())], object.bytes.clone()).into_response()
                }
                None => refused(StatusCode::NOT_FOUND, "notFound", "No such object"),
            },
            _ => refused(StatusCode::NOT_FOUND, "notFound", "The specified bucket does not exist."),
        }
    }

    fn of(&mut self, method: &Method, name: &str, wanted: Option<u64>) -> Response {
        let Some(object) = self.objects.get(name) else {
            return refused(StatusCode::NOT_FOUND, "notFound", "No such object");
        };
        if wanted.is_some_and(|wanted| wanted != object.generation) {
            return unmet();
        }
        if method == Method::DELETE {
            self.objects.remove(name);
            return StatusCode::NO_CONTENT.into_response();
        }
        Json(self.shown(name, object)).into_response()
    }

    /// A number of 0 asks that nothing is there.
    fn put(
        &mut self,
        query: &BTreeMap<String, String>,
        wanted: Option<u64>,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Response {
        if query.get("uploadType").is_none_or(|kind| kind != "multipart") {
            return refused(StatusCode::BAD_REQUEST, "badRequest", "only uploads in one request are taken here");
        }
        let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let Some((described, bytes)) = parts(kind, body) else {
            return refused(StatusCode::BAD_REQUEST, "badRequest", "Malformed multipart body.");
        };
        let Some(name) = query.get("name").map(String::as_str).or_else(|| described["name"].as_str()) else {
            return refused(StatusCode::BAD_REQUEST, "required", "Required");
        };
        let there = self.objects.get(name).map_or(0, |object| object.generation);
        if wanted.is_some_and(|wanted| wanted != there) {
            return unmet();
        }
        self.n_written += 1;
        let object = Object { bytes, generation: 1_700_000_000_000_000 + self.n_written };
        let answer = self.shown(name, &object);
        self.objects.insert(name.to_owned(), object);
        Json(answer).into_response()
    }

    fn shown(&self, name: &str, object: &Object) -> Value {
        json!({
            "kind": "storage#object", "bucket": self.name, "name": name, "size": object.bytes.len().to_string(),
            "generation": object.generation.to_string(), "metageneration": "1", "contentType": "application/json",
        })
    }
}

/// The two parts of an upload: what describes the object, and its bytes.
fn parts(kind: &str, body: &[u8]) -> Option<(Value, Vec<u8>)> {
    let boundary = kind.strip_prefix("multipart/related;")?.split_once("boundary=")?.1.trim_matches('"');
    let (text, between) = (std::str::from_utf8(body).ok()?, format!("--{boundary}"));
    let mut parts = text.split(&between).skip(1).map(|part| part.trim_start_matches("\r\n"));
    let mut content = || Some(parts.next()?.split_once("\r\n\r\n")?.1.strip_suffix("\r\n")?.to_owned());
    let described = serde_json::from_str(content()?.trim()).ok()?;
    Some((described, content()?.into_bytes()))
}

fn decoded(path: &str) -> String {
    // A path is a form's value but for its plus signs.
    let whole = format!("p={}", path.replace('+', "%2B"));
    form_urlencoded::parse(whole.as_bytes()).next().map(|(_, path)| path.into_owned()).unwrap_or_default()
}

fn unmet() -> Response {
    let said = "At least one of the pre-conditions you specified did not hold.";
    refused(StatusCode::PRECONDITION_FAILED, "conditionNotMet", said)
}

fn refused(status: StatusCode, reason: &str, message: &str) -> Response {
    let error = json!({ "domain": "global", "reason": reason, "message": message });
    let body = json!({ "error": { "code": status.as_u16(), "message": message, "errors": [error] } });
    (status, Json(body)).into_response()
}
