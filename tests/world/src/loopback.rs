//! Servers on a loopback address that end when they are dropped, and the forms that issuers are sent.

use std::net::Ipv4Addr;

use axum::Router;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use url::form_urlencoded;

use crate::WorldError;

/// Listens on a free port, and says the URL of it.
pub(crate) async fn listen(what: &'static str) -> Result<(TcpListener, String), WorldError> {
    let listen = |err| WorldError::Listen { what, address: "127.0.0.1".to_owned(), err };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(listen)?;
    let url = format!("http://{}", listener.local_addr().map_err(listen)?);
    Ok((listener, url))
}

/// Answers for as long as what it returns is kept.
pub(crate) fn serve(what: &'static str, listener: TcpListener, router: Router) -> JoinSet<()> {
    let mut server = JoinSet::new();
    server.spawn(async move {
        if let Err(err) = axum::serve(listener, router).await {
            tracing::warn!(%err, what, "a server ended");
        }
    });
    server
}

/// A field of a form; empty if it is not there.
pub(crate) fn field(form: &[u8], wanted: &str) -> String {
    let mut fields = form_urlencoded::parse(form).filter(|(name, _)| name == wanted);
    fields.next().map(|(_, value)| value.into_owned()).unwrap_or_default()
}
