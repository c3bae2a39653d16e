//! SQL's door: TLS, a client certificate whose common name is the user, and then the way to the master that leads.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, TlsConnector};
use world_cockroach::certs::leaf::Leaf;
use world_cockroach::net::dial::dial;

use crate::rpc::source;
use crate::tserver::TabletServer;

const SSL_REQUEST: u32 = 80_877_103;
const CANCEL_REQUEST: u32 = 80_877_102;
/// Most bytes of a startup message, as PostgreSQL has it.
const LONGEST: u32 = 10_000;
const LIMIT: Duration = Duration::from_secs(10);

/// A client that is sent away: the code and the text it is told.
struct Refusal(&'static str, String);

/// Serves one client until it ends.
pub async fn serve(tserver: Arc<TabletServer>, mut stream: TcpStream) {
    // How a connection ends is the client's to report.
    drop(converse(&tserver, &mut stream).await);
}

async fn converse(tserver: &TabletServer, stream: &mut TcpStream) -> io::Result<()> {
    let (code, startup) = tokio::time::timeout(LIMIT, first_message(stream)).await??;
    if code == CANCEL_REQUEST {
        return Ok(());
    }
    if code != SSL_REQUEST {
        let options = options(&startup);
        let of = |name: &str| options.get(name).cloned().unwrap_or_default();
        let from = stream.peer_addr().map(|from| from.ip().to_string()).unwrap_or_default();
        let text = format!(
            "no pg_hba.conf entry for host \"{from}\", user \"{}\", database \"{}\", no encryption",
            of("user"),
            of("database")
        );
        return refuse(stream, &Refusal("28000", text)).await;
    }
    stream.write_all(b"S").await?;
    let acceptor = TlsAcceptor::from(Arc::clone(&tserver.certs.current().server.sql));
    let mut tls = tokio::time::timeout(LIMIT, acceptor.accept(stream)).await??;
    let (_, startup) = tokio::time::timeout(LIMIT, first_message(&mut tls)).await??;
    let options = options(&startup);
    let user = options.get("user").cloned().unwrap_or_default();
    let shown =
        tls.get_ref().1.peer_certificates().and_then(|chain| chain.first()).and_then(|der| Leaf::parse(der).ok());
    if let Err(refusal) = check(&user, shown.as_ref()) {
        return refuse(&mut tls, &refusal).await;
    }
    let mut behind = match connect(tserver).await {
        Ok(behind) => behind,
        Err(why) => return refuse(&mut tls, &Refusal("08006", why)).await,
    };
    behind.write_all(&startup).await?;
    behind.flush().await?;
    tokio::io::copy_bidirectional(&mut tls, &mut behind).await.map(drop)
}

fn check(user: &str, shown: Option<&Leaf>) -> Result<(), Refusal> {
    let Some(leaf) = shown else {
        return Err(Refusal("28000", "connection requires a valid client certificate".to_owned()));
    };
    if leaf.common_name == user {
        return Ok(());
    }
    Err(Refusal("28000", format!("certificate authentication failed for user \"{user}\"")))
}

/// The first message of a client: its code, and all of its bytes.
async fn first_message(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<(u32, Vec<u8>)> {
    let length = stream.read_u32().await?;
    if !(8..=LONGEST).contains(&length) {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut rest = vec![0; length as usize - 4];
    stream.read_exact(&mut rest).await?;
    let code = u32::from_be_bytes(rest[..4].try_into().expect("four bytes"));
    Ok((code, [&length.to_be_bytes()[..], &rest].concat()))
}

/// The names and values of a startup message.
fn options(startup: &[u8]) -> BTreeMap<String, String> {
    let mut texts = startup[8..].split(|byte| *byte == 0).map(|text| String::from_utf8_lossy(text).into_owned());
    let mut options = BTreeMap::new();
    while let (Some(name), Some(value)) = (texts.next(), texts.next()) {
        options.insert(name, value);
    }
    options
}

async fn refuse(stream: &mut (impl AsyncWrite + Unpin), Refusal(code, text): &Refusal) -> io::Result<()> {
    let fields = format!("SFATAL\0VFATAL\0C{code}\0M{text}\0\0");
    let length = u32::try_from(fields.len() + 4).expect("a short text");
    stream.write_all(b"E").await?;
    stream.write_all(&length.to_be_bytes()).await?;
    stream.write_all(fields.as_bytes()).await?;
    stream.shutdown().await
}

/// The way to the master that leads.
async fn connect(
    tserver: &TabletServer,
) -> Result<tokio_rustls::client::TlsStream<impl AsyncRead + AsyncWrite + Unpin + use<>>, String> {
    let mut leader = tserver.leader.subscribe();
    let known = tokio::time::timeout(LIMIT, leader.wait_for(Option::is_some)).await;
    let leader = known.ok().and_then(Result::ok).and_then(|leader| leader.clone());
    let leader = leader.ok_or("Timed out: no master leads")?;
    let failed = |err: io::Error| format!("Network error: {leader}: {err}");
    let mut stream = dial(&leader, source(), LIMIT).await?;
    stream.write_all(&[&8_u32.to_be_bytes()[..], &SSL_REQUEST.to_be_bytes()].concat()).await.map_err(failed)?;
    if stream.read_u8().await.map_err(failed)? != b'S' {
        return Err(format!("Network error: {leader} speaks no TLS"));
    }
    let name = ServerName::try_from(leader.host.clone()).map_err(|err| err.to_string())?;
    let connector = TlsConnector::from(Arc::clone(&tserver.certs.current().client.sql));
    connector.connect(name, stream).await.map_err(failed)
}
