//! Health and metrics over HTTPS. No client certificates are asked for here.

pub mod metrics;

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use crate::net::sniff::{Spoken, sniff};
use crate::node::Node;

type Answer = Response<Full<Bytes>>;

/// Serves one connection. Plain HTTP gets health, and for the rest a redirect.
pub async fn serve(node: Arc<Node>, stream: TcpStream) {
    let limit = node.timers.network();
    match sniff(&stream, limit).await {
        Ok(Spoken::Tls) => {
            let acceptor = TlsAcceptor::from(Arc::clone(&node.certs.current().server.http));
            if let Ok(Ok(tls)) = tokio::time::timeout(limit, acceptor.accept(stream)).await {
                connection(node, tls, true).await;
            }
        }
        Ok(_) => connection(node, stream, false).await,
        Err(_) => {}
    }
}

async fn connection<S>(node: Arc<Node>, stream: S, secure: bool)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request: Request<Incoming>| {
        let answer = if secure { answer(&node, &request) } else { answer_plain(&node, &request) };
        async move { Ok::<_, Infallible>(answer) }
    });
    // How a connection ends is the caller's to report.
    drop(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
}

fn answer_plain(node: &Node, request: &Request<Incoming>) -> Answer {
    if request.uri().path() == "/health" {
        return answer(node, request);
    }
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let to = format!("https://{host}{}", request.uri());
    let redirect = Response::builder().status(StatusCode::TEMPORARY_REDIRECT).header(header::LOCATION, to);
    redirect.body(Full::default()).unwrap_or_else(|_| plain(StatusCode::BAD_REQUEST, ""))
}

fn answer(node: &Node, request: &Request<Incoming>) -> Answer {
    match request.uri().path() {
        "/health" | "/_admin/v1/health" | "/api/v2/health/" => health(node, request.uri().query().unwrap_or_default()),
        "/_status/vars" => plain(StatusCode::OK, metrics::render(node)),
        path if path.starts_with("/_status/") || path.starts_with("/_admin/") || path.starts_with("/api/v2/") => {
            plain(StatusCode::UNAUTHORIZED, "a valid authentication cookie is required\n")
        }
        "/" => plain(StatusCode::OK, "CockroachDB node of the offline world\n"),
        _ => plain(StatusCode::NOT_FOUND, "404 page not found\n"),
    }
}

fn health(node: &Node, query: &str) -> Answer {
    let wants_ready = query.split('&').any(|pair| matches!(pair, "ready=1" | "ready=true"));
    let ready = if wants_ready { node.readiness() } else { Ok(()) };
    match ready {
        Ok(()) => json(StatusCode::OK, &serde_json::json!({})),
        Err(message) => json(
            StatusCode::SERVICE_UNAVAILABLE,
            &serde_json::json!({"error": message, "code": 14, "message": message, "details": []}),
        ),
    }
}

fn json(status: StatusCode, value: &serde_json::Value) -> Answer {
    let mut answer = plain(status, value.to_string());
    answer.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    answer
}

fn plain(status: StatusCode, text: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(text.into()));
    *answer.status_mut() = status;
    answer.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("text/plain"));
    answer
}
