//! Carries the replicated log over the connections between nodes.

use std::sync::Weak;

use async_trait::async_trait;

use super::Node;
use crate::raft::Transport;
use crate::rpc::channel::Channel;
use crate::rpc::status;
use crate::state::NodeId;
use crate::wire::world::replication as wire;
use crate::wire::world::replication::replication_client::ReplicationClient;

/// Snapshots of the shared state are one message.
const MAX_MESSAGE: usize = 64 << 20;

/// The peers of a node, as the log uses them.
pub struct Wire(pub Weak<Node>);

impl Wire {
    fn client(&self, to: NodeId) -> Result<ReplicationClient<Channel>, String> {
        let node = self.0.upgrade().ok_or_else(|| "node is shutting down".to_owned())?;
        let channel = node.peers.channel(to)?;
        let origin = channel.origin();
        Ok(ReplicationClient::with_origin(channel, origin)
            .max_decoding_message_size(MAX_MESSAGE)
            .max_encoding_message_size(MAX_MESSAGE))
    }
}

#[async_trait]
impl Transport for Wire {
    async fn append(&self, to: NodeId, request: wire::AppendRequest) -> Result<wire::AppendResponse, String> {
        answer(self.client(to)?.append(request).await)
    }

    async fn vote(&self, to: NodeId, request: wire::VoteRequest) -> Result<wire::VoteResponse, String> {
        answer(self.client(to)?.vote(request).await)
    }

    async fn propose(&self, to: NodeId, request: wire::ProposeRequest) -> Result<wire::ProposeResponse, String> {
        answer(self.client(to)?.propose(request).await)
    }

    async fn read_index(&self, to: NodeId, request: wire::ReadIndexRequest) -> Result<wire::ReadIndexResponse, String> {
        answer(self.client(to)?.read_index(request).await)
    }

    async fn hand_over(&self, to: NodeId, request: wire::HandOverRequest) -> Result<(), String> {
        answer(self.client(to)?.hand_over(request).await).map(drop)
    }

    fn connected(&self) -> Vec<NodeId> {
        self.0.upgrade().map(|node| node.peers.connected()).unwrap_or_default()
    }
}

fn answer<T>(answer: Result<tonic::Response<T>, tonic::Status>) -> Result<T, String> {
    answer.map(tonic::Response::into_inner).map_err(|refusal| status::text(&refusal))
}
