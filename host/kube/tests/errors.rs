//! What goes wrong between us and an API server, each told apart: against a server with real TLS on loopback.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Result;
use hangar_kube::{Access, Cluster, Credential, KubeError};
use hangar_plan::hint::Hint as _;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

/// A server that gives everybody the same answer. Ends with its runtime.
struct Server {
    address: SocketAddr,
    ca_pem: String,
    /// The heads of the requests it has had.
    heads: mpsc::UnboundedReceiver<String>,
}

impl Server {
    async fn start(status: &'static str, body: &'static str) -> Result<Self> {
        let (tls, ca_pem) = identity()?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (sender, heads) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (tls, sender) = (tls.clone(), sender.clone());
                tokio::spawn(async move {
                    let mut stream = tls.accept(stream).await?;
                    let mut head = vec![0; 16 * 1024];
                    let n_read = stream.read(&mut head).await?;
                    sender.send(String::from_utf8_lossy(&head[..n_read]).into_owned()).ok();
                    let answer = format!(
                        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
                        body.len()
                    );
                    stream.write_all(answer.as_bytes()).await?;
                    stream.shutdown().await
                });
            }
        });
        Ok(Self { address, ca_pem, heads })
    }

    fn access(&self) -> Access {
        Access {
            endpoint: format!("https://{}", self.address),
            ca_pem: Some(self.ca_pem.clone()),
            server_name: Some("api.example".to_owned()),
            proxy: None,
            credential: Credential::Token("sesame".into()),
        }
    }
}

fn identity() -> Result<(TlsAcceptor, String)> {
    let mut authority = CertificateParams::new(Vec::new())?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate()?)?;
    let key = KeyPair::generate()?;
    let leaf = CertificateParams::new(vec!["api.example".to_owned()])?.signed_by(&key, &authority)?;
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(vec![leaf.der().clone()], key)?;
    Ok((TlsAcceptor::from(Arc::new(config)), authority.pem()))
}

async fn failure(access: &Access) -> Result<KubeError> {
    match Cluster::connect(access)?.identity().await {
        Ok(identity) => anyhow::bail!("known as {identity:?}"),
        Err(err) => Ok(err),
    }
}

#[tokio::test]
async fn a_refused_token_is_told_from_a_wrong_server() -> Result<()> {
    let refusal = r#"{"kind":"Status","apiVersion":"v1","status":"Failure","message":"Unauthorized","reason":"Unauthorized","code":401}"#;
    let server = Server::start("401 Unauthorized", refusal).await?;
    let err = failure(&server.access()).await?;
    assert!(matches!(err, KubeError::CredentialRefused { .. }), "{err:?}");
    assert!(err.hint().is_some_and(|hint| hint.contains("sign in")));
    assert!(!format!("{err:?} {err}").contains("sesame"));
    Ok(())
}

#[tokio::test]
async fn a_server_of_another_authority_never_sees_the_token() -> Result<()> {
    let (mut server, other) = (Server::start("200 OK", "{}").await?, Server::start("200 OK", "{}").await?);
    let err = failure(&Access { ca_pem: Some(other.ca_pem), ..server.access() }).await?;
    assert!(matches!(err, KubeError::Untrusted { .. }), "{err:?}");
    assert!(server.heads.try_recv().is_err());
    Ok(())
}

#[tokio::test]
async fn a_server_of_another_name_is_not_trusted() -> Result<()> {
    let server = Server::start("200 OK", "{}").await?;
    let err = failure(&Access { server_name: Some("other.example".to_owned()), ..server.access() }).await?;
    assert!(matches!(err, KubeError::Untrusted { .. }), "{err:?}");
    Ok(())
}

#[tokio::test]
async fn nobody_there_is_unreachable() -> Result<()> {
    let server = Server::start("200 OK", "{}").await?;
    let free = TcpListener::bind("127.0.0.1:0").await?.local_addr()?;
    let err = failure(&Access { endpoint: format!("https://{free}"), ..server.access() }).await?;
    assert!(matches!(err, KubeError::Unreachable { .. }), "{err:?}");
    Ok(())
}

#[tokio::test]
async fn an_answer_of_something_else_is_no_answer() -> Result<()> {
    let server = Server::start("502 Bad Gateway", "<html>proxy</html>").await?;
    let err = failure(&server.access()).await?;
    assert!(matches!(err, KubeError::Unavailable { .. }), "{err:?}");
    Ok(())
}

#[tokio::test]
async fn a_token_that_cannot_be_sent_or_made_is_told_as_such() -> Result<()> {
    let server = Server::start("200 OK", "{}").await?;
    let err = failure(&Access { credential: Credential::Token("two\nlines".into()), ..server.access() }).await?;
    assert!(matches!(err, KubeError::NoToken { .. }), "{err:?}");
    let cause = std::error::Error::source(&err).map(ToString::to_string);
    assert_eq!(cause.as_deref(), Some("it has letters that no header can carry"));
    Ok(())
}

#[tokio::test]
async fn a_proxy_in_the_access_is_used() -> Result<()> {
    let server = Server::start("200 OK", "{}").await?;
    let proxy = TcpListener::bind("127.0.0.1:0").await?;
    let access = Access { proxy: Some(format!("http://{}", proxy.local_addr()?)), ..server.access() };
    let asked = tokio::spawn(async move {
        let (mut stream, _) = proxy.accept().await?;
        let mut head = vec![0; 1024];
        let n_read = stream.read(&mut head).await?;
        stream.write_all(b"HTTP/1.1 403 Forbidden\r\n\r\n").await?;
        std::io::Result::Ok(String::from_utf8_lossy(&head[..n_read]).into_owned())
    });
    let err = failure(&access).await?;
    assert!(matches!(err, KubeError::Unreachable { .. }), "{err:?}");
    assert!(asked.await??.starts_with(&format!("CONNECT {}", server.address)));
    Ok(())
}
