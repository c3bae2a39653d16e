use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use super::Ranges;
use crate::firewall::Firewall;
use crate::network_view::NetworkView;

/// Forwards one port of one load balancer. Stops, with its connections, when dropped.
pub(super) struct Forwarder {
    pub(super) port_name: Option<String>,
    task: JoinHandle<()>,
}

/// Where connections go.
#[derive(Clone)]
pub(super) struct Route {
    pub(super) view: NetworkView,
    pub(super) namespace: String,
    pub(super) service: String,
    pub(super) port_name: Option<String>,
}

/// Whom it lets in.
pub(super) struct Gate {
    pub(super) ranges: watch::Receiver<Ranges>,
    pub(super) firewall: Firewall,
}

const DIAL_TIMEOUT: Duration = Duration::from_secs(3);
const BIND_RETRY: Duration = Duration::from_millis(200);

impl Forwarder {
    pub(super) fn start(address: Ipv4Addr, port: u16, route: Route, gate: Gate) -> Self {
        let port_name = route.port_name.clone();
        Self { port_name, task: tokio::spawn(listen(SocketAddrV4::new(address, port), route, gate)) }
    }
}

impl Drop for Forwarder {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn listen(address: SocketAddrV4, route: Route, gate: Gate) {
    let listener = bind(address).await;
    let mut connections = JoinSet::new();
    let mut turn = 0;
    loop {
        while connections.try_join_next().is_some() {}
        let Ok((caller, from)) = listener.accept().await else {
            tokio::time::sleep(BIND_RETRY).await;
            continue;
        };
        if !gate.lets_in(from) {
            reset(&caller);
            continue;
        }
        turn += 1;
        connections.spawn(forward(caller, *address.ip(), route.clone(), turn));
    }
}

/// A port of a forwarder just dropped is free soon; without root, one below 1024 stays closed.
async fn bind(address: SocketAddrV4) -> TcpListener {
    let mut is_told = false;
    loop {
        match TcpListener::bind(address).await {
            Ok(listener) => return listener,
            Err(err) if !is_told => {
                tracing::warn!(%err, %address, "load balancer cannot listen yet");
                is_told = true;
            }
            Err(_) => {}
        }
        tokio::time::sleep(BIND_RETRY).await;
    }
}

impl Gate {
    fn lets_in(&self, from: SocketAddr) -> bool {
        let IpAddr::V4(from) = from.ip() else { return false };
        self.firewall.lets_in(from, &self.ranges.borrow())
    }
}

/// The pods take turns; one that does not answer is passed over.
async fn forward(mut caller: TcpStream, from: Ipv4Addr, route: Route, turn: usize) {
    let backends = route.view.backends(&route.namespace, &route.service, route.port_name.as_deref());
    let first = turn % backends.len().max(1);
    for backend in backends.iter().cycle().skip(first).take(backends.len()) {
        if let Ok(Ok(mut pod)) = tokio::time::timeout(DIAL_TIMEOUT, dial(from, *backend)).await {
            // Either side may end abruptly: the other learns it by its end of the connection.
            drop(tokio::io::copy_bidirectional(&mut caller, &mut pod).await);
            return;
        }
    }
    reset(&caller);
}

async fn dial(from: Ipv4Addr, to: SocketAddrV4) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((from, 0).into())?;
    let stream = socket.connect(to.into()).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

fn reset(caller: &TcpStream) {
    drop(caller.set_zero_linger());
}
