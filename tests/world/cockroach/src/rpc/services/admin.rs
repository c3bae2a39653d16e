//! `cockroach.server.serverpb.Admin` and `Status`: what the command line asks.

use std::sync::Arc;

use tonic::{Request, Response, Status};

use crate::node::Node;
use crate::state::NodeId;
use crate::wire::cockroach::server::serverpb::admin_server::Admin;
use crate::wire::cockroach::server::serverpb::status_server::Status as StatusService;
use crate::wire::cockroach::server::serverpb::{HealthRequest, HealthResponse, NodeRequest, NodeStatus};

/// Serves health and node status.
pub struct Service(pub Arc<Node>);

#[tonic::async_trait]
impl Admin for Service {
    async fn health(&self, request: Request<HealthRequest>) -> Result<Response<HealthResponse>, Status> {
        if request.into_inner().ready {
            self.0.readiness().map_err(Status::unavailable)?;
        }
        Ok(Response::new(HealthResponse {}))
    }
}

#[tonic::async_trait]
impl StatusService for Service {
    async fn node(&self, request: Request<NodeRequest>) -> Result<Response<NodeStatus>, Status> {
        let wanted = request.into_inner().node_id;
        let id = match (wanted.as_str(), self.0.identity()) {
            ("local" | "", Some(identity)) => identity.node_id,
            (digits, _) => NodeId(
                digits
                    .parse()
                    .map_err(|_| Status::invalid_argument(format!("node ID could not be parsed: {digits:?}")))?,
            ),
        };
        let descriptor = self.0.descriptors().remove(&id);
        let descriptor = descriptor.ok_or_else(|| Status::not_found(format!("node {id} not found")))?;
        Ok(Response::new(NodeStatus { desc: Some(descriptor.to_wire()) }))
    }
}
