//! TLS servers that behave in one way each. They listen on loopback and end when dropped.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use anyhow::Result;
use bytes::Bytes;
use hangar_pki::{Bundle, Leaf};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::crypto::ring;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// What a server does once a client is connected.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Behaviour {
    /// Answers each gRPC call with this status, in trailers after a message, or without one as a refusal is.
    Grpc(&'static str, &'static str),
    /// Answers each GET with this status.
    Http(u16),
    /// Says nothing and keeps the connection.
    Silent,
    /// Closes the connection after the handshake.
    Close,
}

/// A server on a port of its own.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    /// Who called.
    pub(crate) callers: Arc<Mutex<Vec<SocketAddr>>>,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    /// Serves each connection with this.
    pub(crate) async fn start<F>(serve: impl Fn(TcpStream) -> F + Send + 'static) -> Result<Self>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let (address, callers) = (listener.local_addr()?, Arc::new(Mutex::new(Vec::new())));
        let heard = Arc::clone(&callers);
        let task = tokio::spawn(async move {
            while let Ok((stream, caller)) = listener.accept().await {
                heard.lock().expect("nobody panics with it").push(caller);
                tokio::spawn(serve(stream));
            }
        });
        Ok(Self { address, callers, task })
    }

    /// A TLS server that shows this leaf, asks for a client certificate and accepts none, as CockroachDB does.
    pub(crate) async fn tls(leaf: &Leaf, clients: &Bundle, behaviour: Behaviour) -> Result<Self> {
        Self::tls_of(rustls::ALL_VERSIONS, leaf, clients, behaviour).await
    }

    pub(crate) async fn tls_of(
        versions: &[&'static SupportedProtocolVersion],
        leaf: &Leaf,
        clients: &Bundle,
        behaviour: Behaviour,
    ) -> Result<Self> {
        let acceptor = TlsAcceptor::from(Arc::new(config(versions, leaf, clients)?));
        Self::start(move |stream| {
            let acceptor = acceptor.clone();
            async move {
                if let Ok(stream) = acceptor.accept(stream).await {
                    behave(stream, behaviour).await;
                }
            }
        })
        .await
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }
}

pub(crate) fn config(
    versions: &[&'static SupportedProtocolVersion],
    leaf: &Leaf,
    clients: &Bundle,
) -> Result<ServerConfig> {
    let provider = Arc::new(ring::default_provider());
    let mut roots = RootCertStore::empty();
    for certificate in clients.certificates() {
        roots.add(certificate.der().clone())?;
    }
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
        .allow_unauthenticated()
        .build()?;
    let key = PrivateKeyDer::from_pem_slice(leaf.key.to_pem().expose().as_bytes())?;
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)?
        .with_client_cert_verifier(verifier)
        .with_single_cert(vec![leaf.certificate.der().clone()], key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

async fn behave(stream: TlsStream<TcpStream>, behaviour: Behaviour) {
    match behaviour {
        Behaviour::Grpc(code, message) => grpc(stream, code, message).await,
        Behaviour::Http(status) => http(stream, status).await,
        Behaviour::Silent => {
            std::future::pending::<()>().await;
            drop(stream);
        }
        Behaviour::Close => drop(stream),
    }
}

async fn grpc(stream: TlsStream<TcpStream>, code: &'static str, message: &'static str) {
    let service = service_fn(move |_| async move {
        let mut status = HeaderMap::new();
        status.insert("grpc-status", HeaderValue::from_static(code));
        if !message.is_empty() {
            status.insert("grpc-message", HeaderValue::from_static(message));
        }
        let mut response = Response::new(if code == "0" {
            let body = Full::new(Bytes::from_static(&[0; 5]));
            body.with_trailers(async move { Some(Ok::<_, Infallible>(status)) }).boxed()
        } else {
            let none = Full::new(Bytes::new()).with_trailers(async { None }).boxed();
            return Ok::<_, Infallible>(trailers_only(none, status));
        });
        response.headers_mut().insert("content-type", HeaderValue::from_static("application/grpc"));
        Ok(response)
    });
    let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
    drop(server.serve_connection(TokioIo::new(stream), service).await);
}

fn trailers_only<B>(body: B, status: HeaderMap) -> Response<B> {
    let mut response = Response::new(body);
    *response.headers_mut() = status;
    response.headers_mut().insert("content-type", HeaderValue::from_static("application/grpc"));
    response
}

pub(crate) async fn http<S>(stream: S, status: u16)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + 'static,
{
    let service = service_fn(move |request: http::Request<hyper::body::Incoming>| async move {
        let body =
            format!("{} {}", request.method(), request.uri().path()).repeat(if status == 200 { 1 } else { 20_000 });
        let mut response = Response::new(Full::new(Bytes::from(body)));
        *response.status_mut() = StatusCode::from_u16(status).expect("a status of these tests");
        Ok::<_, Infallible>(response)
    });
    drop(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
}
