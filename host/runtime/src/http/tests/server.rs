//! A server that gives one answer to everybody and keeps what it was sent.

use std::sync::{Arc, LazyLock};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

/// A certificate authority.
pub(super) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// The authority whose leaves a mutual server accepts.
static CLIENTS: LazyLock<Authority> = LazyLock::new(Authority::new);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("parameters");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        Self(CertifiedIssuer::self_signed(params, key).expect("an authority"))
    }

    fn leaf(&self, name: &str) -> (String, KeyPair) {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(vec![name.to_owned()]).expect("parameters");
        (params.signed_by(&key, &self.0).expect("a leaf").pem(), key)
    }

    /// Certificate and key that a mutual server accepts, in PEM.
    pub(super) fn client_pair() -> (String, String) {
        let (certificate, key) = CLIENTS.leaf("client.example.com");
        (certificate, key.serialize_pem())
    }
}

/// A server on a free port of loopback. Dies when it is dropped.
pub(super) struct Server {
    port: u16,
    authority: Authority,
    seen: tokio::sync::Mutex<mpsc::UnboundedReceiver<String>>,
    task: JoinHandle<()>,
}

impl Server {
    /// Speaks TLS as `api.example.com`. An empty answer is none: the connection stays open and silent.
    pub(super) async fn start(answer: &str) -> Self {
        Self::serve(answer, Some(false)).await
    }

    /// Wants a client certificate too.
    pub(super) async fn start_mutual(answer: &str) -> Self {
        Self::serve(answer, Some(true)).await
    }

    /// Speaks no TLS.
    pub(super) async fn start_plain(answer: &str) -> Self {
        Self::serve(answer, None).await
    }

    async fn serve(answer: &str, tls: Option<bool>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let authority = Authority::new();
        let acceptor = tls.map(|mutual| TlsAcceptor::from(Arc::new(config(&authority, mutual))));
        let (sender, seen) = mpsc::unbounded_channel();
        let answer = answer.to_owned();
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, sender, answer) = (acceptor.clone(), sender.clone(), answer.clone());
                connections.spawn(async move {
                    match acceptor {
                        Some(acceptor) => {
                            if let Ok(stream) = acceptor.accept(stream).await {
                                exchange(stream, &answer, &sender).await;
                            }
                        }
                        None => exchange(stream, &answer, &sender).await,
                    }
                });
            }
        });
        Self { port, authority, seen: tokio::sync::Mutex::new(seen), task }
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("https://api.example.com:{}{path}", self.port)
    }

    pub(super) fn authority_pem(&self) -> String {
        self.authority.0.pem()
    }

    /// The head of the next request.
    pub(super) async fn seen(&self) -> String {
        self.seen.lock().await.recv().await.expect("a request")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn config(authority: &Authority, mutual: bool) -> ServerConfig {
    let (certificate, key) = authority.leaf("api.example.com");
    let chain = vec![der(&certificate)];
    let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions().expect("versions");
    let builder = if mutual {
        let mut roots = RootCertStore::empty();
        roots.add(CLIENTS.0.der().clone()).expect("an authority");
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().expect("a verifier");
        builder.with_client_cert_verifier(verifier)
    } else {
        builder.with_no_client_auth()
    };
    builder.with_single_cert(chain, key).expect("a certificate")
}

fn der(pem: &str) -> CertificateDer<'static> {
    use rustls::pki_types::pem::PemObject as _;
    CertificateDer::from_pem_slice(pem.as_bytes()).expect("a certificate")
}

/// Reads a request's head and body, then answers, then reads the next.
async fn exchange(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    answer: &str,
    sender: &mpsc::UnboundedSender<String>,
) {
    let mut buffer = Vec::new();
    let mut chunk = [0; 4096];
    while let Ok(n) = stream.read(&mut chunk).await {
        if n == 0 {
            return;
        }
        buffer.extend_from_slice(&chunk[..n]);
        let text = String::from_utf8_lossy(&buffer).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length =
            head.lines().find_map(|line| line.strip_prefix("content-length: ")).map_or(0, |n| n.parse().unwrap_or(0));
        if body.len() < length {
            continue;
        }
        drop(sender.send(format!("{head}\r\n")));
        buffer.clear();
        if !answer.is_empty() && stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}
