//! Outgoing gossip: a node keeps a stream to a few others.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use super::Stamps;
use crate::net::HostPort;
use crate::node::Node;
use crate::rpc::channel::Channel;
use crate::rpc::peers;
use crate::state::NodeId;
use crate::state::descriptor::wire_address;
use crate::wire::cockroach::gossip::gossip_client::GossipClient;
use crate::wire::cockroach::gossip::{Request, Response};

/// Keeps streams to two nodes in the ring of IDs; with none connected, asks the addresses it was told.
pub async fn run(node: Weak<Node>) {
    let mut streams: BTreeMap<NodeId, JoinHandle<()>> = BTreeMap::new();
    let mut turn = 0;
    let mut told = BTreeMap::new();
    loop {
        let Some(strong) = node.upgrade() else { return };
        let pause = strong.timers.redial();
        streams.retain(|_, stream| !stream.is_finished());
        let wanted = chosen(&strong);
        streams.retain(|target, stream| {
            let keep = wanted.contains(target);
            if !keep {
                stream.abort();
            }
            keep
        });
        for target in wanted.iter().filter(|target| !streams.contains_key(target)).copied().collect::<Vec<_>>() {
            if let Ok(channel) = strong.peers.channel(target) {
                streams.insert(target, tokio::spawn(talk(Arc::downgrade(&strong), channel)));
            }
        }
        if streams.is_empty() {
            bootstrap(&strong, &mut turn, &mut told).await;
        }
        drop(strong);
        tokio::time::sleep(pause).await;
    }
}

fn chosen(node: &Node) -> Vec<NodeId> {
    let Some(identity) = node.identity() else { return Vec::new() };
    let connected = node.peers.connected();
    let after = connected.iter().filter(|peer| **peer > identity.node_id);
    let before = connected.iter().filter(|peer| **peer < identity.node_id);
    let ring: Vec<NodeId> = after.chain(before).copied().collect();
    // The next one keeps the ring whole, the one across makes it short.
    let mut chosen: Vec<NodeId> = [0, ring.len() / 2].iter().filter_map(|at| ring.get(*at)).copied().collect();
    chosen.dedup();
    chosen
}

/// Asks one known address for all it has heard, a different one each time.
async fn bootstrap(node: &Arc<Node>, turn: &mut usize, told: &mut BTreeMap<HostPort, String>) {
    let addresses: Vec<HostPort> =
        node.known_addresses().into_iter().filter(|address| *address != node.config.advertise_addr).collect();
    let Some(address) = addresses.get(*turn % addresses.len().max(1)) else { return };
    *turn += 1;
    match peers::open(node, address, None).await {
        // The stream ends with the first answer: from then on, nodes are known and peers are dialled.
        Ok(channel) => drop(ask_once(node, channel).await),
        Err(status) => {
            let text = crate::rpc::status::text(&status);
            // A node that is alone asks for ever; the same refusal once a second would fill the disk.
            if told.insert(address.clone(), text.clone()).as_ref() == Some(&text) {
                return;
            }
            crate::log::warning(
                "gossip/client.go:105",
                format!("failed to start gossip client to {address}: initial connection heartbeat failed: {text}"),
            );
        }
    }
}

async fn ask_once(node: &Arc<Node>, channel: Channel) -> Result<(), Status> {
    let (send, receive) = mpsc::channel(4);
    let origin = channel.origin();
    let mut client = GossipClient::with_origin(channel, origin);
    drop(send.send(request(node, &Stamps::new())).await);
    let exchange = async {
        let mut answers = client.gossip(ReceiverStream::new(receive)).await?.into_inner();
        if let Some(answer) = answers.message().await? {
            node.gossip.merge(NodeId(answer.node_id), answer.delta);
        }
        Ok(())
    };
    tokio::time::timeout(node.timers.network(), exchange)
        .await
        .unwrap_or_else(|_| Err(Status::deadline_exceeded("context deadline exceeded")))
}

fn request(node: &Node, theirs: &Stamps) -> Request {
    let identity = node.identity();
    Request {
        node_id: identity.map_or(0, |identity| identity.node_id.0),
        addr: Some(wire_address(&node.config.advertise_addr)),
        high_water_stamps: node.gossip.stamps(),
        delta: node.gossip.delta(theirs),
        cluster_id: identity.map_or_else(Vec::new, |identity| identity.cluster_id.as_bytes().to_vec()),
    }
}

/// Exchanges news with one peer until the stream breaks.
async fn talk(node: Weak<Node>, channel: Channel) {
    let (send, receive) = mpsc::channel(4);
    let origin = channel.origin();
    let mut client = GossipClient::with_origin(channel, origin);
    let mut theirs = Stamps::new();
    let (mut changes, pause) = {
        let Some(node) = node.upgrade() else { return };
        drop(send.send(request(&node, &theirs)).await);
        (node.gossip.watch(), node.timers.gossip())
    };
    let Ok(answers) = client.gossip(ReceiverStream::new(receive)).await else { return };
    let mut answers = answers.into_inner();
    let mut next = tokio::time::Instant::now() + pause;
    loop {
        tokio::select! {
            answer = answers.message() => match answer {
                Ok(Some(Response { node_id, delta, high_water_stamps, .. })) => {
                    let Some(node) = node.upgrade() else { return };
                    theirs = high_water_stamps;
                    node.gossip.merge(NodeId(node_id), delta);
                }
                _ => return,
            },
            // News are gathered for a while: each heartbeat of each node is news.
            () = async { tokio::time::sleep_until(next).await; changes.changed().await.unwrap_or(()) } => {
                let Some(node) = node.upgrade() else { return };
                changes.borrow_and_update();
                next = tokio::time::Instant::now() + pause;
                let message = request(&node, &theirs);
                if !message.delta.is_empty() && send.send(message).await.is_err() {
                    return;
                }
            }
        }
    }
}
