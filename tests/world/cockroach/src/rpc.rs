//! gRPC over mutual TLS, server side: who may call, and what an uninitialised node answers.

pub mod channel;
pub mod identity;
pub mod offsets;
pub mod peers;
pub mod services;
pub mod status;
pub mod witness;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tonic::body::Body;
use tonic::service::Routes;
use tower::Service as _;

use crate::certs::go_text;
use crate::log;
use crate::node::Node;
use identity::Caller;

/// Serves one RPC connection until it ends.
pub async fn serve(node: Arc<Node>, routes: Routes, stream: TcpStream) {
    let Ok(from) = stream.peer_addr() else { return };
    let acceptor = TlsAcceptor::from(Arc::clone(&node.certs.current().server.rpc));
    let accepted = tokio::time::timeout(node.timers.network(), acceptor.accept(stream).into_fallible()).await;
    let tls = match accepted {
        Ok(Ok(tls)) => tls,
        Ok(Err((err, stream))) => {
            let text = go_text::handshake(&err);
            log::warning(
                "grpc/server.go:934",
                format!("grpc: Server.Serve failed to complete security handshake from {:?}: {text}", from.to_string()),
            );
            linger(stream).await;
            return;
        }
        Err(_) => return,
    };
    serve_accepted(node, routes, tls).await;
}

/// As above, once the handshake is done.
pub async fn serve_accepted(node: Arc<Node>, routes: Routes, tls: TlsStream<TcpStream>) {
    let caller = Caller::of_connection(tls.get_ref().1, node.certs.principal_map());
    let service = service_fn(move |request| answer(Arc::clone(&node), routes.clone(), caller.clone(), request));
    let connection =
        hyper::server::conn::http2::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(tls), service);
    // How a connection ends is the caller's to report.
    drop(connection.await);
}

/// Lets the peer read why it was refused: closing with unread bytes would reset the connection and lose the alert.
pub async fn linger(mut stream: TcpStream) {
    drop(stream.shutdown().await);
    let mut rest = [0_u8; 1024];
    let drain = async { while matches!(stream.read(&mut rest).await, Ok(read) if read > 0) {} };
    // A peer that keeps sending is cut off.
    drop(tokio::time::timeout(Duration::from_millis(500), drain).await);
}

async fn answer(
    node: Arc<Node>,
    mut routes: Routes,
    caller: Caller,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    let allowed = caller.may_call_rpc().and_then(|()| node.admits(request.uri().path()));
    if let Err(status) = allowed {
        return Ok(status.into_http());
    }
    routes.call(request).await
}
