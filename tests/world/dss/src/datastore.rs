//! The connection to the database, as the `--datastore_*` flags describe it.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::ring::default_provider;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream, lookup_host};
use tokio_postgres::{Client, NoTls};
use tokio_rustls::TlsConnector;

use crate::goflag::{Flags, Spec, value};

/// The flags of every program that uses the database.
pub const FLAGS: [Spec; 10] = [
    value("datastore_application_name", "dss"),
    value("datastore_db_name", ""),
    value("datastore_host", ""),
    value("datastore_max_conn_idle_secs", "30"),
    value("datastore_max_open_conns", "4"),
    value("datastore_max_retries", "100"),
    value("datastore_port", "26257"),
    value("datastore_ssl_dir", ""),
    value("datastore_ssl_mode", "disable"),
    value("datastore_user", ""),
];
/// Calls come from this address, if it is set, so that the network can tell who calls.
pub const SOURCE_VARIABLE: &str = "POD_IP";
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];
const LIMIT: Duration = Duration::from_secs(10);

/// Why the database could not be used.
#[derive(Debug, thiserror::Error)]
pub enum DatastoreError {
    /// A flag makes no sense.
    #[error("{0}")]
    Flag(String),
    /// A file of `--datastore_ssl_dir` cannot be used.
    #[error("cannot use certificates in `{}`: {problem}", dir.display())]
    Certificates { dir: PathBuf, problem: String },
    /// The server cannot be reached.
    #[error("failed to connect to `host={host}`: {problem}")]
    Connect {
        host: String,
        problem: String,
        #[source]
        err: Option<io::Error>,
    },
    /// The server stays silent.
    #[error("failed to connect to `host={host}`: no answer in {} s", LIMIT.as_secs())]
    Silent { host: String },
    /// The server refuses, or a statement failed.
    #[error("{}", text(err))]
    Sql {
        #[from]
        err: tokio_postgres::Error,
    },
}

fn text(err: &tokio_postgres::Error) -> String {
    match err.as_db_error() {
        Some(db) => format!("{} (SQLSTATE {})", db.message(), db.code().code()),
        None => err.to_string(),
    }
}

/// Where the database is and who we are there.
#[derive(Debug, Clone)]
pub struct Datastore {
    host: String,
    port: u16,
    user: String,
    application: String,
    /// `None` without TLS.
    tls: Option<Tls>,
    source: Option<IpAddr>,
}

/// What the files of `--datastore_ssl_dir` held when the program started. Every later connection is made of it, as the driver of the
/// real programs does: files that change on disk are never looked at again.
#[derive(Debug, Clone)]
struct Tls {
    dir: PathBuf,
    config: Arc<ClientConfig>,
}

impl Datastore {
    /// Reads the flags, the environment and the certificates, all of them for good.
    ///
    /// # Errors
    ///
    /// [`DatastoreError::Flag`] for the first flag that is missing or makes no sense, [`DatastoreError::Certificates`] for a file that
    /// is missing or broken.
    pub fn of(flags: &Flags) -> Result<Self, DatastoreError> {
        let needed = |name: &str| {
            let given = flags.get(name);
            if given.is_empty() {
                Err(DatastoreError::Flag(format!("missing required --{name}")))
            } else {
                Ok(given.to_owned())
            }
        };
        for name in ["datastore_max_open_conns", "datastore_max_conn_idle_secs", "datastore_max_retries"] {
            flags.number::<u32>(name).map_err(DatastoreError::Flag)?;
        }
        let ssl_dir = match flags.get("datastore_ssl_mode") {
            "disable" => None,
            "verify-full" => Some(PathBuf::from(needed("datastore_ssl_dir")?)),
            other => return Err(DatastoreError::Flag(format!("invalid ssl_mode: {other}"))),
        };
        let source = crate::environment::get(SOURCE_VARIABLE);
        let source = source.map(|text| text.parse::<IpAddr>()).transpose();
        let (host, user) = (needed("datastore_host")?, needed("datastore_user")?);
        let tls = |dir: PathBuf| Ok::<_, DatastoreError>(Tls { config: Arc::new(tls_config(&dir, &user)?), dir });
        Ok(Self {
            host,
            port: flags.number("datastore_port").map_err(DatastoreError::Flag)?,
            tls: ssl_dir.map(tls).transpose()?,
            user,
            application: flags.get("datastore_application_name").to_owned(),
            source: source.map_err(|err| DatastoreError::Flag(format!("{SOURCE_VARIABLE}: {err}")))?,
        })
    }

    /// The folder of the certificates, if TLS is used.
    pub fn ssl_dir(&self) -> Option<&Path> {
        self.tls.as_ref().map(|tls| tls.dir.as_path())
    }

    /// Opens a connection to one database. A server that says nothing, as a node without a cluster does, is given up
    /// after a while.
    ///
    /// # Errors
    ///
    /// Why there is none.
    pub async fn connect(&self, database: &str) -> Result<Client, DatastoreError> {
        tokio::time::timeout(LIMIT, self.attempt(database))
            .await
            .unwrap_or_else(|_| Err(DatastoreError::Silent { host: self.host.clone() }))
    }

    async fn attempt(&self, database: &str) -> Result<Client, DatastoreError> {
        let mut stream = self.dial().await.map_err(|err| self.failed(io_text(&err), Some(err)))?;
        let mut config = tokio_postgres::Config::new();
        config
            .user(&self.user)
            .dbname(database)
            .application_name(&self.application)
            .ssl_mode(tokio_postgres::config::SslMode::Disable);
        let Some(Tls { config: tls, .. }) = &self.tls else { return open(&config, stream).await };
        stream.write_all(&SSL_REQUEST).await.map_err(|err| self.failed(io_text(&err), Some(err)))?;
        if stream.read_u8().await.map_err(|err| self.failed(io_text(&err), Some(err)))? != b'S' {
            return Err(self.failed("server refused TLS connection".to_owned(), None));
        }
        let name = ServerName::try_from(self.host.clone()).map_err(|err| self.failed(err.to_string(), None))?;
        let connector = TlsConnector::from(Arc::clone(tls));
        let tls = connector.connect(name, stream).await;
        open(&config, tls.map_err(|err| self.failed(format!("tls error ({err})"), Some(err)))?).await
    }

    fn failed(&self, problem: String, err: Option<io::Error>) -> DatastoreError {
        DatastoreError::Connect { host: self.host.clone(), problem, err }
    }

    async fn dial(&self) -> io::Result<TcpStream> {
        let mut last = io::Error::from(io::ErrorKind::NotFound);
        for address in lookup_host((self.host.as_str(), self.port)).await? {
            match connect_from(self.source, address).await {
                Ok(stream) => return Ok(stream),
                Err(err) => last = err,
            }
        }
        Err(last)
    }
}

async fn open<S>(config: &tokio_postgres::Config, stream: S) -> Result<Client, DatastoreError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (client, connection) = config.connect_raw(stream, NoTls).await?;
    // The client notices when the connection ends.
    tokio::spawn(async move { drop(connection.await) });
    Ok(client)
}

async fn connect_from(source: Option<IpAddr>, to: SocketAddr) -> io::Result<TcpStream> {
    let socket = if to.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if let Some(source) = source.filter(|source| source.is_ipv4() == to.is_ipv4()) {
        socket.bind(SocketAddr::new(source, 0))?;
    }
    socket.connect(to).await
}

fn io_text(err: &io::Error) -> String {
    match err.kind() {
        io::ErrorKind::ConnectionRefused => "dial error (connect: connection refused)".to_owned(),
        _ => format!("dial error ({err})"),
    }
}

fn tls_config(dir: &Path, user: &str) -> Result<ClientConfig, DatastoreError> {
    let bad = |problem: String| DatastoreError::Certificates { dir: dir.to_owned(), problem };
    let mut roots = RootCertStore::empty();
    let bundle = CertificateDer::pem_file_iter(dir.join("ca.crt")).map_err(|err| bad(format!("ca.crt: {err}")))?;
    for cert in bundle {
        roots.add(cert.map_err(|err| bad(format!("ca.crt: {err}")))?).map_err(|err| bad(format!("ca.crt: {err}")))?;
    }
    let name = format!("client.{user}.crt");
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(dir.join(&name))
        .and_then(Iterator::collect)
        .map_err(|err| bad(format!("{name}: {err}")))?;
    // The parser's own words might quote the key.
    let key = PrivateKeyDer::from_pem_file(dir.join(format!("client.{user}.key")))
        .map_err(|_| bad(format!("client.{user}.key: no private key")))?;
    ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_root_certificates(roots).with_client_auth_cert(chain, key))
        .map_err(|err| bad(err.to_string()))
}
