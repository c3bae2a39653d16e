//! Connections, from the address that is ours.

use std::io;
use std::net::{IpAddr, SocketAddr};

use tokio::net::{TcpSocket, TcpStream, lookup_host};

/// Opens connections from one source address, so that whoever is called knows who calls.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Dialer {
    source: Option<IpAddr>,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DialError {
    #[error("`{host}` has no address")]
    Resolve {
        host: String,
        #[source]
        err: io::Error,
    },
    #[error("no connection to {address}")]
    Connect {
        address: SocketAddr,
        #[source]
        err: io::Error,
    },
}

impl Dialer {
    pub(crate) fn new(source: Option<IpAddr>) -> Self {
        Self { source }
    }

    /// Tries the addresses of a name, one after the other.
    pub(crate) async fn dial(self, host: &str, port: u16) -> Result<TcpStream, DialError> {
        let unresolved = |err| DialError::Resolve { host: host.to_owned(), err };
        let addresses = lookup_host((host, port)).await.map_err(unresolved)?;
        let mut last = None;
        for address in addresses {
            match self.connect(address).await {
                Ok(stream) => return Ok(stream),
                Err(err) => last = Some(DialError::Connect { address, err }),
            }
        }
        Err(last.unwrap_or_else(|| unresolved(io::ErrorKind::NotFound.into())))
    }

    async fn connect(self, address: SocketAddr) -> io::Result<TcpStream> {
        let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        // An address of the other family cannot be a source; then the system chooses.
        if let Some(source) = self.source.filter(|source| source.is_ipv4() == address.is_ipv4()) {
            socket.bind(SocketAddr::new(source, 0))?;
        }
        let stream = socket.connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}
