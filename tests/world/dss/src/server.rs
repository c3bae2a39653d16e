//! The HTTP interface of core-service.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_postgres::Client;

use crate::datastore::{Datastore, DatastoreError};
use crate::participants;

/// Environment variable with the release, set in the image's configuration.
pub const VERSION_VARIABLE: &str = "DSS_VERSION";
const DEFAULT_VERSION: &str = "v0.22.0";

type Answer = Response<Full<Bytes>>;

/// What the handlers share.
pub struct Service {
    pub locality: String,
    pub options: Value,
    /// Whether keys are configured: then the pool's state is told to bearers of tokens alone.
    pub asks_for_tokens: bool,
    pub datastore: Datastore,
}

impl Service {
    /// A connection for one request. The real program keeps some for a while and opens others whenever it is busy, so that any request
    /// may meet a new one: here each does.
    async fn client(&self) -> Result<Client, DatastoreError> {
        self.datastore.connect("aux").await
    }

    async fn answer(&self, method: &Method, path: &str, query: &str, has_token: bool) -> Answer {
        if self.asks_for_tokens && !has_token && path.starts_with("/aux/v1/pool") {
            return json_answer(StatusCode::UNAUTHORIZED, &json!({ "message": "Missing access token" }));
        }
        match (method.as_str(), path) {
            ("GET", "/healthy") => plain("ok"),
            ("GET", "/aux/v1/version") => json_answer(StatusCode::OK, &json!({ "version": version() })),
            ("GET", "/aux/v1/pool") => reply(StatusCode::OK, self.pool().await),
            ("GET", "/aux/v1/pool/dss_instances") => reply(StatusCode::OK, self.instances().await),
            ("PUT", "/aux/v1/pool/dss_instances/heartbeat") => {
                let source = query.split('&').find_map(|pair| pair.strip_prefix("source=")).unwrap_or_default();
                reply(StatusCode::CREATED, self.heartbeat(source).await)
            }
            ("GET", "/aux/v1/configuration/global_options") => json_answer(StatusCode::OK, &self.options),
            ("GET", "/aux/v1/configuration/accepted_ca_certs") => self.accepted_authorities(),
            ("GET", "/aux/v1/configuration/ca_certs") => {
                json_answer(StatusCode::NOT_IMPLEMENTED, &json!({ "message": "no instance CA is mounted" }))
            }
            _ => json_answer(StatusCode::NOT_FOUND, &json!({ "message": "Not Found" })),
        }
    }

    async fn pool(&self) -> Result<Value, DatastoreError> {
        let client = self.client().await?;
        Ok(json!({ "dar_id": participants::dar_id(&client).await? }))
    }

    async fn instances(&self) -> Result<Value, DatastoreError> {
        let client = self.client().await?;
        Ok(participants::instances(&client).await?)
    }

    async fn heartbeat(&self, source: &str) -> Result<Value, DatastoreError> {
        let client = self.client().await?;
        participants::heartbeat(&client, &self.locality, source).await?;
        Ok(participants::instances(&client).await?)
    }

    fn accepted_authorities(&self) -> Answer {
        let bundle = self.datastore.ssl_dir().and_then(|dir| std::fs::read_to_string(dir.join("ca.crt")).ok());
        const END: &str = "-----END CERTIFICATE-----";
        let bundle = bundle.unwrap_or_default();
        let certs: Vec<String> =
            bundle.split_inclusive(END).filter(|part| part.contains(END)).map(|part| part.trim().to_owned()).collect();
        json_answer(StatusCode::OK, &json!({ "CAs": certs }))
    }
}

/// Serves until the listener fails, which it does not.
pub async fn serve(service: Arc<Service>, listener: TcpListener) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Out of descriptors: that passes.
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            continue;
        };
        let service = Arc::clone(&service);
        let handler = service_fn(move |request: Request<Incoming>| {
            let service = Arc::clone(&service);
            async move {
                let query = request.uri().query().unwrap_or_default();
                let token = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
                let has_token = token.is_some_and(|value| value.starts_with("Bearer "));
                Ok::<_, Infallible>(service.answer(request.method(), request.uri().path(), query, has_token).await)
            }
        });
        // How a connection ends is the caller's to report.
        tokio::spawn(async move {
            drop(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), handler).await);
        });
    }
}

fn version() -> String {
    crate::environment::get(VERSION_VARIABLE).unwrap_or_else(|| DEFAULT_VERSION.to_owned())
}

fn reply(done: StatusCode, outcome: Result<Value, DatastoreError>) -> Answer {
    match outcome {
        Ok(value) => json_answer(done, &value),
        Err(err) => {
            crate::say(format!("request failed: {err}"));
            let message = format!("Internal server error: {err}");
            json_answer(StatusCode::INTERNAL_SERVER_ERROR, &json!({ "message": message }))
        }
    }
}

fn json_answer(status: StatusCode, value: &Value) -> Answer {
    let mut answer = plain(value.to_string());
    *answer.status_mut() = status;
    answer.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    answer
}

fn plain(text: impl Into<Bytes>) -> Answer {
    Response::new(Full::new(text.into()))
}
