//! `cockroach.roachpb.Internal`: lets an empty node in.

use std::sync::Arc;

use tonic::{Request, Response, Status};

use crate::build_info::Version;
use crate::log;
use crate::node::Node;
use crate::state::command::{Command, Outcome};
use crate::wire::cockroach::roachpb::internal_server::Internal;
use crate::wire::cockroach::roachpb::{JoinNodeRequest, JoinNodeResponse};

/// Serves joins.
pub struct Service(pub Arc<Node>);

#[tonic::async_trait]
impl Internal for Service {
    async fn join(&self, request: Request<JoinNodeRequest>) -> Result<Response<JoinNodeResponse>, Status> {
        let node = &self.0;
        let (Some(identity), Some(raft)) = (node.identity(), node.raft()) else {
            return Err(Status::unavailable("node is not ready to let others join"));
        };
        let theirs = Version::from_wire(request.into_inner().binary_version.as_ref());
        let active = node.active_version();
        if theirs.is_none_or(|theirs| active.is_some_and(|active| theirs < active)) {
            return Err(Status::permission_denied("node is incompatible with cluster version"));
        }
        // The next ID is a counter of the cluster: without a majority nobody gets one.
        let outcome = raft.propose(Command::AllocateNode, false, node.timers.join_deadline()).await;
        match outcome.map_err(|err| Status::unknown(err.to_string()))? {
            Outcome::Node(id) => {
                log::info("server/node.go:1890", format!("allocated new node ID {id} for a joining node"));
                Ok(Response::new(JoinNodeResponse {
                    cluster_id: identity.cluster_id.as_bytes().to_vec(),
                    node_id: id.0,
                    store_id: id.0,
                    active_version: active.map(Version::to_wire),
                }))
            }
            other => Err(Status::unknown(format!("could not allocate a node ID: {other:?}"))),
        }
    }
}
