//! Who comes to a master: other masters, tablet servers, tools, and SQL that a tablet server passes on.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tonic::service::Routes;
use world_cockroach::certs::go_text;
use world_cockroach::net::sniff::{Spoken, sniff};

use super::{Master, changes, forming};
use crate::rpc::{self, Answer, Ask};
use crate::{pages, say};

const SILENCE: Duration = Duration::from_secs(60);
const LIMIT: Duration = Duration::from_secs(5);

/// Serves for ever.
pub async fn serve(master: Arc<Master>, routes: Routes, listener: TcpListener) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Out of descriptors: that passes.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        drop(stream.set_nodelay(true));
        tokio::spawn(one(Arc::clone(&master), routes.clone(), stream));
    }
}

async fn one(master: Arc<Master>, routes: Routes, stream: TcpStream) {
    match sniff(&stream, SILENCE).await {
        Ok(Spoken::Sql) => world_cockroach::pg::serve(Arc::clone(&master.node), stream).await,
        Ok(Spoken::Tls) => encrypted(master, routes, stream).await,
        _ => {}
    }
}

async fn encrypted(master: Arc<Master>, routes: Routes, stream: TcpStream) {
    let from = stream.peer_addr().map(|from| from.to_string()).unwrap_or_default();
    let acceptor = TlsAcceptor::from(Arc::clone(&master.node.certs.current().server.members));
    let accepted = tokio::time::timeout(LIMIT, acceptor.accept(stream).into_fallible()).await;
    let tls = match accepted {
        Ok(Ok(tls)) => tls,
        Ok(Err((err, stream))) => {
            say('W', format!("Handshake failed with {from}: {}", go_text::handshake(&err)));
            world_cockroach::rpc::linger(stream).await;
            return;
        }
        Err(_) => return,
    };
    if tls.get_ref().1.alpn_protocol() == Some(b"h2") {
        return world_cockroach::rpc::serve_accepted(Arc::clone(&master.node), routes, tls).await;
    }
    rpc::serve(tls, |ask| answer(Arc::clone(&master), ask)).await;
}

async fn answer(master: Arc<Master>, ask: Ask) -> Answer {
    let told = |outcome: Result<String, String>| match outcome {
        Ok(text) => Answer::Done { text },
        Err(why) => Answer::Failed { why },
    };
    match ask {
        Ask::Status => Answer::Status(master.status()),
        Ask::ComeIn { through } => {
            let outcome = forming::come_in(&master, &through).await;
            if let Ok(text) = &outcome {
                say('I', text);
            }
            told(outcome)
        }
        Ask::ReloadCertificates => {
            told(master.node.certs.reload().map(|()| String::new()).map_err(|err| format!("Failed to reload: {err}")))
        }
        _ if !master.leads() => Answer::NotLeader { leader: master.leader() },
        Ask::Alive { server } => {
            master.servers.hear(server);
            Answer::Status(master.status())
        }
        Ask::Page { name } => told(pages::of_leader(&master, &name).ok_or_else(|| "no such page".to_owned())),
        Ask::Admin { words } => told(changes::run(&master, &words).await),
    }
}

/// A page over HTTP: the leader's, whoever is asked. A master without a universe has none.
pub async fn page(master: &Arc<Master>, path: &str) -> (u16, String) {
    let Some(name) = path.strip_prefix("/api/v1/") else { return (404, String::new()) };
    if master.node.identity().is_none() || master.is_out() {
        return (503, r#"{"error":"this master is in no universe"}"#.to_owned());
    }
    if master.leads() {
        return pages::of_leader(master, name).map_or((404, String::new()), |text| (200, text));
    }
    let Some(leader) = master.leader() else { return (503, r#"{"error":"no leader"}"#.to_owned()) };
    let tls = Arc::clone(&master.node.certs.current().client.sql);
    match rpc::ask(&leader, tls, &Ask::Page { name: name.to_owned() }, LIMIT).await {
        Ok(Answer::Done { text }) => (200, text),
        Ok(Answer::Failed { .. }) => (404, String::new()),
        Ok(other) => (503, serde_json::json!({"error": format!("{other:?}")}).to_string()),
        Err(why) => (503, serde_json::json!({ "error": why }).to_string()),
    }
}
