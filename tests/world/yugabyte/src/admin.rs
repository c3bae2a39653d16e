//! `yb-admin` and `yb-ts-cli`: tools that ask a server and say what it said.

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use world_cockroach::certs::Certificates;
use world_cockroach::net::HostPort;

use crate::certs;
use crate::cli::EndError;
use crate::flags::Flags;
use crate::rpc::{self, Answer, Ask, Status};

/// Flags of `yb-admin`.
pub const FLAGS: &[&str] = &["certs_dir_name", "client_node_name", "master_addresses", "timeout_ms"];
/// Flags of `yb-ts-cli`.
pub const SERVER_FLAGS: &[&str] = &["certs_dir_name", "client_node_name", "server_address", "timeout_ms"];
const LIMIT: Duration = Duration::from_secs(5);

/// Runs `yb-admin`.
///
/// # Errors
///
/// What the universe refuses, or why nobody answers.
pub async fn universe(flags: &Flags) -> Result<(), EndError> {
    if flags.words.is_empty() {
        return Err(EndError::Flag("usage: yb-admin [flags] <operation> [arguments]".to_owned()));
    }
    let masters = rpc::addresses(flags.needed("master_addresses")?, crate::master::PORT).map_err(EndError::Flag)?;
    let certs = identity(flags)?;
    let failed = |why: String| EndError::Start(format!("Error running {}: {why}", flags.words[0]));
    let end = tokio::time::Instant::now() + timeout(flags)?;
    let leader = leader(&masters, &certs, end).await.map_err(failed)?;
    let tls = Arc::clone(&certs.current().client.sql);
    let ask = Ask::Admin { words: flags.words.clone() };
    let left = end.saturating_duration_since(tokio::time::Instant::now());
    said(rpc::ask(&leader, tls, &ask, left).await.map_err(failed)?).map_err(failed)
}

/// The master that leads: every one is asked until one says so.
async fn leader(masters: &[HostPort], certs: &Certificates, end: tokio::time::Instant) -> Result<HostPort, String> {
    loop {
        let mut last = "no master was named".to_owned();
        for master in masters {
            let tls = Arc::clone(&certs.current().client.sql);
            match rpc::ask(master, tls, &Ask::Status, LIMIT).await {
                Ok(Answer::Status(Status { leader: Some(leader), universe: Some(_), .. })) => return Ok(leader),
                Ok(_) => last = format!("{master} knows no leader"),
                Err(why) => last = why,
            }
        }
        if tokio::time::Instant::now() >= end {
            return Err(format!("Timed out: no leader of {} masters: {last}", masters.len()));
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
}

/// Runs `yb-ts-cli`.
///
/// # Errors
///
/// What the server refuses, or why it does not answer.
pub async fn server(flags: &Flags) -> Result<(), EndError> {
    let words: Vec<&str> = flags.words.iter().map(String::as_str).collect();
    let ["reload_certificates"] = words.as_slice() else {
        return Err(EndError::Flag("usage: yb-ts-cli --server_address=<host>:<port> reload_certificates".to_owned()));
    };
    let address = rpc::addresses(flags.needed("server_address")?, crate::tserver::PORT).map_err(EndError::Flag)?;
    let address = address.first().ok_or_else(|| EndError::Flag("--server_address must be set".to_owned()))?;
    let certs = identity(flags)?;
    let tls = Arc::clone(&certs.current().client.sql);
    let failed = |why: String| EndError::Start(format!("Unable to reload certificates: {why}"));
    said(rpc::ask(address, tls, &Ask::ReloadCertificates, timeout(flags)?).await.map_err(failed)?).map_err(failed)
}

fn timeout(flags: &Flags) -> Result<Duration, EndError> {
    let text = flags.get("timeout_ms").unwrap_or("60000");
    let millis = text.parse().map_err(|_| EndError::Flag(format!("illegal value '{text}' for timeout_ms")))?;
    Ok(Duration::from_millis(millis))
}

fn identity(flags: &Flags) -> Result<Certificates, EndError> {
    certs::read(flags.needed("certs_dir_name")?, flags.needed("client_node_name")?)
}

fn said(answer: Answer) -> Result<(), String> {
    match answer {
        Answer::Done { text } => {
            // A closed output is nobody's loss.
            drop(writeln!(std::io::stdout(), "{text}"));
            Ok(())
        }
        Answer::Failed { why } => Err(why),
        Answer::NotLeader { .. } => Err("Leader is not ready for Config Change, can try again".to_owned()),
        Answer::Status(_) => Err("no answer of a tool's".to_owned()),
    }
}
