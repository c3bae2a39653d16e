//! How a node leaves: it drains, then its process ends.

use std::sync::Arc;

use super::{Node, Phase};
use crate::cli::print_out;
use crate::log;

/// Drains: no new SQL, the draining flag in its liveness record, leadership and leases to others. Bounded in time;
/// a node without a majority leaves without telling.
pub async fn drain(node: &Arc<Node>) {
    say("initiating graceful shutdown of server");
    let before = node.phase();
    node.advance(Phase::Draining);
    if before >= Phase::Serving {
        let limit = node.timers.drain();
        // What could not be said in time, others find out by the end of the liveness record.
        drop(tokio::time::timeout(limit, leave(node)).await);
    }
    say("server drained and shutdown completed");
}

async fn leave(node: &Arc<Node>) {
    let (Some(identity), Some(raft)) = (node.identity(), node.raft()) else { return };
    super::liveness::beat(node, identity.node_id, false, true).await;
    raft.hand_over().await;
    // Sessions see the phase and end by themselves.
    tokio::time::sleep(node.timers.millis(200)).await;
}

fn say(message: &str) {
    log::info("cli/start.go:1300", message);
    print_out(&format!("{message}\n"));
}
