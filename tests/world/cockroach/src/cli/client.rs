//! How the command line reaches a node, by RPC and by SQL.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustls_pki_types::ServerName;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};
use tokio_rustls::TlsConnector;
use tonic::Status;

use super::error::CliError;
use super::flags::{Flags, Spec, Takes, switch, value};
use crate::build_info::BuildInfo;
use crate::certs::loader::{Material, Slot};
use crate::certs::tls::ClientTls;
use crate::certs::{CertsError, go_text};
use crate::environment;
use crate::net::dial::dial;
use crate::net::{DEFAULT_PORT, HostPort};
use crate::rpc::channel::{Channel, Route};
use crate::rpc::peers::check_cluster_name;
use crate::wire::cockroach::rpc::PingRequest;
use crate::wire::cockroach::rpc::heartbeat_client::HeartbeatClient;

/// Flags of every command that talks to a node.
pub const CERTS_DIR: Spec = value("certs-dir");
pub const HOST: Spec = value("host");
pub const PORT: Spec = Spec { name: "port", short: Some('p'), takes: Takes::Value };
pub const CLUSTER_NAME: Spec = value("cluster-name");
pub const DISABLE_VERIFICATION: Spec = switch("disable-cluster-name-verification");
pub const LOG_TO_STDERR: Spec = Spec { name: "logtostderr", short: None, takes: Takes::Optional("INFO") };

const LIMIT: Duration = Duration::from_secs(5);
/// `SSLRequest` of the PostgreSQL protocol.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];

/// What the flags say about the server.
#[derive(Debug, Clone)]
pub struct Target {
    pub address: HostPort,
    certs_dir: PathBuf,
    cluster_name: String,
    skip_name: bool,
    /// In a pod, calls come from the pod's address, so that the network can tell who calls.
    source: Option<IpAddr>,
}

impl Target {
    /// Reads the flags.
    ///
    /// # Errors
    ///
    /// When an address makes no sense.
    pub fn of(flags: &Flags) -> Result<Self, CliError> {
        let port = flags.get("port").map(str::parse).transpose();
        let port = port.map_err(|_| CliError::new("invalid port"))?.unwrap_or(DEFAULT_PORT);
        let host = environment::get("COCKROACH_HOST").unwrap_or_else(|| "localhost".to_owned());
        let address = HostPort::parse(flags.get("host").unwrap_or(&host), "localhost", port).map_err(CliError::new)?;
        let dir = flags.get("certs-dir").map(PathBuf::from);
        let dir = dir.or_else(|| environment::get("COCKROACH_CERTS_DIR").map(PathBuf::from));
        Ok(Self {
            address,
            certs_dir: dir.unwrap_or_else(super::start::config::default_certs_dir),
            cluster_name: flags.get("cluster-name").unwrap_or_default().to_owned(),
            skip_name: flags.is_on("disable-cluster-name-verification"),
            source: environment::get("POD_IP").and_then(|text| text.parse().ok()),
        })
    }

    fn tls(&self, user: &str) -> Result<ClientTls, CliError> {
        let material = Material::read(&self.certs_dir)?;
        material.ca.valid().map_err(|problem| CertsError::Problem { what: "CA certificate", problem })?;
        let own = material.clients.get(user).cloned().unwrap_or(Slot::Absent);
        own.valid()
            .map_err(|problem| CertsError::Unusable(format!("problem with client cert for user {user}: {problem}")))?;
        Ok(ClientTls::new(&material.ca, Some(&own))?)
    }

    /// Opens an RPC connection as root and exchanges the first heartbeat.
    ///
    /// # Errors
    ///
    /// The outer one for certificates that cannot be used, the inner one for a server that cannot be reached.
    pub async fn rpc(&self) -> Result<Result<Channel, Status>, CliError> {
        let tls = self.tls("root")?;
        let route = Route { address: self.address.clone(), source: self.source, tls: tls.rpc, limit: LIMIT };
        Ok(self.open(&route).await)
    }

    async fn open(&self, route: &Route) -> Result<Channel, Status> {
        let channel = Channel::connect(route).await?;
        let origin = channel.origin();
        let mut client = HeartbeatClient::with_origin(channel.clone(), origin);
        let request = PingRequest {
            ping: "ping".to_owned(),
            origin_addr: String::new(),
            server_version: Some(BuildInfo::from_environment().version().to_wire()),
            ..PingRequest::default()
        };
        let answer = tokio::time::timeout(LIMIT, client.ping(request))
            .await
            .map_err(|_| Status::deadline_exceeded("context deadline exceeded"))??
            .into_inner();
        if !self.skip_name && !answer.disable_cluster_name_verification {
            check_cluster_name(&self.cluster_name, &answer.cluster_name).map_err(Status::unknown)?;
        }
        Ok(channel)
    }

    /// Opens an SQL connection.
    ///
    /// # Errors
    ///
    /// As printed.
    pub async fn sql(&self, user: &str, database: &str, application: &str) -> Result<Client, CliError> {
        let tls = self.tls(user)?;
        let failed = |cause: &str| {
            let host = &self.address.host;
            CliError::cannot_dial(&format!(
                "failed to connect to `host={host} user={user} database={database}`: {cause}"
            ))
        };
        let mut stream =
            dial(&self.address, self.source, LIMIT).await.map_err(|err| failed(&format!("dial error ({err})")))?;
        let io_failed = |err: std::io::Error| failed(&format!("tls error ({})", go_text::handshake(&err)));
        stream.write_all(&SSL_REQUEST).await.map_err(io_failed)?;
        if stream.read_u8().await.map_err(io_failed)? != b'S' {
            return Err(failed("tls error (server refused TLS connection)"));
        }
        let name = ServerName::try_from(self.address.host.clone()).map_err(|err| failed(&err.to_string()))?;
        let tls = TlsConnector::from(Arc::clone(&tls.sql)).connect(name, stream).await.map_err(io_failed)?;
        let mut config = tokio_postgres::Config::new();
        config
            .user(user)
            .dbname(database)
            .application_name(application)
            .ssl_mode(tokio_postgres::config::SslMode::Disable);
        let (client, connection) = config.connect_raw(tls, NoTls).await.map_err(|err| match err.as_db_error() {
            Some(_) => sql_error(&err),
            None => failed(&go_text::tls_failure(&err).unwrap_or_else(|| err.to_string())),
        })?;
        tokio::spawn(async move { drop(connection.await) });
        Ok(client)
    }
}

/// A failed statement, as printed.
pub fn sql_error(err: &tokio_postgres::Error) -> CliError {
    match err.as_db_error() {
        Some(db) => CliError::sql(db.message(), db.code().code(), db.detail(), db.hint()),
        None => CliError::new(err.to_string()),
    }
}

/// Rows as text, NULL as `NULL`.
pub fn text_rows(messages: &[SimpleQueryMessage]) -> Vec<Vec<String>> {
    let rows = messages.iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    rows.map(|row| (0..row.len()).map(|at| row.get(at).unwrap_or("NULL").to_owned()).collect()).collect()
}
