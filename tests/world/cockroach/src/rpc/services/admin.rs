//! `cockroach.server.serverpb.Admin` and `Status`: what the command line asks.

mod decommission;
mod drain;

use std::sync::Arc;

use tonic::{Request, Response, Status};

use crate::node::Node;
use crate::state::NodeId;
use crate::wire::cockroach::server::serverpb as wire;
use crate::wire::cockroach::server::serverpb::admin_server::Admin;
use crate::wire::cockroach::server::serverpb::status_server::Status as StatusService;
use crate::wire::cockroach::server::serverpb::{HealthRequest, HealthResponse, NodeRequest, NodeStatus};

/// Serves health, node status, and the ways out of a cluster.
pub struct Service(pub Arc<Node>);

#[tonic::async_trait]
impl Admin for Service {
    type DrainStream = drain::Answers;

    async fn health(&self, request: Request<HealthRequest>) -> Result<Response<HealthResponse>, Status> {
        if request.into_inner().ready {
            self.0.readiness().map_err(Status::unavailable)?;
        }
        Ok(Response::new(HealthResponse {}))
    }

    async fn decommission_pre_check(
        &self,
        request: Request<wire::DecommissionPreCheckRequest>,
    ) -> Result<Response<wire::DecommissionPreCheckResponse>, Status> {
        decommission::pre_check(&self.0, &request.into_inner()).await.map(Response::new)
    }

    async fn decommission(
        &self,
        request: Request<wire::DecommissionRequest>,
    ) -> Result<Response<wire::DecommissionStatusResponse>, Status> {
        decommission::change(&self.0, &request.into_inner()).await.map(Response::new)
    }

    async fn decommission_status(
        &self,
        request: Request<wire::DecommissionStatusRequest>,
    ) -> Result<Response<wire::DecommissionStatusResponse>, Status> {
        let request = request.into_inner();
        decommission::status(&self.0, &request.node_ids, request.num_replica_report).await.map(Response::new)
    }

    async fn drain(&self, request: Request<wire::DrainRequest>) -> Result<Response<Self::DrainStream>, Status> {
        drain::serve(&self.0, request.into_inner()).await.map(Response::new)
    }
}

#[tonic::async_trait]
impl StatusService for Service {
    async fn node(&self, request: Request<NodeRequest>) -> Result<Response<NodeStatus>, Status> {
        let id = named(&self.0, &request.into_inner().node_id)?;
        let descriptor = self.0.descriptors().remove(&id);
        let descriptor = descriptor.ok_or_else(|| Status::not_found(format!("node {id} not found")))?;
        Ok(Response::new(NodeStatus { desc: Some(descriptor.to_wire()) }))
    }
}

/// The node that a request names: by number, or this one as `local`.
fn named(node: &Node, name: &str) -> Result<NodeId, Status> {
    match (name, node.identity()) {
        ("local" | "", Some(identity)) => Ok(identity.node_id),
        (digits, _) => {
            let id = digits.parse();
            id.map(NodeId).map_err(|_| Status::invalid_argument(format!("node ID could not be parsed: {digits:?}")))
        }
    }
}
