//! A server on this machine for a tool of ours, which asks it for what it signs in with.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use hangar_runtime::Redactor;
use http_body_util::Full;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::http::request::Parts;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

const PATIENCE: Duration = Duration::from_secs(20);

/// What is answered to those who ask.
pub(crate) type Answer = Response<Full<Bytes>>;

/// Answers a request, whose body nobody reads.
#[async_trait]
pub(crate) trait Answers: Send + Sync + 'static {
    async fn answer(&self, asked: &Parts) -> Answer;
}

/// What a tool reads from its environment to ask for what it signs in with, as often as it needs to. It is answered as long as this
/// is not dropped.
pub(crate) struct Renewable {
    pub(crate) variables: Vec<(&'static str, SecretString)>,
    pub(crate) _server: Loopback,
}

/// A server on a free port of this machine. It answers as long as it is not dropped.
pub(crate) struct Loopback {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Loopback {
    pub(crate) async fn start(answers: impl Answers) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let task = tokio::spawn(serve(listener, Arc::new(answers)));
        Ok(Self { address, task })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Loopback {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(listener: TcpListener, answers: Arc<impl Answers>) {
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next() => continue,
        };
        let Ok((stream, _)) = accepted else {
            // Out of descriptors: that passes.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let answers = Arc::clone(&answers);
        connections.spawn(async move {
            let service = service_fn(move |request: Request<_>| {
                let answers = Arc::clone(&answers);
                async move { Ok::<_, Infallible>(answers.answer(&request.into_parts().0).await) }
            });
            let mut server = hyper::server::conn::http1::Builder::new();
            server.timer(TokioTimer::new()).header_read_timeout(PATIENCE);
            // How a connection ends is the caller's to report.
            drop(server.serve_connection(TokioIo::new(stream), service).await);
        });
    }
}

/// An answer in JSON.
pub(crate) fn json(status: StatusCode, body: &Value) -> Answer {
    answer(status, "application/json", body.to_string())
}

/// An answer in words.
pub(crate) fn words(status: StatusCode, said: impl Into<String>) -> Answer {
    answer(status, "text/plain; charset=utf-8", said.into())
}

fn answer(status: StatusCode, kind: &'static str, body: String) -> Answer {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

/// What nobody can guess, and nobody is shown.
pub(crate) fn secret(redactor: &Redactor) -> io::Result<SecretString> {
    let mut random = [0; 32];
    getrandom::fill(&mut random).map_err(io::Error::other)?;
    let secret = SecretString::from(hex::encode(random));
    redactor.register(secret.expose_secret());
    Ok(secret)
}

/// Whether that is what was given, in a time that says nothing of the secret.
pub(crate) fn is(secret: &SecretString, given: Option<&[u8]>) -> bool {
    given.map(Sha256::digest) == Some(Sha256::digest(secret.expose_secret()))
}
