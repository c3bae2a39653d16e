//! A node's Admin service, as the command line calls it.

use tonic::{Code, Status};

use super::super::client::Target;
use super::super::error::CliError;
use super::super::flags::Flags;
use crate::rpc::channel::Channel;
use crate::rpc::status;
use crate::wire::cockroach::kv::kvserver::liveness::livenesspb::MembershipStatus;
use crate::wire::cockroach::roachpb::NodeDescriptor;
use crate::wire::cockroach::server::serverpb as wire;
use wire::admin_client::AdminClient;
use wire::status_client::StatusClient;

/// A connection to the node that serves the command.
pub(super) struct Admin {
    client: AdminClient<Channel>,
    /// The node that serves.
    pub(super) serving: i32,
}

impl Admin {
    /// Connects and asks the node who it is.
    pub(super) async fn connect(flags: &Flags) -> Result<Self, CliError> {
        let target = Target::of(flags)?;
        let channel = target.rpc().await?.map_err(|refusal| CliError::cannot_dial(&status::text(&refusal)))?;
        let origin = channel.origin();
        let mut nodes = StatusClient::with_origin(channel.clone(), origin.clone());
        let own = nodes.node(wire::NodeRequest { node_id: "local".to_owned() }).await.map_err(failed)?;
        let serving = own.into_inner().desc.map_or(0, |desc: NodeDescriptor| desc.node_id);
        Ok(Self { client: AdminClient::with_origin(channel, origin), serving })
    }

    pub(super) async fn pre_check(&mut self, ids: &[i32], strict: bool) -> Result<Vec<Checked>, CliError> {
        let request = wire::DecommissionPreCheckRequest {
            node_ids: ids.to_vec(),
            strict_readiness: strict,
            ..wire::DecommissionPreCheckRequest::default()
        };
        Ok(self.client.decommission_pre_check(request).await.map_err(failed)?.into_inner().checked_nodes)
    }

    pub(super) async fn change(
        &mut self,
        ids: &[i32],
        to: MembershipStatus,
        report: i32,
    ) -> Result<Vec<State>, CliError> {
        let request = wire::DecommissionRequest {
            node_ids: ids.to_vec(),
            target_membership: to.into(),
            num_replica_report: report,
        };
        Ok(self.client.decommission(request).await.map_err(failed)?.into_inner().status)
    }

    pub(super) async fn status(&mut self, ids: &[i32]) -> Result<Vec<State>, CliError> {
        let request = wire::DecommissionStatusRequest { node_ids: ids.to_vec(), num_replica_report: 0 };
        Ok(self.client.decommission_status(request).await.map_err(failed)?.into_inner().status)
    }

    /// One round of a drain, or, without `work`, what would remain.
    pub(super) async fn drain(
        &mut self,
        id: &str,
        work: bool,
        shutdown: bool,
    ) -> Result<wire::DrainResponse, CliError> {
        let request = wire::DrainRequest { shutdown, do_drain: work, node_id: id.to_owned(), verbose: false };
        let mut answers = self.client.drain(request).await.map_err(failed)?.into_inner();
        let mut last = wire::DrainResponse::default();
        while let Some(answer) = answers.message().await.map_err(failed)? {
            last = answer;
        }
        Ok(last)
    }
}

pub(super) type Checked = wire::decommission_pre_check_response::NodeCheckResult;
pub(super) type State = wire::decommission_status_response::Status;

/// A refusal as the command line prints it.
fn failed(refusal: Status) -> CliError {
    match refusal.code() {
        Code::NotFound => CliError::new("node does not exist"),
        Code::FailedPrecondition | Code::InvalidArgument => CliError::new(refusal.message()),
        _ => CliError::new(status::text(&refusal)),
    }
}
