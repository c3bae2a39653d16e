//! SQL probes, as the instance's own client.

use std::time::Duration;

use hangar_plan::strategy::observation::{FailureClass, Observation, Rows};
use hangar_plan::strategy::probe::SqlQuestion;
use tokio::net::TcpStream;
use tokio_postgres::config::SslMode;
use tokio_postgres::error::SqlState;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{Config, Error, SimpleQueryMessage};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::probe::http::drive;
use crate::probe::{Round, chain, failed, tls_error};

pub(super) async fn look(round: &Round, question: &SqlQuestion, budget: Duration) -> Observation {
    let Some(tls) = round.credentials.root_client() else {
        return failed(FailureClass::Other, "no client certificate for SQL is mounted".to_owned());
    };
    let stream = match round.dialer.dial(&question.host, question.port).await {
        Ok(stream) => stream,
        Err(err) => return failed(FailureClass::Unreachable, chain(&err)),
    };
    match rows(stream, MakeRustlsConnect::new(tls), &round.spec.client.user, question, budget).await {
        Ok(rows) => Observation::Rows(rows),
        Err(err) => failure(&err),
    }
}

async fn rows(
    stream: TcpStream,
    mut tls: MakeRustlsConnect,
    user: &str,
    question: &SqlQuestion,
    budget: Duration,
) -> Result<Rows, Error> {
    let name = question.server_name.as_ref().unwrap_or(&question.host);
    let connector = MakeTlsConnect::<TcpStream>::make_tls_connect(&mut tls, name)
        .expect("making a connector of rustls never fails; a bad name does when connecting");
    let (client, connection) = Config::new()
        .user(user)
        .dbname(&question.database)
        .application_name("hangar-probe")
        .ssl_mode(SslMode::Require)
        // This database hangs rather than fails: the statement ends when nobody waits for it any more.
        .options(format!("-c statement_timeout={}", budget.as_millis()))
        .connect_raw(stream, connector)
        .await?;
    let messages = drive(connection, client.simple_query(&question.statement)).await?;
    Ok(text(&messages))
}

fn text(messages: &[SimpleQueryMessage]) -> Rows {
    let mut all = Rows { columns: Vec::new(), rows: Vec::new() };
    for message in messages {
        match message {
            SimpleQueryMessage::RowDescription(columns) => {
                all.columns = columns.iter().map(|column| column.name().to_owned()).collect();
            }
            SimpleQueryMessage::Row(row) => {
                all.rows.push((0..row.len()).map(|i| row.get(i).map(str::to_owned)).collect());
            }
            _ => {}
        }
    }
    all
}

fn failure(err: &Error) -> Observation {
    if let Some(answer) = err.as_db_error() {
        let detail = format!("{}: {}", answer.code().code(), answer.message());
        let class = match answer.code() {
            code if code.code().starts_with("28") => FailureClass::Unauthenticated,
            &SqlState::INSUFFICIENT_PRIVILEGE => FailureClass::Denied,
            &SqlState::QUERY_CANCELED => FailureClass::TimedOut,
            _ => FailureClass::Database,
        };
        return failed(class, detail);
    }
    if tls_error(err).is_some() {
        return failed(FailureClass::Tls, chain(err));
    }
    let class = if err.is_closed() || is_io(err) { FailureClass::Unreachable } else { FailureClass::Other };
    failed(class, chain(err))
}

fn is_io(err: &(dyn std::error::Error + 'static)) -> bool {
    err.is::<std::io::Error>() || err.source().is_some_and(is_io)
}
