//! `cockroach.server.serverpb.Init`: founds a cluster.

use std::sync::Arc;

use tonic::{Request, Response, Status};

use crate::node::Node;
use crate::wire::cockroach::server::serverpb::init_server::Init;
use crate::wire::cockroach::server::serverpb::{BootstrapRequest, BootstrapResponse};

/// Serves `cockroach init`.
pub struct Service(pub Arc<Node>);

#[tonic::async_trait]
impl Init for Service {
    async fn bootstrap(&self, _: Request<BootstrapRequest>) -> Result<Response<BootstrapResponse>, Status> {
        crate::node::founding::bootstrap(&self.0).await.map_err(|err| Status::unknown(err.to_string()))?;
        Ok(Response::new(BootstrapResponse {}))
    }
}
