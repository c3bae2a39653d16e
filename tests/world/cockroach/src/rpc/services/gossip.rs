//! `cockroach.gossip.Gossip`: takes news from a peer and sends back what it does not know.

use std::pin::Pin;
use std::sync::Arc;

use futures::Stream;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};
use uuid::Uuid;

use crate::gossip::Stamps;
use crate::node::Node;
use crate::state::NodeId;
use crate::state::descriptor::wire_address;
use crate::wire::cockroach::gossip as wire;

/// Serves gossip streams.
pub struct Service(pub Arc<Node>);

type Answers = Pin<Box<dyn Stream<Item = Result<wire::Response, Status>> + Send>>;

#[tonic::async_trait]
impl wire::gossip_server::Gossip for Service {
    type GossipStream = Answers;

    async fn gossip(&self, request: Request<Streaming<wire::Request>>) -> Result<Response<Answers>, Status> {
        let (send, receive) = mpsc::channel(4);
        tokio::spawn(talk(Arc::clone(&self.0), request.into_inner(), send));
        Ok(Response::new(Box::pin(ReceiverStream::new(receive))))
    }
}

async fn talk(
    node: Arc<Node>,
    mut requests: Streaming<wire::Request>,
    answers: mpsc::Sender<Result<wire::Response, Status>>,
) {
    let mut theirs: Option<Stamps> = None;
    let mut changes = node.gossip.watch();
    let pause = node.timers.gossip();
    let mut next = tokio::time::Instant::now() + pause;
    loop {
        tokio::select! {
            request = requests.message() => {
                let Ok(Some(request)) = request else { return };
                if let Err(status) = check(&node, &request) {
                    drop(answers.send(Err(status)).await);
                    return;
                }
                let first = theirs.is_none();
                theirs = Some(request.high_water_stamps);
                node.gossip.merge(NodeId(request.node_id), request.delta);
                // The first question is answered at once; later news can wait.
                if !first {
                    continue;
                }
            }
            () = async { tokio::time::sleep_until(next).await; changes.changed().await.unwrap_or(()) },
                if theirs.is_some() => {}
            () = answers.closed() => return,
        }
        let Some(seen) = &mut theirs else { continue };
        next = tokio::time::Instant::now() + pause;
        changes.borrow_and_update();
        let delta = node.gossip.delta(seen);
        // What was sent counts as seen, so that it is not sent again before the peer says so itself.
        for info in delta.values() {
            let stamp = seen.entry(info.node_id).or_default();
            *stamp = (*stamp).max(info.orig_stamp);
        }
        if answers.send(Ok(answer(&node, delta))).await.is_err() {
            return;
        }
    }
}

fn answer(node: &Node, delta: std::collections::BTreeMap<String, wire::Info>) -> wire::Response {
    wire::Response {
        node_id: node.identity().map_or(0, |identity| identity.node_id.0),
        addr: Some(wire_address(&node.config.advertise_addr)),
        alternate_addr: None,
        alternate_node_id: 0,
        delta,
        high_water_stamps: node.gossip.stamps(),
    }
}

fn check(node: &Node, request: &wire::Request) -> Result<(), Status> {
    let theirs = Uuid::from_slice(&request.cluster_id).ok().filter(|id| !id.is_nil());
    match (theirs, node.identity().map(|identity| identity.cluster_id)) {
        (Some(theirs), Some(ours)) if theirs != ours => {
            Err(Status::unknown(format!("gossip connection refused from different cluster {theirs}")))
        }
        _ => Ok(()),
    }
}
