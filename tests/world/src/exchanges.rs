//! What the APIs of a cloud say, from a file of exchanges in the shapes that the cloud documents; the file names where. A test
//! changes single answers.

use std::collections::BTreeMap;

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
struct File {
    exchanges: BTreeMap<String, Said>,
}

#[derive(Clone, Deserialize)]
struct Said {
    status: u16,
    body: Value,
}

pub(crate) struct Exchanges(BTreeMap<String, Said>);

impl Exchanges {
    pub(crate) fn of(file: &str) -> Self {
        let file: File = serde_json::from_str(file).expect("the file is of this form");
        Self(file.exchanges)
    }

    pub(crate) fn set(&mut self, asked: &str, status: u16, body: Value) {
        self.0.insert(asked.to_owned(), Said { status, body });
    }

    /// None for what the file does not have.
    pub(crate) fn answer(&self, asked: &str) -> Option<Response> {
        let Said { status, body } = self.0.get(asked)?.clone();
        Some((StatusCode::from_u16(status).unwrap_or_default(), Json(body)).into_response())
    }
}
