//! Opens TCP connections, with failures in the words of Go's library.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::net::{TcpSocket, TcpStream, lookup_host};

use super::HostPort;
use crate::faults::shaped::{self, Shaped};

/// Connects to `to`, from `source` if given, so that the network can tell who calls.
///
/// # Errors
///
/// The text that Go's dialer would give, after `dial tcp `.
pub async fn dial(to: &HostPort, source: Option<IpAddr>, limit: Duration) -> Result<Shaped, String> {
    match tokio::time::timeout(limit, attempt(to, source)).await {
        Ok(outcome) => outcome,
        Err(_) => Err(format!("dial tcp {to}: i/o timeout")),
    }
}

async fn attempt(to: &HostPort, source: Option<IpAddr>) -> Result<Shaped, String> {
    let addresses = resolve(to).await?;
    let mut last = format!("dial tcp: lookup {}: no such host", to.host);
    for address in addresses {
        shaped::open(to).await;
        match connect(address, source).await {
            Ok(stream) => return Ok(Shaped::new(stream, to.clone())),
            Err(err) => last = format!("dial tcp {address}: connect: {}", go_text(&err)),
        }
    }
    Err(last)
}

async fn resolve(to: &HostPort) -> Result<Vec<SocketAddr>, String> {
    if let Some(ip) = to.ip() {
        return Ok(vec![SocketAddr::new(ip, to.port)]);
    }
    let found = lookup_host((to.host.as_str(), to.port)).await;
    found.map(Iterator::collect).map_err(|_| format!("dial tcp: lookup {}: no such host", to.host))
}

async fn connect(to: SocketAddr, source: Option<IpAddr>) -> io::Result<TcpStream> {
    let socket = if to.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if let Some(source) = source.filter(|source| source.is_ipv4() == to.is_ipv4()) {
        socket.bind(SocketAddr::new(source, 0))?;
    }
    let stream = socket.connect(to).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

fn go_text(err: &io::Error) -> String {
    match err.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused".to_owned(),
        io::ErrorKind::ConnectionReset => "connection reset by peer".to_owned(),
        io::ErrorKind::HostUnreachable => "no route to host".to_owned(),
        io::ErrorKind::NetworkUnreachable => "network is unreachable".to_owned(),
        io::ErrorKind::AddrNotAvailable => "cannot assign requested address".to_owned(),
        _ => err.to_string(),
    }
}
