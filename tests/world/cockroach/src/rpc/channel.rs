//! gRPC over mutual TLS, client side: one connection, with failures in the words of Go's library.

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::{Request, Response, Uri};
use hyper::body::Incoming;
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls_pki_types::ServerName;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio_rustls::TlsConnector;
use tonic::Status;
use tonic::body::Body;

use super::witness::Witnessed;
use crate::certs::go_text;
use crate::net::HostPort;
use crate::net::dial::dial;

/// How to get to a server.
#[derive(Debug, Clone)]
pub struct Route {
    pub address: HostPort,
    pub source: Option<IpAddr>,
    pub tls: Arc<rustls::ClientConfig>,
    pub limit: Duration,
}

/// A connection; clones share it. It closes when the last clone is gone.
#[derive(Debug, Clone)]
pub struct Channel {
    origin: Uri,
    sender: SendRequest<Body>,
    end: watch::Receiver<Option<String>>,
    _connection: Arc<Connection>,
}

#[derive(Debug)]
struct Connection(AbortHandle);

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Channel {
    /// Connects and shakes hands. Under TLS 1.3 a server refuses our certificate only after that: the first call
    /// tells.
    ///
    /// # Errors
    ///
    /// `Unavailable`, with the text Go's library gives.
    pub async fn connect(route: &Route) -> Result<Self, Status> {
        match tokio::time::timeout(route.limit, attempt(route)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Status::unavailable(
                "connection error: desc = \"transport: Error while dialing: context deadline exceeded\"",
            )),
        }
    }

    /// What requests must carry as scheme and authority.
    pub fn origin(&self) -> Uri {
        self.origin.clone()
    }

    /// Waits for the end of the connection and says why it ended.
    pub async fn closed(&self) -> String {
        let mut end = self.end.clone();
        let text = match end.wait_for(Option::is_some).await {
            Ok(text) => text.clone().unwrap_or_default(),
            Err(_) => String::new(),
        };
        if text.is_empty() { "EOF".to_owned() } else { text }
    }
}

async fn attempt(route: &Route) -> Result<Channel, Status> {
    let tcp = dial(&route.address, route.source, route.limit).await.map_err(|text| {
        Status::unavailable(format!("connection error: desc = \"transport: Error while dialing: {text}\""))
    })?;
    let failed = |text: String| {
        Status::unavailable(format!("connection error: desc = \"transport: authentication handshake failed: {text}\""))
    };
    let name = ServerName::try_from(route.address.host.clone()).map_err(|err| failed(err.to_string()))?;
    let connector = TlsConnector::from(Arc::clone(&route.tls));
    let tls = connector.connect(name, tcp).await.map_err(|err| failed(go_text::handshake(&err)))?;
    let (watched, seen) = Witnessed::new(tls);
    let (sender, connection) = Builder::new(TokioExecutor::new())
        .handshake(TokioIo::new(watched))
        .await
        .map_err(|err| failed(seen.text().unwrap_or_else(|| err.to_string())))?;
    let (ended, end) = watch::channel(None);
    let task = tokio::spawn(async move {
        // The stream below knows better than the protocol why it ended.
        drop(connection.await);
        drop(ended.send(Some(seen.text().unwrap_or_else(|| "EOF".to_owned()))));
    });
    let origin = format!("https://{}", route.address).parse().map_err(|_| failed("bad authority".to_owned()))?;
    Ok(Channel { origin, sender, end, _connection: Arc::new(Connection(task.abort_handle())) })
}

impl tower::Service<Request<Body>> for Channel {
    type Response = Response<Incoming>;
    type Error = Status;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Status>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Status>> {
        // A closed connection shows in the call, which can say why.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let mut sender = self.sender.clone();
        let channel = self.clone();
        Box::pin(async move {
            let ready = sender.ready().await;
            let sent = match ready {
                Ok(()) => sender.send_request(request).await,
                Err(err) => Err(err),
            };
            match sent {
                Ok(response) => Ok(response),
                Err(err) => Err(channel.why(&err).await),
            }
        })
    }
}

impl Channel {
    /// The connection's own task knows the cause; a request only sees that it is gone.
    async fn why(&self, err: &hyper::Error) -> Status {
        match tokio::time::timeout(Duration::from_millis(500), self.closed()).await {
            Ok(text) => Status::unavailable(preface(&text)),
            Err(_) => Status::unavailable(format!("error reading from server: {err}")),
        }
    }
}

fn preface(text: &str) -> String {
    format!("connection error: desc = \"error reading server preface: {text}\"")
}
