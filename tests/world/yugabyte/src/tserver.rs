//! `yb-tserver`: a tablet server. It lives as long as a master hears of it, and lets clients in to SQL.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use world_cockroach::certs::{Certificates, go_text};
use world_cockroach::net::HostPort;

use crate::cli::EndError;
use crate::flags::Flags;
use crate::master::{bound, data_folder, own_addresses, web_address};
use crate::rpc::{self, Answer, Ask};
use crate::servers::Server;
use crate::{certs, gateway, pages, say};

/// Port of RPC, and of pages.
pub const PORT: u16 = 9100;
const WEB_PORT: u16 = 9000;
const SQL_PORT: u16 = 5433;
/// Between two signs of life.
const BEAT: Duration = Duration::from_millis(300);
const LIMIT: Duration = Duration::from_secs(3);

/// Flags that only a tablet server has.
pub const FLAGS: &[&str] = &[
    "certs_for_client_dir",
    "enable_ysql",
    "max_clock_skew_usec",
    "pgsql_proxy_bind_address",
    "pgsql_proxy_webserver_port",
    "tserver_master_addrs",
    "use_client_to_server_encryption",
    "ysql_hba_conf_csv",
    "ysql_max_connections",
    "ysql_num_shards_per_tserver",
];

/// A tablet server, and what it knows.
pub struct TabletServer {
    /// Its certificates.
    pub certs: Certificates,
    /// The master that leads, once one has heard of this server.
    pub leader: watch::Sender<Option<HostPort>>,
    server: Server,
    masters: Vec<HostPort>,
}

/// Runs until it is told to stop.
///
/// # Errors
///
/// When it cannot start.
pub async fn run(flags: &Flags) -> Result<(), EndError> {
    world_cockroach::clock::start();
    world_cockroach::log::start(world_cockroach::log::Sink::Stderr);
    let failed = |err: std::io::Error| EndError::Start(err.to_string());
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let data = data_folder(flags, "tserver")?;
    let (bind, own) = own_addresses(flags, PORT)?;
    let masters = rpc::addresses(flags.needed("tserver_master_addrs")?, crate::master::PORT).map_err(EndError::Flag)?;
    let certs = certs::of_server(flags)?;
    check_sql(flags)?;
    let sql = flags.needed("pgsql_proxy_bind_address")?;
    let sql = HostPort::parse(sql, "", SQL_PORT).map_err(EndError::Flag)?;
    let web = web_address(flags, WEB_PORT)?;
    let place = ["placement_cloud", "placement_region", "placement_zone"];
    let server = Server {
        uuid: own_number(&data).map_err(failed)?,
        address: own,
        web_port: web.port,
        sql_port: sql.port,
        place: place.map(|flag| flags.get(flag).unwrap_or_default().to_owned()),
    };
    let listeners = (bound(&bind).await?, bound(&web).await?);
    let tserver = Arc::new(TabletServer { certs, leader: watch::Sender::new(None), server, masters });
    tokio::spawn(serve(Arc::clone(&tserver), listeners.0));
    let status =
        |path: String| async move { if path == "/status" { (200, "{}".to_owned()) } else { (404, String::new()) } };
    tokio::spawn(pages::serve(listeners.1, status));
    let sql = tokio::spawn(serve_sql(Arc::clone(&tserver), sql));
    tokio::select! {
        ended = live(&tserver, &data) => return Err(ended),
        Ok(Err(err)) = sql => return Err(err),
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    say('I', "Received signal. Shutting down");
    Ok(())
}

/// SQL over TLS, for clients with a certificate: this world has no other.
fn check_sql(flags: &Flags) -> Result<(), EndError> {
    flags.must_be("enable_ysql", true, true)?;
    flags.must_be("use_client_to_server_encryption", true, false)?;
    flags.needed("certs_for_client_dir")?;
    let rules = flags.needed("ysql_hba_conf_csv")?;
    let is_strict = |rule: &str| rule.starts_with("hostssl ") && rule.ends_with(" cert");
    match rules.split(',').find(|rule| !is_strict(rule)) {
        None => Ok(()),
        Some(rule) => Err(EndError::Flag(format!("ysql_hba_conf_csv: `{rule}`: only `hostssl … cert` is known here"))),
    }
}

/// A number of its own, kept on the disk.
fn own_number(data: &Path) -> std::io::Result<String> {
    let path = data.join("instance");
    match std::fs::read_to_string(&path) {
        Ok(number) => Ok(number),
        Err(err) if err.kind() == std::io::ErrorKind::NotFound => {
            let number = uuid::Uuid::new_v4().simple().to_string();
            std::fs::write(&path, &number)?;
            Ok(number)
        }
        Err(err) => Err(err),
    }
}

/// Gives signs of life for ever; ends where it finds itself in another universe than before.
async fn live(tserver: &TabletServer, data: &Path) -> EndError {
    let kept = data.join("universe");
    let mut turn = 0;
    let mut said = String::new();
    loop {
        let to =
            tserver.leader.borrow().clone().unwrap_or_else(|| tserver.masters[turn % tserver.masters.len()].clone());
        turn += 1;
        let tls = Arc::clone(&tserver.certs.current().client.sql);
        let next = match rpc::ask(&to, tls, &Ask::Alive { server: tserver.server.clone() }, LIMIT).await {
            Ok(Answer::Status(status)) => {
                let universe = status.universe.unwrap_or_default();
                match std::fs::read_to_string(&kept) {
                    Ok(before) if before != universe => {
                        let text =
                            format!("Illegal state: this server is of universe {before}, and {to} of {universe}");
                        return EndError::Start(text);
                    }
                    Ok(_) => {}
                    Err(_) => drop(std::fs::write(&kept, &universe)),
                }
                tserver.leader.send_if_modified(|leader| leader.replace(to.clone()).is_none());
                format!("registered with the leading master {to} of universe {universe}")
            }
            Ok(Answer::NotLeader { leader }) => {
                tserver.leader.send_replace(None);
                if let Some(leader) = leader.filter(|leader| *leader != to) {
                    tserver.leader.send_replace(Some(leader));
                }
                continue_after(&to)
            }
            Ok(other) => format!("{to}: {other:?}"),
            Err(why) => {
                tserver.leader.send_replace(None);
                why
            }
        };
        if said != next {
            say('I', &next);
            said = next;
        }
        tokio::time::sleep(BEAT).await;
    }
}

fn continue_after(master: &HostPort) -> String {
    format!("{master} does not lead")
}

/// Serves members and tools for ever.
async fn serve(tserver: Arc<TabletServer>, listener: TcpListener) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Out of descriptors: that passes.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        tokio::spawn(one(Arc::clone(&tserver), stream));
    }
}

async fn one(tserver: Arc<TabletServer>, stream: TcpStream) {
    let from = stream.peer_addr().map(|from| from.to_string()).unwrap_or_default();
    let acceptor = TlsAcceptor::from(Arc::clone(&tserver.certs.current().server.members));
    match tokio::time::timeout(LIMIT, acceptor.accept(stream).into_fallible()).await {
        Ok(Ok(tls)) => rpc::serve(tls, |ask| std::future::ready(answer(&tserver, ask))).await,
        Ok(Err((err, stream))) => {
            say('W', format!("Handshake failed with {from}: {}", go_text::handshake(&err)));
            world_cockroach::rpc::linger(stream).await;
        }
        Err(_) => {}
    }
}

fn answer(tserver: &TabletServer, ask: Ask) -> Answer {
    match ask {
        Ask::ReloadCertificates => match tserver.certs.reload() {
            Ok(()) => Answer::Done { text: String::new() },
            Err(err) => Answer::Failed { why: format!("Failed to reload: {err}") },
        },
        _ => Answer::Failed { why: "Remote error: Service unavailable: not a service of a tablet server".to_owned() },
    }
}

/// Opens SQL once a master has heard of this server, and serves it for ever.
async fn serve_sql(tserver: Arc<TabletServer>, address: HostPort) -> Result<(), EndError> {
    // The sender lives in the server.
    drop(tserver.leader.subscribe().wait_for(Option::is_some).await);
    let listener = bound(&address).await?;
    say('I', format!("SQL on {address}"));
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        drop(stream.set_nodelay(true));
        tokio::spawn(gateway::serve(Arc::clone(&tserver), stream));
    }
}
