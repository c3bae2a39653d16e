//! SQL probes, against a server that speaks just enough of the protocol.

use std::sync::Arc;

use anyhow::Result;
use hangar_pki::Bundle;
use hangar_pki::Leaf;
use hangar_plan::strategy::observation::{Failure, FailureClass, Observation, Rows};
use hangar_plan::strategy::probe::{Question, SqlQuestion};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::server::{Server, config};
use crate::site::{Site, ask, ask_within, authority, bundle, node, root};

/// What the server does with every statement.
#[derive(Clone, Copy)]
enum Answer {
    /// Two columns, one row; the second value is NULL. The first repeats what the client asked for at its start.
    Startup,
    /// An error of this code.
    Error(&'static str, &'static str),
    /// Nothing, for ever.
    Hang,
}

async fn database(leaf: &Leaf, clients: &Bundle, answer: Answer) -> Result<Server> {
    let mut config = config(rustls::ALL_VERSIONS, leaf, clients)?;
    config.alpn_protocols.clear();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    Server::start(move |stream| {
        let acceptor = acceptor.clone();
        async move { drop(session(stream, acceptor, answer).await) }
    })
    .await
}

async fn session(mut stream: TcpStream, acceptor: TlsAcceptor, answer: Answer) -> std::io::Result<()> {
    let mut request = [0; 8];
    stream.read_exact(&mut request).await?;
    stream.write_all(b"S").await?;
    let mut stream = acceptor.accept(stream).await?;
    let length = stream.read_u32().await?;
    let mut startup = vec![0; length as usize - 4];
    stream.read_exact(&mut startup).await?;
    let asked = String::from_utf8_lossy(&startup[4..]).replace('\0', " ").trim().to_owned();
    send(&mut stream, b'R', &0_u32.to_be_bytes()).await?;
    send(&mut stream, b'Z', b"I").await?;
    loop {
        let kind = stream.read_u8().await?;
        let length = stream.read_u32().await?;
        let mut body = vec![0; length as usize - 4];
        stream.read_exact(&mut body).await?;
        match (kind, answer) {
            (b'Q', Answer::Startup) => {
                send(&mut stream, b'T', &columns(&["asked", "nothing"])).await?;
                let mut row = 2_u16.to_be_bytes().to_vec();
                row.extend(u32::try_from(asked.len()).expect("short").to_be_bytes());
                row.extend(asked.as_bytes());
                row.extend((-1_i32).to_be_bytes());
                send(&mut stream, b'D', &row).await?;
                send(&mut stream, b'C', b"SELECT 1\0").await?;
                send(&mut stream, b'Z', b"I").await?;
            }
            (b'Q', Answer::Error(code, text)) => {
                send(&mut stream, b'E', format!("SERROR\0C{code}\0M{text}\0\0").as_bytes()).await?;
                send(&mut stream, b'Z', b"I").await?;
            }
            (b'Q', Answer::Hang) => std::future::pending().await,
            _ => return Ok(()),
        }
    }
}

fn columns(names: &[&str]) -> Vec<u8> {
    let mut body = u16::try_from(names.len()).expect("few").to_be_bytes().to_vec();
    for name in names {
        body.extend(name.as_bytes());
        // Table, column, type `text`, size, modifier, text format.
        body.extend([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 25, 255, 255, 255, 255, 255, 255, 0, 0]);
    }
    body
}

async fn send(stream: &mut TlsStream<TcpStream>, kind: u8, body: &[u8]) -> std::io::Result<()> {
    stream.write_u8(kind).await?;
    stream.write_u32(u32::try_from(body.len()).expect("short") + 4).await?;
    stream.write_all(body).await?;
    stream.flush().await
}

fn question(port: u16) -> Question {
    Question::Sql(SqlQuestion {
        host: "127.0.0.1".to_owned(),
        port,
        server_name: Some("localhost".to_owned()),
        database: "defaultdb".to_owned(),
        statement: "SELECT 1".to_owned(),
    })
}

fn failure(seen: Observation) -> Result<(FailureClass, String)> {
    match seen {
        Observation::Failed(Failure { class, detail }) => Ok((class, detail)),
        other => anyhow::bail!("{other:?}"),
    }
}

#[tokio::test]
async fn rows_come_as_text_and_the_statement_has_a_timeout() -> Result<()> {
    let (site, ours) = (Site::new()?, authority("uss1"));
    let server = database(&node(&ours, 0), &bundle(&[&ours]), Answer::Startup).await?;
    let means = site.client(&root(&ours), &bundle(&[&ours]))?;
    let seen = ask(question(server.port()), &means).await?;
    let Observation::Rows(Rows { columns, rows }) = seen else { anyhow::bail!("{seen:?}") };
    assert_eq!(columns, ["asked", "nothing"]);
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0][1], None);
    let asked = rows[0][0].clone().unwrap_or_default();
    for part in ["user root", "database defaultdb", "-c statement_timeout=10000", "application_name hangar-probe"] {
        assert!(asked.contains(part), "no `{part}` in `{asked}`");
    }
    Ok(())
}

#[tokio::test]
async fn each_failure_has_its_class() -> Result<()> {
    let (site, ours, theirs) = (Site::new()?, authority("uss1"), authority("uss2"));
    let means = site.client(&root(&ours), &bundle(&[&ours]))?;
    for (code, text, class) in [
        ("42601", "syntax error", FailureClass::Database),
        ("42501", "Access to crdb_internal and system is restricted.", FailureClass::Denied),
        ("28000", "certificate authentication failed", FailureClass::Unauthenticated),
        ("57014", "query execution canceled due to statement timeout", FailureClass::TimedOut),
    ] {
        let server = database(&node(&ours, 0), &bundle(&[&ours]), Answer::Error(code, text)).await?;
        let seen = failure(ask(question(server.port()), &means).await?)?;
        assert_eq!(seen, (class, format!("{code}: {text}")));
    }
    let hanging = database(&node(&ours, 0), &bundle(&[&ours]), Answer::Hang).await?;
    let seen = failure(ask_within(question(hanging.port()), &means, 300).await?)?;
    assert_eq!(seen, (FailureClass::TimedOut, "no answer within 300 ms".to_owned()));
    let stranger = database(&node(&theirs, 0), &bundle(&[&ours]), Answer::Startup).await?;
    assert_eq!(failure(ask(question(stranger.port()), &means).await?)?.0, FailureClass::Tls);
    let strict = database(&node(&ours, 0), &bundle(&[&theirs]), Answer::Startup).await?;
    let (class, detail) = failure(ask(question(strict.port()), &means).await?)?;
    assert_eq!(class, FailureClass::Tls, "{detail}");
    let port = strict.port();
    drop(strict);
    crate::site::until(async || TcpStream::connect(("127.0.0.1", port)).await.is_err(), |gone| *gone).await;
    assert_eq!(failure(ask(question(port), &means).await?)?.0, FailureClass::Unreachable);
    let bare = hangar_agent::probe::Means::default();
    assert_eq!(failure(ask(question(port), &bare).await?)?.1, "no client certificate for SQL is mounted");
    Ok(())
}
