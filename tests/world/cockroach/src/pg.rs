//! The PostgreSQL wire protocol on the shared port.

pub mod encoding;
pub mod queries;
pub mod startup;

use std::io;
use std::sync::Arc;
use std::time::Instant;

use futures::{SinkExt as _, StreamExt as _};
use pgwire::api::{ClientInfo as _, ErrorHandler as _, NoopHandler, PgWireConnectionState};
use pgwire::error::{ErrorInfo, PgWireError};
use pgwire::messages::{PgWireBackendMessage, PgWireFrontendMessage};
use pgwire::tokio::server::{negotiate_tls, process_error, process_message};
use tokio::net::TcpStream;
use tokio::sync::{Mutex, watch};
use tokio_rustls::TlsAcceptor;

use crate::certs::go_text;
use crate::log;
use crate::node::{Node, Phase, shutdown};
use crate::sql::Session;
use crate::sql::error::SqlError;

/// What one connection's handlers share.
pub struct Handler {
    node: Arc<Node>,
    /// Absent until the client is authenticated.
    session: Mutex<Option<Session>>,
}

/// Serves one SQL connection until it ends. A node without a cluster accepts it and says nothing.
pub async fn serve(node: Arc<Node>, stream: TcpStream) {
    let mut phase = node.phase.subscribe();
    // The sender lives in the node.
    drop(phase.wait_for(|phase| *phase >= Phase::Serving).await);
    let from = stream.peer_addr().map(|address| address.to_string()).unwrap_or_default();
    // How a connection ends is the client's to report, but a refused certificate is the operator's to know.
    if let Err(err) = converse(node, stream).await
        && let Some(text) = go_text::tls_failure(&err)
    {
        log::warning("sql/pgwire/server.go:790", format!("could not serve client connection from {from}: {text}"));
    }
}

async fn converse(node: Arc<Node>, stream: TcpStream) -> io::Result<()> {
    let acceptor = TlsAcceptor::from(Arc::clone(&node.certs.current().server.sql));
    let mut phase = node.phase.subscribe();
    let handler = Arc::new(Handler { node: Arc::clone(&node), session: Mutex::new(None) });
    let nothing = Arc::new(NoopHandler);
    let Some(mut socket) = negotiate_tls(stream, Some(acceptor)).await? else { return Ok(()) };
    loop {
        let idle = matches!(socket.state(), PgWireConnectionState::ReadyForQuery);
        let busy = handler.session.lock().await.as_ref().is_some_and(Session::in_transaction);
        let message = tokio::select! {
            message = socket.next() => message,
            // A session in the middle of something finishes it; the drain does not wait longer than it may.
            () = dismissed(&node, &mut phase, busy), if idle => {
                let farewell = fatal(&SqlError::new("57P01", "server is shutting down"));
                socket.send(PgWireBackendMessage::ErrorResponse(farewell.into())).await?;
                return socket.close().await;
            }
        };
        let Some(Ok(message)) = message else { return Ok(()) };
        if matches!(message, PgWireFrontendMessage::Terminate(_)) {
            return Ok(());
        }
        let extended = message.is_extended_query();
        let processed = process_message(
            message,
            &mut socket,
            Arc::clone(&handler),
            Arc::clone(&handler),
            Arc::clone(&handler),
            Arc::clone(&nothing),
            Arc::clone(&nothing),
        );
        if let Err(mut err) = processed.await {
            nothing.on_error(&socket, &mut err);
            if err.is_fatal() {
                socket.send(PgWireBackendMessage::ErrorResponse(ErrorInfo::from(err).into())).await?;
                return socket.close().await;
            }
            process_error(&mut socket, err, extended).await?;
        }
    }
}

/// Returns when the drain is done with a session: at once, or, with an open transaction, when its time is over.
async fn dismissed(node: &Node, phase: &mut watch::Receiver<Phase>, busy: bool) {
    // The sender lives in the node.
    drop(phase.wait_for(|phase| *phase == Phase::Draining).await);
    if busy {
        let since = node.drains_since.lock().expect("no holder panics").unwrap_or_else(Instant::now);
        tokio::time::sleep_until((since + shutdown::txn_limit(node)).into()).await;
    }
}

/// An error that leaves the session open.
pub fn error(err: &SqlError) -> ErrorInfo {
    info("ERROR", err)
}

/// An error that ends the session.
pub fn fatal(err: &SqlError) -> ErrorInfo {
    info("FATAL", err)
}

fn info(severity: &str, err: &SqlError) -> ErrorInfo {
    let mut info = ErrorInfo::new(severity.to_owned(), err.code.to_owned(), err.message.clone());
    info.detail.clone_from(&err.detail);
    info.hint.clone_from(&err.hint);
    info
}

impl From<SqlError> for PgWireError {
    fn from(err: SqlError) -> Self {
        Self::UserError(Box::new(error(&err)))
    }
}
