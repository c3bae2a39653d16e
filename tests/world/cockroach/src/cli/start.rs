//! `cockroach start`: a node, from its flags to its end.

pub(super) mod config;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};

use super::error::CliError;
use super::flags::{Flags, Spec, Takes, switch, value, values};
use super::print_err;
use crate::certs::Certificates;
use crate::log;
use crate::net::HostPort;
use crate::node::config::StartConfig;
use crate::node::{Node, Origin, founding, listen, shutdown};
use crate::rpc::services::routes;
use crate::store::Store;

/// Flags of `start`.
pub const FLAGS: &[Spec] = &[
    value("advertise-addr"),
    value("advertise-host"),
    value("advertise-http-addr"),
    value("advertise-sql-addr"),
    value("attrs"),
    value("cache"),
    value("cert-principal-map"),
    value("certs-dir"),
    value("cluster-name"),
    switch("disable-cluster-name-verification"),
    value("http-addr"),
    value("http-port"),
    values("join", Some('j')),
    value("listen-addr"),
    value("locality"),
    values("locality-advertise-addr", None),
    value("log"),
    value("log-dir"),
    Spec { name: "logtostderr", short: None, takes: Takes::Optional("INFO") },
    value("max-offset"),
    value("max-sql-memory"),
    value("pid-file"),
    value("port"),
    Spec { name: "store", short: Some('s'), takes: Takes::Value },
    value("vmodule"),
];

/// Runs a node until it is told to stop.
///
/// # Errors
///
/// When it cannot start, or is refused by its cluster for good.
pub fn run(flags: &Flags) -> Result<ExitCode, CliError> {
    crate::clock::start();
    let config = config::config(flags)?;
    start_log(flags, &config)?;
    let certs = Certificates::for_node(&config.certs_dir, config.cert_principal_map.clone())?;
    let store = Store::open(&config.store).map_err(|err| CliError::new(format!("failed to create engines: {err}")))?;
    if let Some(path) = flags.get("pid-file") {
        std::fs::write(path, format!("{}\n", std::process::id())).map_err(|err| CliError::new(err.to_string()))?;
    }
    super::runtime()?.block_on(serve(config, certs, store))
}

async fn serve(config: StartConfig, certs: Certificates, store: Store) -> Result<ExitCode, CliError> {
    // Signals first: one that arrives while the node starts must not kill it.
    let failed = |err: std::io::Error| CliError::new(err.to_string());
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut hangup = signal(SignalKind::hangup()).map_err(failed)?;
    let bind = async |address: &HostPort| {
        let shown = address.to_string();
        listen::bind(address).await.map_err(|err| CliError::new(format!("unable to listen on {shown}: {err}")))
    };
    let (rpc, http) = (bind(&config.listen_addr).await?, bind(&config.http_addr).await?);
    store.write_listening(&config.listen_addr, &config.advertise_addr, &config.advertise_http_addr).map_err(failed)?;
    let identity = store.identity().map_err(failed)?;
    if let Some(removal) = store.removal() {
        return Err(CliError::new(format!("cockroach server exited with error: {removal}")));
    }
    crate::control::start(&config.listen_addr, &config.store).await.map_err(failed)?;
    let node = Node::new(config, certs, store);
    log::info("cli/start.go:900", node.build.sql_text());
    tokio::spawn(listen::serve_rpc_and_sql(Arc::clone(&node), routes(&node), rpc));
    tokio::spawn(listen::serve_http(Arc::clone(&node), http));
    if let Some(identity) = identity {
        log::info(
            "server/init.go:150",
            format!("cluster {} is already known, node ID {}", identity.cluster_id, identity.node_id),
        );
        founding::adopt(&node, identity, Origin::Restarted).map_err(failed)?;
    }
    let mut coming_in = tokio::spawn({
        let node = Arc::clone(&node);
        async move { if node.identity().is_some() { Ok(()) } else { founding::join(&node).await } }
    });
    let mut came_in = false;
    let mut fate = node.fate.subscribe();
    loop {
        tokio::select! {
            Ok(fate) = fate.wait_for(Option::is_some) => {
                if let Some(fate) = fate.clone() {
                    log::fatal("cli/start.go:1010", &fate.text);
                    print_err(&format!("ERROR: cockroach server exited with error: {}\n", fate.text));
                    return Ok(ExitCode::from(fate.code));
                }
            }
            _ = terminate.recv() => break,
            () = node.shutdown.notified() => break,
            _ = interrupt.recv() => break,
            _ = hangup.recv() => node.certs.reload_and_log(),
            outcome = &mut coming_in, if !came_in => {
                came_in = true;
                if let Ok(Err(err)) = outcome {
                    log::error("cli/start.go:1000", err.to_string());
                    return Err(CliError::new(format!("cockroach server exited with error: {err}")));
                }
            }
        }
    }
    shutdown::stop(&node).await;
    Ok(ExitCode::SUCCESS)
}

fn start_log(flags: &Flags, config: &StartConfig) -> Result<(), CliError> {
    let to_stderr = flags.get("logtostderr").is_some() || flags.get("log").is_some_and(|log| log.contains("stderr"));
    let sink = if to_stderr {
        log::Sink::Stderr
    } else {
        let dir = flags.get("log-dir").map_or_else(|| config.store.join("logs"), PathBuf::from);
        log::Sink::file(&dir).map_err(|err| CliError::new(format!("unable to create log directory: {err}")))?
    };
    log::start(sink);
    Ok(())
}
