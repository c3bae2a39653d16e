//! `cockroach.rpc.Heartbeat`: opens and keeps connections.

use std::sync::Arc;

use tonic::{Request, Response, Status};
use uuid::Uuid;

use crate::build_info::Version;
use crate::clock::now_nanos;
use crate::node::Node;
use crate::state::NodeId;
use crate::wire::cockroach::rpc::heartbeat_server::Heartbeat;
use crate::wire::cockroach::rpc::{PingRequest, PingResponse};

/// Serves pings.
pub struct Service(pub Arc<Node>);

#[tonic::async_trait]
impl Heartbeat for Service {
    async fn ping(&self, request: Request<PingRequest>) -> Result<Response<PingResponse>, Status> {
        let request = request.into_inner();
        check(&self.0, &request)?;
        Ok(Response::new(PingResponse {
            pong: request.ping,
            server_time: now_nanos(),
            server_version: Some(self.0.build.version().to_wire()),
            cluster_name: self.0.config.cluster_name.clone(),
            disable_cluster_name_verification: self.0.config.disable_cluster_name_verification,
        }))
    }
}

/// Cluster, node and version must fit. The cluster's name is checked by the dialling side, where the operator of a
/// new node can see the refusal.
fn check(node: &Node, request: &PingRequest) -> Result<(), Status> {
    let identity = node.identity();
    let theirs = request.origin_cluster_id.as_ref().and_then(|bytes| Uuid::from_slice(bytes).ok());
    if let (Some(theirs), Some(ours)) = (theirs.filter(|id| !id.is_nil()), identity.map(|own| own.cluster_id))
        && theirs != ours
    {
        let (theirs, ours) = (theirs.to_string(), ours.to_string());
        return Err(Status::unknown(format!("client cluster ID {theirs:?} doesn't match server cluster ID {ours:?}")));
    }
    let own = identity.map_or(0, |identity| identity.node_id.0);
    if request.target_node_id != 0 && request.target_node_id != own {
        let target = request.target_node_id;
        return Err(Status::unknown(format!("client requested node ID {target} doesn't match server node ID {own}")));
    }
    node.check_version(Version::from_wire(request.server_version.as_ref()))
        .map_err(|text| Status::unknown(format!("version compatibility check failed on ping request: {text}")))?;
    let origin = NodeId(request.origin_node_id);
    if let Some(removal) = node.state().and_then(|state| state.members.get(&origin)?.removal()) {
        return Err(Status::permission_denied(removal));
    }
    Ok(())
}
