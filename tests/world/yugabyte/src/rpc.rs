//! What servers and tools say to each other: after the handshake the protocol's four bytes, then one line of JSON each way.
//!
//! The first bytes are the real protocol's. What follows is this world's own.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio_rustls::TlsConnector;
use world_cockroach::net::HostPort;
use world_cockroach::net::dial::dial;

use crate::servers::Server;

/// What every connection begins with.
const HELLO: &[u8; 4] = b"YB\x01\n";
/// Most bytes of one line.
const LONGEST: u64 = 4 << 20;
/// Calls come from this address, if it is set, so that the network can tell who calls.
const SOURCE_VARIABLE: &str = "POD_IP";

/// A question.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Ask {
    /// Who is there, and in which universe.
    Status,
    /// A leader lets this master in.
    ComeIn {
        /// Where the leader is.
        through: HostPort,
    },
    /// A tablet server lives.
    Alive {
        /// Which.
        server: Server,
    },
    /// A command of `yb-admin`.
    Admin {
        /// Its words.
        words: Vec<String>,
    },
    /// A page that only the leader can write.
    Page {
        /// Its name, such as `masters`.
        name: String,
    },
    /// Read the certificates again.
    ReloadCertificates,
}

/// An answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Answer {
    /// To [`Ask::Status`] and [`Ask::Alive`].
    Status(Status),
    /// What a tool prints.
    Done {
        /// The text.
        text: String,
    },
    /// Somebody else leads, or nobody.
    NotLeader {
        /// Who, if it is known.
        leader: Option<HostPort>,
    },
    /// It was refused.
    Failed {
        /// Why.
        why: String,
    },
}

/// What a master says of itself.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Status {
    /// The universe it is in.
    pub universe: Option<String>,
    /// Masters that it was started with.
    pub listed: Vec<HostPort>,
    /// Masters that founded its universe.
    pub founders: Vec<HostPort>,
    /// Who leads, as far as it knows.
    pub leader: Option<HostPort>,
}

/// Asks one question.
///
/// # Errors
///
/// Why there is no answer, in words.
pub async fn ask(to: &HostPort, tls: Arc<ClientConfig>, question: &Ask, limit: Duration) -> Result<Answer, String> {
    let asked = async {
        let stream = dial(to, source(), limit).await?;
        let name = ServerName::try_from(to.host.clone()).map_err(|err| err.to_string())?;
        let failed = |err: std::io::Error| format!("Network error: {to}: {err}");
        let mut stream = TlsConnector::from(tls).connect(name, stream).await.map_err(failed)?;
        let mut line = serde_json::to_vec(question).expect("questions are plain data");
        line.push(b'\n');
        stream.write_all(HELLO).await.map_err(failed)?;
        stream.write_all(&line).await.map_err(failed)?;
        stream.flush().await.map_err(failed)?;
        let mut answer = String::new();
        BufReader::new(stream).take(LONGEST).read_line(&mut answer).await.map_err(failed)?;
        if answer.is_empty() {
            return Err(format!("Network error: {to}: closed without a word"));
        }
        serde_json::from_str(&answer).map_err(|err| format!("{to} answers nonsense: {err}"))
    };
    tokio::time::timeout(limit, asked).await.unwrap_or_else(|_| Err(format!("Timed out: {to} says nothing")))
}

/// Answers questions over one connection until its end. A client that says nothing is left alone.
pub async fn serve<S, F>(stream: S, answer: impl Fn(Ask) -> F)
where
    S: AsyncRead + AsyncWrite + Unpin,
    F: Future<Output = Answer>,
{
    let mut stream = BufReader::new(stream);
    let mut hello = [0_u8; 4];
    if stream.read_exact(&mut hello).await.is_err() || hello != *HELLO {
        return;
    }
    loop {
        let mut line = String::new();
        let read = (&mut stream).take(LONGEST).read_line(&mut line).await;
        if !matches!(read, Ok(n) if n > 0) {
            return;
        }
        let answer = match serde_json::from_str(&line) {
            Ok(ask) => answer(ask).await,
            Err(err) => Answer::Failed { why: format!("Invalid argument: {err}") },
        };
        let mut line = serde_json::to_vec(&answer).expect("answers are plain data");
        line.push(b'\n');
        if stream.write_all(&line).await.is_err() || stream.flush().await.is_err() {
            return;
        }
    }
}

/// Where calls come from.
pub fn source() -> Option<IpAddr> {
    crate::environment::get(SOURCE_VARIABLE)?.parse().ok()
}

/// Reads a list of addresses.
///
/// # Errors
///
/// The complaint about the first that is none.
pub fn addresses(text: &str, default_port: u16) -> Result<Vec<HostPort>, String> {
    let each = text.split(',').map(str::trim).filter(|one| !one.is_empty());
    each.map(|one| HostPort::parse(one, "", default_port)).collect()
}
