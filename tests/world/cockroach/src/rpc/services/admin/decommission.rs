//! The way out of a cluster: whether it is open, a step on it, and how far nodes are.

use std::collections::BTreeSet;
use std::sync::Arc;

use tonic::Status;

use crate::clock::now_nanos;
use crate::log;
use crate::node::{Node, membership};
use crate::raft::Raft;
use crate::rpc::status as words;
use crate::state::command::{Command, Outcome};
use crate::state::member::Membership;
use crate::state::{ClusterState, NodeId};
use crate::wire::cockroach::kv::kvserver::liveness::livenesspb::MembershipStatus;
use crate::wire::cockroach::server::serverpb as wire;
use wire::decommission_pre_check_response::{NodeCheckResult, NodeReadiness, RangeCheckResult};
use wire::decommission_status_response::{Replica, Status as NodeState};

/// Checks on paper whether all named nodes could leave together.
pub(super) async fn pre_check(
    node: &Arc<Node>,
    request: &wire::DecommissionPreCheckRequest,
) -> Result<wire::DecommissionPreCheckResponse, Status> {
    let state = current(node).await?;
    let map = membership::map(node, &state);
    let leavers: BTreeSet<NodeId> = request.node_ids.iter().copied().map(NodeId).collect();
    let report = usize::try_from(request.num_replica_report).unwrap_or(0);
    let checked = leavers.iter().map(|id| {
        let Some(member) = state.members.get(id) else {
            return NodeCheckResult { node_id: id.0, ..NodeCheckResult::default() };
        };
        let blocked = map.blockers(&state, *id, &leavers, request.strict_readiness);
        let readiness = match (member.membership, blocked.is_empty()) {
            (Membership::Decommissioned, _) => NodeReadiness::AlreadyDecommissioned,
            (_, true) => NodeReadiness::Ready,
            (_, false) => NodeReadiness::AllocationErrors,
        };
        // All that block are told unless fewer are wanted: the command line counts them by their error.
        let shown = if report == 0 { blocked.len() } else { report };
        let ranges = blocked.into_iter().take(shown).map(|blocked| RangeCheckResult {
            range_id: i32::try_from(blocked.range).unwrap_or(i32::MAX),
            action: blocked.action.to_owned(),
            error: blocked.error,
        });
        NodeCheckResult {
            node_id: id.0,
            decommission_readiness: readiness.into(),
            replica_count: count(&state, *id),
            checked_ranges: ranges.collect(),
        }
    });
    Ok(wire::DecommissionPreCheckResponse { checked_nodes: checked.collect() })
}

/// Takes every named node a step through the membership machine.
pub(super) async fn change(
    node: &Arc<Node>,
    request: &wire::DecommissionRequest,
) -> Result<wire::DecommissionStatusResponse, Status> {
    let to = match request.target_membership() {
        MembershipStatus::Active => Membership::Active,
        MembershipStatus::Decommissioning => Membership::Decommissioning,
        MembershipStatus::Decommissioned => Membership::Decommissioned,
    };
    if request.node_ids.is_empty() {
        return Err(Status::invalid_argument("no node ID specified"));
    }
    let state = current(node).await?;
    let ids: Vec<NodeId> = request.node_ids.iter().copied().map(NodeId).collect();
    if !ids.iter().all(|id| state.members.contains_key(id)) {
        return Err(Status::not_found("node does not exist"));
    }
    for id in ids {
        let step = Command::Membership { node: id, to, at: now_nanos() };
        match raft(node)?.propose(step, false, node.timers.join_deadline()).await {
            Ok(Outcome::Refused(text)) => return Err(Status::failed_precondition(text)),
            Ok(_) => {
                let member = node.state().and_then(|state| state.members.get(&id).cloned());
                if member.is_some_and(|member| member.membership == to) {
                    log::info("server/node.go:1500", format!("n{id} is now {}", to.text()));
                }
            }
            Err(err) => return Err(Status::unavailable(err.to_string())),
        }
    }
    status(node, &request.node_ids, request.num_replica_report).await
}

/// How far nodes are; all that have not left if none is named.
pub(super) async fn status(
    node: &Arc<Node>,
    ids: &[i32],
    report: i32,
) -> Result<wire::DecommissionStatusResponse, Status> {
    let state = current(node).await?;
    let ids: Vec<NodeId> = match ids {
        [] => state.remaining().map(|member| member.id).collect(),
        ids => ids.iter().copied().map(NodeId).collect(),
    };
    let mut all = Vec::new();
    for id in ids {
        let member = state.members.get(&id).ok_or_else(|| Status::not_found("node does not exist"))?;
        let held = state.ranges.iter().filter_map(|range| {
            let replica = range.replicas.iter().find(|replica| replica.node == id)?;
            Some(Replica { replica_id: replica.id, range_id: i32::try_from(range.id).unwrap_or(i32::MAX) })
        });
        let membership = match member.membership {
            Membership::Active => MembershipStatus::Active,
            Membership::Decommissioning => MembershipStatus::Decommissioning,
            Membership::Decommissioned => MembershipStatus::Decommissioned,
        };
        all.push(NodeState {
            node_id: id.0,
            is_live: node.is_live(id),
            replica_count: count(&state, id),
            membership: membership.into(),
            draining: member.liveness.draining,
            reported_replicas: held.take(usize::try_from(report).unwrap_or(0)).collect(),
        });
    }
    Ok(wire::DecommissionStatusResponse { status: all })
}

fn count(state: &ClusterState, id: NodeId) -> i64 {
    i64::try_from(state.ranges.counts(id).0).unwrap_or(i64::MAX)
}

fn raft(node: &Node) -> Result<&Arc<Raft>, Status> {
    if let Some(removal) = node.removal() {
        return Err(Status::failed_precondition(removal));
    }
    node.raft().ok_or_else(|| Status::unavailable("node is not part of a cluster yet"))
}

/// A state that a majority confirmed: what a decommission decides by must not be old.
async fn current(node: &Node) -> Result<Arc<ClusterState>, Status> {
    let found = raft(node)?.barrier(node.timers.join_deadline()).await;
    found.map_err(|err| Status::unavailable(format!("{}: {err}", words::code(tonic::Code::DeadlineExceeded))))
}
