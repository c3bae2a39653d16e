//! A connection to every other node, kept by heartbeats.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use tokio::task::JoinHandle;
use tonic::Status;

use super::channel::Channel;
use super::status;
use crate::build_info::Version;
use crate::clock::now_nanos;
use crate::log;
use crate::net::HostPort;
use crate::node::{FATAL, Node};
use crate::state::NodeId;
use crate::state::descriptor::wire_locality_address;
use crate::wire::cockroach::rpc::heartbeat_client::HeartbeatClient;
use crate::wire::cockroach::rpc::{PingRequest, PingResponse};

/// All peers by node.
#[derive(Debug, Default)]
pub struct Peers {
    by_node: Mutex<BTreeMap<NodeId, Peer>>,
}

#[derive(Debug)]
struct Peer {
    address: HostPort,
    state: Arc<Mutex<PeerState>>,
    task: JoinHandle<()>,
}

/// How a connection does.
#[derive(Debug, Clone, Default)]
pub struct PeerState {
    /// Present while heartbeats succeed.
    pub channel: Option<Channel>,
    /// Why there is none.
    pub problem: Option<String>,
}

/// One line for the metrics.
#[derive(Debug, Clone)]
pub struct PeerHealth {
    pub node: NodeId,
    pub address: HostPort,
    pub healthy: bool,
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Peers {
    /// Makes the set of peers what `wanted` says; a peer whose address changed is dialled anew.
    pub fn reconcile(&self, node: &Arc<Node>, wanted: &BTreeMap<NodeId, HostPort>) {
        let mut peers = self.by_node.lock().expect("no holder panics");
        peers.retain(|id, peer| wanted.get(id) == Some(&peer.address));
        for (id, address) in wanted {
            peers.entry(*id).or_insert_with(|| {
                let state = Arc::default();
                let keeper = keep(Arc::downgrade(node), *id, address.clone(), Arc::clone(&state));
                Peer { address: address.clone(), state, task: tokio::spawn(keeper) }
            });
        }
    }

    /// The connection to a node, if it works.
    ///
    /// # Errors
    ///
    /// Why it does not.
    pub fn channel(&self, node: NodeId) -> Result<Channel, String> {
        let peers = self.by_node.lock().expect("no holder panics");
        let peer = peers.get(&node).ok_or_else(|| format!("unable to look up descriptor for n{node}"))?;
        let state = peer.state.lock().expect("no holder panics");
        let problem = || state.problem.clone().unwrap_or_else(|| "not yet heartbeated".to_owned());
        state.channel.clone().ok_or_else(problem)
    }

    /// Nodes whose connection works.
    pub fn connected(&self) -> Vec<NodeId> {
        self.health().into_iter().filter(|peer| peer.healthy).map(|peer| peer.node).collect()
    }

    /// How every connection does.
    pub fn health(&self) -> Vec<PeerHealth> {
        let peers = self.by_node.lock().expect("no holder panics");
        let health = peers.iter().map(|(node, peer)| PeerHealth {
            node: *node,
            address: peer.address.clone(),
            healthy: peer.state.lock().expect("no holder panics").channel.is_some(),
        });
        health.collect()
    }
}

/// Dials, pings, and dials again, until stopped.
async fn keep(node: Weak<Node>, target: NodeId, address: HostPort, state: Arc<Mutex<PeerState>>) {
    let mut told = None;
    loop {
        let Some(strong) = node.upgrade() else { return };
        let redial = strong.timers.redial();
        match open(&strong, &address, Some(target)).await {
            Ok(channel) => {
                told = None;
                log::info("rpc/peer.go:603", format!("connection is now healthy (n{target}, {address})"));
                *state.lock().expect("no holder panics") = PeerState { channel: Some(channel.clone()), problem: None };
                drop(strong);
                let why = stay(&node, target, channel).await;
                log::warning("rpc/peer.go:610", format!("disconnected from n{target} ({address}): {why}"));
                *state.lock().expect("no holder panics") = PeerState { channel: None, problem: Some(why) };
            }
            Err(why) => {
                drop(strong);
                let text = status::text(&why);
                // The same failure once a second would fill the disk.
                if told.as_ref() != Some(&text) {
                    log::warning(
                        "rpc/peer.go:598",
                        format!(
                            "unable to connect to n{target} ({address}): initial connection heartbeat failed: {text}"
                        ),
                    );
                    told = Some(text.clone());
                }
                let problem = Some(format!("initial connection heartbeat failed: {text}"));
                *state.lock().expect("no holder panics") = PeerState { channel: None, problem };
            }
        }
        tokio::time::sleep(redial).await;
    }
}

/// Pings until the connection fails, and says why it did.
async fn stay(node: &Weak<Node>, target: NodeId, channel: Channel) -> String {
    loop {
        let Some(interval) = node.upgrade().map(|node| node.timers.ping()) else { return String::new() };
        tokio::select! {
            () = tokio::time::sleep(interval) => {}
            why = channel.closed() => return why,
        }
        let Some(node) = node.upgrade() else { return String::new() };
        if let Err(why) = ping(&node, channel.clone(), Some(target), node.timers.network()).await {
            return status::text(&why);
        }
    }
}

/// Connects to an address and exchanges the first heartbeat, which checks that it is the right cluster and node.
///
/// # Errors
///
/// Why there can be no connection.
pub async fn open(node: &Node, address: &HostPort, target: Option<NodeId>) -> Result<Channel, Status> {
    let channel = Channel::connect(&node.route(address)).await?;
    ping(node, channel.clone(), target, node.timers.network()).await?;
    Ok(channel)
}

async fn ping(node: &Node, channel: Channel, target: Option<NodeId>, limit: Duration) -> Result<(), Status> {
    let identity = node.identity();
    let request = PingRequest {
        ping: "ping".to_owned(),
        offset: None,
        origin_addr: node.config.advertise_addr.to_string(),
        origin_cluster_id: Some(identity.map_or(uuid::Uuid::nil(), |identity| identity.cluster_id).as_bytes().to_vec()),
        server_version: Some(node.build.version().to_wire()),
        target_node_id: target.map_or(0, |target| target.0),
        origin_node_id: identity.map_or(0, |identity| identity.node_id.0),
        locality_address: node.config.locality_advertise.iter().map(wire_locality_address).collect(),
    };
    let origin = channel.origin();
    let mut client = HeartbeatClient::with_origin(channel, origin);
    let sent = now_nanos();
    let answer = tokio::time::timeout(limit, client.ping(request))
        .await
        .map_err(|_| Status::deadline_exceeded("context deadline exceeded"))?
        .inspect_err(|refusal| node.notice_refusal(refusal))?
        .into_inner();
    check(node, &answer).map_err(Status::unknown)?;
    if let Some(target) = target {
        node.offsets.measure(target, sent, answer.server_time, now_nanos());
        if let Err(text) = node.offsets.verify() {
            node.end(FATAL, text);
        }
    }
    Ok(())
}

/// What the dialling side checks in the answer: the cluster's name and version.
fn check(node: &Node, answer: &PingResponse) -> Result<(), String> {
    let config = &node.config;
    if !config.disable_cluster_name_verification && !answer.disable_cluster_name_verification {
        check_cluster_name(&config.cluster_name, &answer.cluster_name).inspect_err(|text| {
            log::shout("rpc/heartbeat.go:80", text);
        })?;
    }
    node.check_version(Version::from_wire(answer.server_version.as_ref()))
        .map_err(|text| format!("version compatibility check failed on ping response: {text}"))
}

/// Compares cluster names, from the dialling side.
///
/// # Errors
///
/// Which name is missing or differs.
pub fn check_cluster_name(ours: &str, theirs: &str) -> Result<(), String> {
    match (ours, theirs) {
        _ if ours == theirs => Ok(()),
        ("", _) => Err(format!("peer node expects cluster name {theirs:?}, use --cluster-name to configure")),
        (_, "") => Err("peer node does not have a cluster name configured, cannot use --cluster-name".to_owned()),
        _ => Err(format!("local cluster name {ours:?} does not match peer cluster name {theirs:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::check_cluster_name;

    #[test]
    fn the_dialling_side_says_which_name_is_missing() {
        assert_eq!(check_cluster_name("a", "a"), Ok(()));
        assert_eq!(
            check_cluster_name("a", "b"),
            Err("local cluster name \"a\" does not match peer cluster name \"b\"".into())
        );
        assert_eq!(
            check_cluster_name("", "b"),
            Err("peer node expects cluster name \"b\", use --cluster-name to configure".into())
        );
        assert_eq!(
            check_cluster_name("a", ""),
            Err("peer node does not have a cluster name configured, cannot use --cluster-name".into())
        );
    }
}
