//! The services of a node.

pub mod admin;
pub mod gossip;
pub mod heartbeat;
pub mod init;
pub mod internal;
pub mod replication;

use std::sync::Arc;

use tonic::service::Routes;

use crate::node::Node;
use crate::wire::cockroach::gossip::gossip_server::GossipServer;
use crate::wire::cockroach::roachpb::internal_server::InternalServer;
use crate::wire::cockroach::rpc::heartbeat_server::HeartbeatServer;
use crate::wire::cockroach::server::serverpb::admin_server::AdminServer;
use crate::wire::cockroach::server::serverpb::init_server::InitServer;
use crate::wire::cockroach::server::serverpb::status_server::StatusServer;
use crate::wire::world::replication::replication_server::ReplicationServer;

/// Methods that a node without a cluster answers.
pub const OPEN_WHILE_WAITING: [&str; 4] = [
    "/cockroach.rpc.Heartbeat/Ping",
    "/cockroach.gossip.Gossip/Gossip",
    "/cockroach.server.serverpb.Init/Bootstrap",
    "/cockroach.server.serverpb.Admin/Health",
];
/// Snapshots of the shared state are one message.
const MAX_MESSAGE: usize = 64 << 20;

/// All services of `node`.
pub fn routes(node: &Arc<Node>) -> Routes {
    let replication = ReplicationServer::new(replication::Service(Arc::clone(node)))
        .max_decoding_message_size(MAX_MESSAGE)
        .max_encoding_message_size(MAX_MESSAGE);
    Routes::new(HeartbeatServer::new(heartbeat::Service(Arc::clone(node))))
        .add_service(GossipServer::new(gossip::Service(Arc::clone(node))))
        .add_service(InitServer::new(init::Service(Arc::clone(node))))
        .add_service(AdminServer::new(admin::Service(Arc::clone(node))))
        .add_service(StatusServer::new(admin::Service(Arc::clone(node))))
        .add_service(InternalServer::new(internal::Service(Arc::clone(node))))
        .add_service(replication)
        .prepare()
}
