//! `world.replication.Replication`: the replicated log between nodes.

use std::sync::Arc;

use tonic::{Request, Response, Status};

use crate::node::Node;
use crate::raft::{Raft, RaftError};
use crate::wire::world::replication as wire;
use crate::wire::world::replication::replication_server::Replication;

/// Serves the log.
pub struct Service(pub Arc<Node>);

impl Service {
    fn raft(&self) -> Result<&Arc<Raft>, Status> {
        self.0.raft().ok_or_else(|| Status::unavailable("node is not part of a cluster yet"))
    }
}

#[tonic::async_trait]
impl Replication for Service {
    async fn append(&self, request: Request<wire::AppendRequest>) -> Result<Response<wire::AppendResponse>, Status> {
        self.raft()?.serve_append(request.into_inner()).map(Response::new).map_err(refusal)
    }

    async fn vote(&self, request: Request<wire::VoteRequest>) -> Result<Response<wire::VoteResponse>, Status> {
        self.raft()?.serve_vote(&request.into_inner()).map(Response::new).map_err(refusal)
    }

    async fn propose(&self, request: Request<wire::ProposeRequest>) -> Result<Response<wire::ProposeResponse>, Status> {
        self.raft()?.serve_propose(request.into_inner()).await.map(Response::new).map_err(refusal)
    }

    async fn read_index(
        &self,
        request: Request<wire::ReadIndexRequest>,
    ) -> Result<Response<wire::ReadIndexResponse>, Status> {
        self.raft()?.serve_read_index(request.into_inner()).await.map(Response::new).map_err(refusal)
    }

    async fn take_replica(
        &self,
        request: Request<wire::TakeReplicaRequest>,
    ) -> Result<Response<wire::TakeReplicaResponse>, Status> {
        let range = request.into_inner().range;
        if crate::faults::disk_full() {
            return Err(Status::resource_exhausted(format!(
                "store has no room for r{range}: available disk space 0 B"
            )));
        }
        Ok(Response::new(wire::TakeReplicaResponse {}))
    }

    async fn hand_over(
        &self,
        request: Request<wire::HandOverRequest>,
    ) -> Result<Response<wire::HandOverResponse>, Status> {
        self.raft()?.serve_hand_over(request.into_inner()).await;
        Ok(Response::new(wire::HandOverResponse {}))
    }
}

fn refusal(err: RaftError) -> Status {
    match err {
        RaftError::Deadline => Status::deadline_exceeded(err.to_string()),
        RaftError::NotLeader => Status::unavailable(err.to_string()),
        RaftError::Disk(_) => Status::internal(err.to_string()),
    }
}
