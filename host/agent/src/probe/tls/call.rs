//! The call after a handshake.

use std::time::Duration;

use bytes::Bytes;
use hangar_plan::strategy::observation::{HttpAnswer, TlsOutcome};
use hangar_plan::strategy::probe::{TlsCall, TlsQuestion};
use http::HeaderMap;
use http_body_util::{BodyExt, Full, Limited};
use hyper::Request;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use super::tap::Tap;
use super::verdict::Verdict;
use crate::probe::chain;
use crate::probe::http::{drive, get, https};

/// What a call runs over.
pub(super) type Stream = TlsStream<TcpStream>;

/// How a call ended.
pub(super) enum Ended {
    /// The server's program said something.
    Answered(Verdict),
    /// The connection ended without an answer.
    Cut(String),
}

/// gRPC status codes that matter: <https://grpc.github.io/grpc/core/md_doc_statuscodes.html>.
const OK: &str = "0";
const PERMISSION_DENIED: &str = "7";
const UNAUTHENTICATED: &str = "16";

/// Most bytes of an answer that are read.
const LONGEST: usize = 64 * 1024;

pub(super) async fn call(stream: Tap<Stream>, question: &TlsQuestion, patience: Duration) -> Ended {
    let authority = (question.host.as_str(), question.port);
    match &question.call {
        TlsCall::Grpc(method) => grpc(stream, authority, method).await,
        TlsCall::Http(path) => match get(stream, authority, path).await {
            Ok(answer) => Ended::Answered(of_http(&answer)),
            Err(err) => Ended::Cut(chain(&err)),
        },
        TlsCall::None => listen(stream, patience).await,
        TlsCall::Other(name) => Ended::Answered(Verdict::other(format!("the agent knows no call `{name}`"))),
    }
}

/// Waits for the server's word without saying any. A server that does not refuse mostly has nothing to say.
pub(super) async fn listen(mut stream: Tap<Stream>, patience: Duration) -> Ended {
    let mut byte = [0];
    match tokio::time::timeout(patience, stream.read(&mut byte)).await {
        Err(_) => {
            let detail = format!("no refusal within {} ms", patience.as_millis());
            Ended::Answered(Verdict::new(TlsOutcome::Accepted, detail))
        }
        Ok(Ok(0)) => Ended::Cut("closed without a word".to_owned()),
        Ok(Ok(_)) => Ended::Answered(Verdict::new(TlsOutcome::Accepted, "the server spoke first")),
        Ok(Err(err)) => Ended::Cut(chain(&err)),
    }
}

async fn grpc(stream: Tap<Stream>, authority: (&str, u16), method: &str) -> Ended {
    let uri = match https(authority, method) {
        Ok(uri) => uri,
        Err(err) => return Ended::Answered(Verdict::other(format!("`{method}` is no method: {err}"))),
    };
    let request = Request::post(uri)
        .header(http::header::CONTENT_TYPE, "application/grpc")
        .header(http::header::TE, "trailers")
        // One message, not compressed, of no bytes.
        .body(Full::new(Bytes::from_static(&[0; 5])))
        .expect("these headers are well formed");
    let handshake = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await;
    let (mut sender, connection) = match handshake {
        Ok(both) => both,
        Err(err) => return Ended::Cut(chain(&err)),
    };
    let answer = async move {
        let response = sender.send_request(request).await.map_err(|err| chain(&err))?;
        let (head, body) = response.into_parts();
        let body = Limited::new(body, LONGEST).collect().await.map_err(|err| chain(&*err))?;
        // A refusal may come with trailers alone, which then are the headers.
        let said = |of: &HeaderMap| status(of);
        let answered = said(&head.headers).or_else(|| body.trailers().and_then(said));
        Ok(answered.unwrap_or_else(|| Verdict::other(format!("answered {} without a gRPC status", head.status))))
    };
    match drive(connection, answer).await {
        Ok(verdict) => Ended::Answered(verdict),
        Err(detail) => Ended::Cut(detail),
    }
}

fn status(headers: &HeaderMap) -> Option<Verdict> {
    let text = |name| headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    let code = text("grpc-status")?;
    let outcome = match code.as_str() {
        OK => TlsOutcome::Accepted,
        PERMISSION_DENIED | UNAUTHENTICATED => TlsOutcome::IdentityRefused,
        // Such as that the node is not ready: neither accepted nor refused.
        _ => TlsOutcome::Other,
    };
    let message = text("grpc-message").unwrap_or_default();
    Some(Verdict::new(outcome, format!("gRPC status {code}{}{message}", if message.is_empty() { "" } else { ": " })))
}

fn of_http(answer: &HttpAnswer) -> Verdict {
    let outcome = match answer.status {
        200..=399 => TlsOutcome::Accepted,
        401 | 403 => TlsOutcome::IdentityRefused,
        _ => TlsOutcome::Other,
    };
    Verdict::new(outcome, format!("HTTP status {}", answer.status))
}
