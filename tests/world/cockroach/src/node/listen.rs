//! Accepts connections: RPC and SQL on one port, health and metrics on another.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream, lookup_host};
use tonic::service::Routes;

use super::Node;
use crate::net::HostPort;
use crate::net::sniff::{Spoken, sniff};

/// How long a client may stay silent after connecting.
const SILENCE: Duration = Duration::from_secs(60);

/// Binds an address; an empty host is every interface.
///
/// # Errors
///
/// When the address is taken or not this machine's.
pub async fn bind(address: &HostPort) -> io::Result<TcpListener> {
    let resolved = if address.host.is_empty() {
        SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), address.port)
    } else {
        lookup_host((address.host.as_str(), address.port))
            .await?
            .next()
            .ok_or_else(|| io::Error::other(format!("lookup {}: no such host", address.host)))?
    };
    TcpListener::bind(resolved).await
}

/// Serves RPC and SQL for ever.
pub async fn serve_rpc_and_sql(node: Arc<Node>, routes: Routes, listener: TcpListener) {
    while let Some(stream) = accept(&listener).await {
        tokio::spawn(one(Arc::clone(&node), routes.clone(), stream));
    }
}

/// Serves health and metrics for ever.
pub async fn serve_http(node: Arc<Node>, listener: TcpListener) {
    while let Some(stream) = accept(&listener).await {
        tokio::spawn(crate::http_server::serve(Arc::clone(&node), stream));
    }
}

async fn one(node: Arc<Node>, routes: Routes, stream: TcpStream) {
    // A client that says nothing is none.
    let Ok(spoken) = sniff(&stream, SILENCE).await else { return };
    match spoken {
        Spoken::Tls => crate::rpc::serve(node, routes, stream).await,
        Spoken::Sql => crate::pg::serve(node, stream).await,
        Spoken::Other => {}
    }
}

/// The next connection. Running out of descriptors passes; the listener itself does not fail.
async fn accept(listener: &TcpListener) -> Option<TcpStream> {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                drop(stream.set_nodelay(true));
                return Some(stream);
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}
