//! Drains, here or on another node.

use std::pin::Pin;
use std::sync::Arc;

use futures::Stream;
use tonic::{Status, Streaming};

use super::named;
use crate::node::{Node, Phase, shutdown};
use crate::wire::cockroach::server::serverpb::admin_client::AdminClient;
use crate::wire::cockroach::server::serverpb::{DrainRequest, DrainResponse};

/// The answers of one round.
pub(super) type Answers = Pin<Box<dyn Stream<Item = Result<DrainResponse, Status>> + Send>>;

/// One round on the node that is named.
pub(super) async fn serve(node: &Arc<Node>, request: DrainRequest) -> Result<Answers, Status> {
    let id = named(node, &request.node_id)?;
    if node.identity().map(|own| own.node_id) != Some(id) {
        let channel = node.peers.channel(id).map_err(Status::unavailable)?;
        let origin = channel.origin();
        let forwarded = DrainRequest { node_id: "local".to_owned(), ..request };
        let answers: Streaming<DrainResponse> =
            AdminClient::with_origin(channel, origin).drain(forwarded).await?.into_inner();
        return Ok(Box::pin(answers));
    }
    let remaining = if request.do_drain { shutdown::drain(node).await } else { shutdown::remaining(node) };
    if request.shutdown && remaining.indicator() == 0 {
        node.shutdown.notify_one();
    }
    let answer = DrainResponse {
        is_draining: node.phase() == Phase::Draining,
        drain_remaining_indicator: remaining.indicator(),
        drain_remaining_description: remaining.description(),
    };
    Ok(Box::pin(tokio_stream::once(Ok(answer))))
}
