//! A session with the pool's database, as the client whose certificate is mounted.

use std::net::IpAddr;
use std::path::PathBuf;

use tokio::net::TcpStream;
use tokio_postgres::config::SslMode;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{Client, Config};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::AgentError;
use crate::probe::{Dialer, client_config};

/// Where the database is and who we are there.
#[derive(Debug, Clone)]
pub struct Datastore {
    /// Name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// User.
    pub user: String,
    /// Folder of `ca.crt` and of the client's certificate and key.
    pub client: PathBuf,
    /// Name of the client's files without `.crt` and `.key`.
    pub certificate: String,
    /// Address to call from.
    pub source: Option<IpAddr>,
}

impl Datastore {
    /// Opens a session in one database.
    ///
    /// # Errors
    ///
    /// [`AgentError::Unreachable`] while nobody answers, [`AgentError::Sql`] if the database refuses, others for certificates
    /// that cannot be used.
    pub async fn connect(&self, database: &str) -> Result<Client, AgentError> {
        let tls = client_config(&self.client, &self.certificate)?;
        let stream = Dialer::new(self.source).dial(&self.host, self.port).await;
        let stream = stream.map_err(|err| AgentError::Unreachable { host: self.host.clone(), err: Box::new(err) })?;
        let mut connect = MakeRustlsConnect::new(tls);
        let connector = MakeTlsConnect::<TcpStream>::make_tls_connect(&mut connect, &self.host)
            .expect("making a connector of rustls never fails; a bad name does when connecting");
        let (client, connection) = Config::new()
            .user(&self.user)
            .dbname(database)
            .application_name("hangar-agent")
            .ssl_mode(SslMode::Require)
            // This database hangs rather than fails: a statement ends when nobody waits for it any more.
            .options("-c statement_timeout=10000")
            .connect_raw(stream, connector)
            .await
            .map_err(AgentError::sql(&self.host))?;
        // It ends with its client, and how it ends the client is told.
        tokio::spawn(async move { drop(connection.await) });
        Ok(client)
    }
}
