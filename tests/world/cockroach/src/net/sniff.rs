//! Tells RPC from SQL on the one port they share.

use std::io;
use std::time::Duration;

use tokio::net::TcpStream;

/// What a new connection speaks, by its first bytes. Nothing is taken from the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spoken {
    /// A TLS handshake: RPC.
    Tls,
    /// PostgreSQL's protocol, which starts with a length below 2^16.
    Sql,
    /// Plain text, for example HTTP.
    Other,
}

/// Looks at the first byte, waiting for it up to `limit`.
///
/// # Errors
///
/// When the peer goes away or stays silent.
pub async fn sniff(stream: &TcpStream, limit: Duration) -> io::Result<Spoken> {
    let mut first = [0_u8; 1];
    let read = tokio::time::timeout(limit, stream.peek(&mut first))
        .await
        .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    match (read, first[0]) {
        (0, _) => Err(io::ErrorKind::UnexpectedEof.into()),
        (_, 0x16) => Ok(Spoken::Tls),
        (_, 0x00) => Ok(Spoken::Sql),
        _ => Ok(Spoken::Other),
    }
}
