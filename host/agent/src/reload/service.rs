//! What the sidecar answers.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::reload::{Loaded, health, metrics};

/// Connections served at one time; more wait.
const CONNECTIONS: usize = 64;

/// How long a client may take over its request.
const PATIENCE: Duration = Duration::from_secs(5);

/// Answers for ever. `master` is asked each time that metrics are.
pub(super) async fn answer(listener: TcpListener, loaded: watch::Receiver<Loaded>, master: Option<SocketAddr>) {
    let mut connections = JoinSet::new();
    loop {
        if connections.len() >= CONNECTIONS {
            connections.join_next().await;
        }
        while connections.try_join_next().is_some() {}
        // A connection that is gone before it is taken is the client's loss alone.
        let Ok((stream, _)) = listener.accept().await else {
            tokio::task::yield_now().await;
            continue;
        };
        let loaded = loaded.clone();
        connections.spawn(async move {
            let service = service_fn(move |request| {
                let loaded = loaded.borrow().clone();
                async move { Ok::<_, Infallible>(respond(&request, &loaded, master).await) }
            });
            let mut http = hyper::server::conn::http1::Builder::new();
            http.timer(TokioTimer::new()).header_read_timeout(PATIENCE).keep_alive(false);
            drop(http.serve_connection(TokioIo::new(stream), service).await);
        });
    }
}

async fn respond(request: &Request<Incoming>, loaded: &Loaded, master: Option<SocketAddr>) -> Response<Full<Bytes>> {
    let (status, kind, body) = match (request.method(), request.uri().path()) {
        (&Method::GET, "/") => {
            let body = serde_json::to_vec(loaded).expect("it is always JSON");
            (StatusCode::OK, "application/json", Bytes::from(body))
        }
        (&Method::GET, "/metrics") => {
            let lacking = match master {
                Some(master) => health::under_replicated(master).await,
                None => None,
            };
            (StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", Bytes::from(metrics::text(loaded, lacking)))
        }
        (&Method::GET, "/healthy") => (StatusCode::OK, "text/plain", Bytes::from_static(b"ok\n")),
        (&Method::GET, _) => (StatusCode::NOT_FOUND, "text/plain", Bytes::from_static(b"not found\n")),
        _ => (StatusCode::METHOD_NOT_ALLOWED, "text/plain", Bytes::from_static(b"GET only\n")),
    };
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static(kind));
    response
}
