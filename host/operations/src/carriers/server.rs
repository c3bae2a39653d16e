//! `pool carry`: serves a folder of records over HTTPS, for members who share no other place.
//!
//! It is a carrier and no more: whoever may write can at worst delay, since every file is signed. So it checks names and sizes,
//! and whether a writer has the token, and reads nothing.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hangar_pool::{Carrier as _, CarrierError, FILE_LIMIT, Folder};
use hangar_roster::CarrierFile;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, ETAG, HeaderValue, IF_MATCH, IF_NONE_MATCH};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::failure::{Cause, Failure};

/// For a handshake, and for the head of a request: a caller that says nothing is let go.
const PATIENCE: Duration = Duration::from_secs(20);

/// What is served, where and as whom.
#[derive(Debug)]
pub struct Carry {
    /// The folder of the files; made with the first.
    pub folder: PathBuf,
    /// Where to listen.
    pub listen: SocketAddr,
    /// Certificate chain, PEM.
    pub certificate: Vec<u8>,
    /// Its key, PEM.
    pub key: SecretString,
    /// What a writer must show; none: whoever reaches it may write.
    pub token: Option<SecretString>,
}

/// Why nothing is served.
#[derive(Debug, thiserror::Error)]
pub enum CarryError {
    /// Certificate and key are none, or not of each other.
    #[error("the certificate or its key cannot be used: {0}")]
    Certificate(String),
    /// The address is not to be had.
    #[error("cannot listen on {listen}")]
    Listen {
        /// Which.
        listen: SocketAddr,
        /// What the system said.
        #[source]
        err: std::io::Error,
    },
}

/// A server that listens; [`Serving::run`] answers.
pub struct Serving {
    listener: TcpListener,
    acceptor: TlsAcceptor,
    shelf: Arc<Shelf>,
}

/// What every connection looks at.
struct Shelf {
    folder: Folder,
    token: Option<SecretString>,
    /// One write at a time, so that what it replaces is what it was said to be.
    writing: tokio::sync::Mutex<()>,
}

impl Carry {
    /// Reads what is served with from the files that hold it.
    ///
    /// # Errors
    ///
    /// [`Failure`] naming the file that cannot be read.
    pub fn read(
        folder: &Path,
        listen: SocketAddr,
        certificate: &Path,
        key: &Path,
        token: Option<&Path>,
    ) -> Result<Self, Failure> {
        let secret = |path: &Path| {
            let text = std::fs::read_to_string(path)
                .map_err(|err| Failure::of(Cause::Refused, format!("cannot read `{}`", path.display()), err))?;
            Ok::<_, Failure>(SecretString::from(text.trim().to_owned()))
        };
        Ok(Self {
            folder: folder.to_owned(),
            listen,
            certificate: super::read(certificate)?,
            key: secret(key)?,
            token: token.map(secret).transpose()?,
        })
    }

    /// Listens. Whoever connects is answered once [`Serving::run`] runs.
    ///
    /// # Errors
    ///
    /// [`CarryError`].
    pub async fn listen(self) -> Result<Serving, CarryError> {
        let bad = |err: String| CarryError::Certificate(err);
        let chain: Vec<_> = CertificateDer::pem_slice_iter(&self.certificate)
            .collect::<Result<_, _>>()
            .map_err(|err| bad(err.to_string()))?;
        // The parser's own words might quote the key.
        let key = PrivateKeyDer::from_pem_slice(self.key.expose_secret().as_bytes())
            .map_err(|_| bad("no private key in PEM".into()))?;
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
            .map_err(|err| bad(err.to_string()))?;
        let listen = self.listen;
        let listener = TcpListener::bind(listen).await.map_err(|err| CarryError::Listen { listen, err })?;
        let shelf =
            Shelf { folder: Folder::new(&self.folder), token: self.token, writing: tokio::sync::Mutex::default() };
        Ok(Serving { listener, acceptor: TlsAcceptor::from(Arc::new(config)), shelf: Arc::new(shelf) })
    }
}

impl Serving {
    /// Where it listens.
    ///
    /// # Errors
    ///
    /// Where the system does not say.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Answers until it is dropped.
    pub async fn run(self) {
        let mut connections = tokio::task::JoinSet::new();
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                Some(_) = connections.join_next() => continue,
            };
            let Ok((stream, _)) = accepted else {
                // Out of descriptors: that passes.
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            };
            let (acceptor, shelf) = (self.acceptor.clone(), Arc::clone(&self.shelf));
            connections.spawn(async move {
                let Ok(Ok(stream)) = tokio::time::timeout(PATIENCE, acceptor.accept(stream)).await else { return };
                let service = service_fn(move |request| {
                    let shelf = Arc::clone(&shelf);
                    async move { Ok::<_, Infallible>(shelf.answer(request).await) }
                });
                let mut server = hyper::server::conn::http1::Builder::new();
                server.timer(TokioTimer::new()).header_read_timeout(PATIENCE);
                // How a connection ends is the caller's to report.
                drop(server.serve_connection(TokioIo::new(stream), service).await);
            });
        }
    }
}

type Answer = Response<Full<Bytes>>;

impl Shelf {
    async fn answer(&self, request: Request<Incoming>) -> Answer {
        let name = request.uri().path().trim_start_matches('/').rsplit('/').next().unwrap_or_default().to_owned();
        match (request.method().clone(), name.as_str()) {
            (Method::GET, "") => self.list(),
            (Method::GET, name) => match name.parse() {
                Ok(file) => self.get(&file, request.headers().get(IF_NONE_MATCH)),
                Err(_) => status(StatusCode::NOT_FOUND),
            },
            (Method::PUT, name) => match name.parse() {
                Ok(_) if !self.is_allowed(request.headers().get(AUTHORIZATION)) => status(StatusCode::UNAUTHORIZED),
                Ok(file) => self.put(&file, request).await,
                Err(_) => status(StatusCode::NOT_FOUND),
            },
            _ => status(StatusCode::METHOD_NOT_ALLOWED),
        }
    }

    fn is_allowed(&self, given: Option<&HeaderValue>) -> bool {
        let Some(token) = &self.token else { return true };
        let given = given.map(|value| Sha256::digest(value.as_bytes()));
        // Digests compare in a time that says nothing of the token.
        given == Some(Sha256::digest(format!("Bearer {}", token.expose_secret())))
    }

    fn list(&self) -> Answer {
        match self.folder.records() {
            Ok(records) => {
                let names: Vec<String> = records.into_iter().map(|(name, _)| name).collect();
                let mut answer = Response::new(Full::from(serde_json::json!(names).to_string()));
                answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
                answer
            }
            Err(err) => failed(&err),
        }
    }

    fn get(&self, file: &CarrierFile, known: Option<&HeaderValue>) -> Answer {
        match self.folder.read(file) {
            Ok(Some(bytes)) if known == Some(&tag(&bytes)) => {
                tagged(StatusCode::NOT_MODIFIED, &tag(&bytes), Vec::new())
            }
            Ok(Some(bytes)) => tagged(StatusCode::OK, &tag(&bytes), bytes),
            Ok(None) => status(StatusCode::NOT_FOUND),
            Err(err) => failed(&err),
        }
    }

    async fn put(&self, file: &CarrierFile, request: Request<Incoming>) -> Answer {
        let wanted = request.headers().get(IF_MATCH).cloned();
        let is_new = request.headers().contains_key(IF_NONE_MATCH);
        let limit = usize::try_from(FILE_LIMIT).unwrap_or(usize::MAX);
        let Ok(Ok(body)) = tokio::time::timeout(PATIENCE, Limited::new(request.into_body(), limit).collect()).await
        else {
            return status(StatusCode::PAYLOAD_TOO_LARGE);
        };
        let bytes = body.to_bytes();
        let _turn = self.writing.lock().await;
        let held = match self.folder.read(file) {
            Ok(held) => held.map(|held| tag(&held)),
            Err(err) => return failed(&err),
        };
        if (is_new && held.is_some()) || (wanted.is_some() && wanted != held) {
            return status(StatusCode::PRECONDITION_FAILED);
        }
        match self.folder.publish(file, &bytes) {
            Ok(()) => tagged(StatusCode::NO_CONTENT, &tag(&bytes), Vec::new()),
            Err(err) => failed(&err),
        }
    }
}

/// What a file is known by: its digest.
fn tag(bytes: &[u8]) -> HeaderValue {
    let text = format!("\"{}\"", hex::encode(Sha256::digest(bytes)));
    HeaderValue::from_str(&text).expect("hexadecimal digits in quotes are a header's value")
}

fn tagged(status: StatusCode, tag: &HeaderValue, bytes: Vec<u8>) -> Answer {
    let mut answer = Response::new(Full::from(bytes));
    *answer.status_mut() = status;
    answer.headers_mut().insert(ETAG, tag.clone());
    answer
}

fn status(status: StatusCode) -> Answer {
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = status;
    answer
}

fn failed(err: &CarrierError) -> Answer {
    tracing::warn!(%err, "a file is not served");
    status(StatusCode::INTERNAL_SERVER_ERROR)
}

#[cfg(test)]
mod tests;
