//! HTTP over TLS, for the servers that a control plane calls.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::service::TowerToHyperService;
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::WorldError;
use crate::pki::Pair;

const HANDSHAKE: Duration = Duration::from_secs(5);

/// Takes clients with a certificate of `client_ca`, or without one, anybody.
pub(crate) fn acceptor(what: &'static str, own: &Pair, client_ca: Option<&str>) -> Result<TlsAcceptor, WorldError> {
    let tls = |err: Box<dyn std::error::Error + Send + Sync>| WorldError::Tls { what, err };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|err| tls(err.into()))?;
    let config = match client_ca {
        None => config.with_no_client_auth(),
        Some(ca) => {
            let mut roots = RootCertStore::empty();
            for certificate in certificates(ca).map_err(tls)? {
                roots.add(certificate).map_err(|err| tls(err.into()))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            config.with_client_cert_verifier(verifier.map_err(|err| tls(err.into()))?)
        }
    };
    let key = PrivateKeyDer::from_pem_slice(own.key.as_bytes()).map_err(|err| tls(err.into()))?;
    let config = config.with_single_cert(certificates(&own.certificate).map_err(tls)?, key);
    let mut config = config.map_err(|err| tls(err.into()))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn certificates(pem: &str) -> Result<Vec<CertificateDer<'static>>, Box<dyn std::error::Error + Send + Sync>> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    Ok(certificates?)
}

/// Serves until it is dropped, and its connections with it.
pub(crate) async fn accept(listener: TcpListener, acceptor: TlsAcceptor, router: Router) {
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        if let Ok((stream, _)) = listener.accept().await {
            connections.spawn(serve(stream, acceptor.clone(), router.clone()));
        }
    }
}

async fn serve(stream: TcpStream, acceptor: TlsAcceptor, router: Router) {
    let Ok(Ok(stream)) = tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await else { return };
    let server = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
    let served = server.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router)).await;
    if let Err(err) = served {
        tracing::debug!(%err, "connection of a control plane ended early");
    }
}
