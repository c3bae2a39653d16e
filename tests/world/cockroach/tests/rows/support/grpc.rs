//! gRPC by hand: one framed message there, status and trailers back. Shares nothing with the node's own client.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::{BufMut as _, Bytes, BytesMut};
use http::{Request, Version};
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) code: u32,
    pub(crate) message: String,
    pub(crate) body: Vec<u8>,
}

/// Calls a method with an encoded message. `identity` names `<identity>.crt` and `.key` in `certs`, or nobody.
///
/// # Errors
///
/// When there is no gRPC answer at all: what went wrong in words.
pub(crate) fn call(
    to: SocketAddr,
    certs: &Path,
    identity: Option<&str>,
    method: &str,
    message: &[u8],
) -> Result<Answer, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let work = exchange(to, certs, identity, method, message);
    runtime
        .block_on(async { tokio::time::timeout(Duration::from_secs(10), work).await.map_err(|err| err.to_string())? })
}

async fn exchange(
    to: SocketAddr,
    certs: &Path,
    identity: Option<&str>,
    method: &str,
    message: &[u8],
) -> Result<Answer, String> {
    let mut roots = RootCertStore::empty();
    for cert in CertificateDer::pem_file_iter(certs.join("ca.crt")).map_err(|err| err.to_string())? {
        roots.add(cert.map_err(|err| err.to_string())?).map_err(|err| err.to_string())?;
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider has both versions")
        .with_root_certificates(roots);
    let mut config = match identity {
        None => builder.with_no_client_auth(),
        Some(identity) => {
            let cert = CertificateDer::from_pem_file(certs.join(format!("{identity}.crt"))).expect("a certificate");
            let key = PrivateKeyDer::from_pem_file(certs.join(format!("{identity}.key"))).expect("a key");
            builder.with_client_auth_cert(vec![cert], key).expect("a pair")
        }
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    let tcp = TcpStream::connect(to).await.map_err(|err| err.to_string())?;
    let name = ServerName::try_from(to.ip().to_string()).expect("an address");
    let tls = TlsConnector::from(Arc::new(config)).connect(name, tcp).await.map_err(|err| err.to_string())?;
    let (mut sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(tls))
        .await
        .map_err(|err| err.to_string())?;
    let connection = tokio::spawn(connection);
    let mut frame = BytesMut::new();
    frame.put_u8(0);
    frame.put_u32(u32::try_from(message.len()).expect("a small message"));
    frame.put_slice(message);
    let request = Request::post(format!("https://{to}{method}"))
        .version(Version::HTTP_2)
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(Full::<Bytes>::new(frame.freeze()))
        .expect("a request");
    let response = match sender.send_request(request).await {
        Ok(response) => response,
        // The connection itself knows why it broke.
        Err(err) => return Err(format!("{err}: {:?}", connection.await)),
    };
    let head = response.headers().clone();
    let collected = response.into_body().collect().await.map_err(|err| err.to_string())?;
    let trailers = collected.trailers().cloned().unwrap_or_default();
    let field = |name: &str| {
        let value = trailers.get(name).or_else(|| head.get(name));
        value.and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
    };
    let body = collected.to_bytes();
    Ok(Answer {
        code: field("grpc-status").parse().unwrap_or(u32::MAX),
        message: unescape(&field("grpc-message")),
        body: body.get(5..).unwrap_or_default().to_vec(),
    })
}

fn unescape(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let hex = tail.get(..2).and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        match (first, hex) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            _ => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
