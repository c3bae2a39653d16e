//! HTTPS by hand.

use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName};

use super::TestNode;

/// GETs a path without a client certificate, trusting the node's own bundle.
pub(crate) fn get(node: &TestNode, path: &str) -> Result<(u16, String), String> {
    let mut roots = RootCertStore::empty();
    for cert in CertificateDer::pem_file_iter(node.certs().join("ca.crt")).map_err(|err| err.to_string())? {
        roots.add(cert.map_err(|err| err.to_string())?).map_err(|err| err.to_string())?;
    }
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider has both versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let tcp = TcpStream::connect_timeout(&node.http, Duration::from_secs(2)).map_err(|err| err.to_string())?;
    tcp.set_read_timeout(Some(Duration::from_secs(5))).map_err(|err| err.to_string())?;
    let name = ServerName::try_from(node.http.ip().to_string()).map_err(|err| err.to_string())?;
    let connection = ClientConnection::new(Arc::new(config), name).map_err(|err| err.to_string())?;
    request(StreamOwned::new(connection, tcp), path)
}

/// GETs a path over plain HTTP.
pub(crate) fn get_plain(node: &TestNode, path: &str) -> Result<(u16, String), String> {
    request(TcpStream::connect(node.http).map_err(|err| err.to_string())?, path)
}

fn request(mut stream: impl std::io::Read + std::io::Write, path: &str) -> Result<(u16, String), String> {
    write!(stream, "GET {path} HTTP/1.1\r\nHost: node\r\nConnection: close\r\n\r\n").map_err(|err| err.to_string())?;
    let mut answer = Vec::new();
    // A server that closes without a goodbye has still answered.
    let end = stream.read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(|| format!("{end:?}: {answer}"))?;
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).ok_or_else(|| head.to_owned())?;
    Ok((status, body.to_owned()))
}

/// The value of a metric whose line starts so.
pub(crate) fn metric(node: &TestNode, line: &str) -> Option<f64> {
    let (_, page) = get(node, "/_status/vars").ok()?;
    let found = page.lines().find(|candidate| candidate.starts_with(line))?;
    found.rsplit(' ').next()?.parse().ok()
}
