//! A writer and a reader that go on while a pool changes, each on standing and on new connections.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, ensure};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use test_world::OrganisationFile;
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_postgres::config::SslMode;
use tokio_postgres::{Client, SimpleQueryMessage};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::cluster::{CLIENT_SECRET, secret};
use crate::pooled::Stage;

/// A query that takes longer has failed. The database itself waits for a lost leaseholder for some ten seconds.
const PATIENCE: Duration = Duration::from_secs(60);
/// Pause between two queries of one of them.
const PACE: Duration = Duration::from_millis(40);
/// Queries on one connection before the next is opened.
const KEEP: u64 = 10;
const PORT: u16 = 26257;

/// One database node at its public address, as a client of an organisation reaches it.
#[derive(Clone)]
pub(crate) struct Gateway {
    name: String,
    address: SocketAddr,
    /// Load balancers let in pods alone, and tell them by where they call from.
    source: Ipv4Addr,
    tls: MakeRustlsConnect,
}

impl Gateway {
    /// The first node of `owner`, called by the root client of `caller` from the range of its pods.
    pub(crate) async fn to(owner: &OrganisationFile, caller: &OrganisationFile) -> Result<Self> {
        Self::by(owner, caller, CLIENT_SECRET).await
    }

    /// The same, with the client's certificate in this Secret.
    async fn by(owner: &OrganisationFile, caller: &OrganisationFile, name: &str) -> Result<Self> {
        let files = secret(caller, name).await?;
        let file = |file: &str| files.get(file).with_context(|| format!("no `{file}` in `{name}`"));
        let mut roots = RootCertStore::empty();
        for authority in CertificateDer::pem_slice_iter(file("ca.crt")?) {
            roots.add(authority?)?;
        }
        let chain = CertificateDer::pem_slice_iter(file("client.root.crt")?).collect::<Result<Vec<_>, _>>()?;
        let key = PrivateKeyDer::from_pem_slice(file("client.root.key")?)?;
        let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_client_auth_cert(chain, key)?;
        Ok(Self {
            name: format!("0.db.dss.{}.example.com", owner.name),
            address: SocketAddr::new(last(&owner.load_balancer_range, 10)?.into(), PORT),
            source: last(&caller.pod_range, 250)?,
            tls: MakeRustlsConnect::new(config),
        })
    }

    /// The same client at an address from which another organisation's pods call.
    pub(crate) fn calling_from(self, organisation: &OrganisationFile) -> Result<Self> {
        Ok(Self { source: last(&organisation.pod_range, 251)?, ..self })
    }

    /// Answers of one statement, first column, on a connection of its own.
    pub(crate) async fn ask(&self, statement: &str) -> Result<Vec<String>> {
        ask(&self.connect().await?, statement).await
    }

    async fn connect(&self) -> Result<Client> {
        timeout(PATIENCE, self.open()).await.context("no connection in time")?
    }

    async fn open(&self) -> Result<Client> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::new(self.source.into(), 0))?;
        let stream = socket.connect(self.address).await?;
        let tls = tokio_postgres::tls::MakeTlsConnect::<TcpStream>::make_tls_connect(&mut self.tls.clone(), &self.name)
            .map_err(|err| anyhow!("{err}"))?;
        let mut config = tokio_postgres::Config::new();
        config.user("root").dbname("defaultdb").application_name("traffic").ssl_mode(SslMode::Require);
        let (client, connection) = config.connect_raw(stream, tls).await?;
        // It ends with its client.
        tokio::spawn(async move { drop(connection.await) });
        Ok(client)
    }
}

async fn ask(client: &Client, statement: &str) -> Result<Vec<String>> {
    let messages = timeout(PATIENCE, client.simple_query(statement)).await.context("no answer in time")??;
    let rows = messages.into_iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row.get(0).unwrap_or_default().to_owned()),
        _ => None,
    });
    Ok(rows.collect())
}

/// The address with this last number in a range.
fn last(range: &str, number: u8) -> Result<Ipv4Addr> {
    let (prefix, _) = range.rsplit_once('.').with_context(|| format!("`{range}` is no range"))?;
    Ok(format!("{prefix}.{number}").parse()?)
}

/// A connection that is opened anew now and then, and after a failure.
struct Standing {
    gateway: Gateway,
    client: Option<Client>,
    n_asked: u64,
}

impl Standing {
    fn new(gateway: &Gateway) -> Self {
        Self { gateway: gateway.clone(), client: None, n_asked: 0 }
    }

    async fn ask(&mut self, statement: &str) -> Result<Vec<String>> {
        if self.n_asked.is_multiple_of(KEEP) {
            self.client = None;
        }
        let client = match self.client.take() {
            Some(client) => client,
            None => self.gateway.connect().await?,
        };
        self.n_asked += 1;
        let answer = ask(&client, statement).await.with_context(|| self.gateway.name.clone())?;
        self.client = Some(client);
        Ok(answer)
    }
}

/// What both of them share.
#[derive(Default)]
struct Log {
    stop: AtomicBool,
    /// Every number up to this one is written, by the word of the database.
    n_written: AtomicU64,
    n_read: AtomicU64,
    failures: Mutex<Vec<String>>,
    lost: Mutex<Vec<u64>>,
}

impl Log {
    fn failed(&self, what: &str, err: &anyhow::Error) {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner).push(format!("{what}: {err:#}"));
    }
}

/// A writer and a reader at work.
pub(crate) struct Traffic {
    log: Arc<Log>,
    gateways: Vec<Gateway>,
    tasks: [JoinHandle<()>; 2],
}

impl Traffic {
    /// Begins to write and to read at a node of each of these organisations in turn.
    pub(crate) async fn begin(stage: &Stage, organisations: &[&str]) -> Result<Self> {
        Self::begin_by(stage, organisations, CLIENT_SECRET).await
    }

    /// The same, with the client's certificate in this Secret.
    pub(crate) async fn begin_by(stage: &Stage, organisations: &[&str], secret: &str) -> Result<Self> {
        let mut gateways = Vec::new();
        for name in organisations {
            let organisation = stage.organisation(name)?;
            gateways.push(Gateway::by(organisation, organisation, secret).await?);
        }
        let first = gateways.first().context("nobody to write at")?;
        first.ask("CREATE TABLE IF NOT EXISTS traffic (n INT PRIMARY KEY, written STRING)").await?;
        let log = Arc::new(Log::default());
        let tasks = [
            tokio::spawn(write(Arc::clone(&log), gateways.iter().map(Standing::new).collect())),
            tokio::spawn(read(Arc::clone(&log), gateways.iter().map(Standing::new).collect())),
        ];
        Ok(Self { log, gateways, tasks })
    }

    /// Queries that have failed so far. What is lost with a node it was sent to is one, and is sent again.
    pub(crate) fn n_failed(&self) -> usize {
        self.log.failures.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Ends as below, whatever queries failed: nodes were restarted, each of which its clients have to find anew.
    pub(crate) async fn ends_lossless(self) -> Result<()> {
        self.ends_well(usize::MAX).await
    }

    /// Ends, counts once more at every gateway, and says that no query failed but the first `n_forgiven`, and no write is lost.
    pub(crate) async fn ends_well(self, n_forgiven: usize) -> Result<()> {
        self.log.stop.store(true, Ordering::Release);
        for task in self.tasks {
            task.await?;
        }
        let n_written = self.log.n_written.load(Ordering::Acquire);
        let n_read = self.log.n_read.load(Ordering::Acquire);
        ensure!(n_written > 20 && n_read > 20, "hardly any traffic: {n_written} written, {n_read} read");
        for gateway in &self.gateways {
            let counted = gateway.ask(&format!("SELECT count(*) FROM traffic WHERE n <= {n_written}")).await?;
            ensure!(counted == [n_written.to_string()], "{} has {counted:?} of {n_written} rows", gateway.name);
        }
        let lost = self.log.lost.lock().unwrap_or_else(PoisonError::into_inner);
        ensure!(lost.is_empty(), "written and not found again: {lost:?}");
        let failures = self.log.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let failures = failures.get(n_forgiven..).unwrap_or_default();
        ensure!(failures.is_empty(), "{} queries failed: {failures:#?}", failures.len());
        Ok(())
    }
}

/// Writes one number after the other; one whose fate is unknown is written again.
async fn write(log: Arc<Log>, mut gateways: Vec<Standing>) {
    let mut pace = interval(PACE);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut n = 1;
    for turn in 0.. {
        if log.stop.load(Ordering::Acquire) {
            return;
        }
        pace.tick().await;
        let gateway = turn % gateways.len();
        match gateways[gateway].ask(&format!("UPSERT INTO traffic VALUES ({n}, 'yes')")).await {
            Ok(_) => {
                log.n_written.store(n, Ordering::Release);
                n += 1;
            }
            Err(err) => log.failed("write", &err),
        }
    }
}

/// Looks for what was written, the newest and older ones.
async fn read(log: Arc<Log>, mut gateways: Vec<Standing>) {
    let mut pace = interval(PACE);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for turn in 0.. {
        if log.stop.load(Ordering::Acquire) {
            return;
        }
        pace.tick().await;
        let n_written = log.n_written.load(Ordering::Acquire);
        if n_written == 0 {
            continue;
        }
        let gateway = turn % gateways.len();
        let n = if turn % 2 == 0 { n_written } else { 1 + (turn as u64 * 7_919) % n_written };
        match gateways[gateway].ask(&format!("SELECT n FROM traffic WHERE n = {n}")).await {
            Ok(found) if found == [n.to_string()] => drop(log.n_read.fetch_add(1, Ordering::AcqRel)),
            Ok(_) => log.lost.lock().unwrap_or_else(PoisonError::into_inner).push(n),
            Err(err) => log.failed("read", &err),
        }
    }
}
