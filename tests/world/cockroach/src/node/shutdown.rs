//! How a node leaves: it drains, then its process ends.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::{Node, Phase};
use crate::cli::print_out;
use crate::log;

/// What a draining node has not got rid of yet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Remaining {
    pub leases: usize,
    pub txns: usize,
}

impl Remaining {
    /// The number that `node drain` counts down.
    pub fn indicator(self) -> u64 {
        u64::try_from(self.leases + self.txns).unwrap_or(u64::MAX)
    }

    /// In words.
    pub fn description(self) -> String {
        let parts = [(self.leases, "range lease iterations"), (self.txns, "SQL clients")];
        let parts = parts.into_iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{what}: {count}"));
        parts.collect::<Vec<_>>().join(", ")
    }
}

/// Answers SIGTERM: drains, bounded in time, and says so. A node without a majority leaves without telling.
pub async fn stop(node: &Arc<Node>) {
    say("initiating graceful shutdown of server");
    if matches!(node.phase(), Phase::Serving | Phase::Draining) {
        let limit =
            node.timers.drain() + if node.txns.load(Ordering::Relaxed) > 0 { txn_limit(node) } else { Duration::ZERO };
        // What could not be said in time, others find out by the end of the liveness record.
        drop(tokio::time::timeout(limit, async { while drain(node).await.indicator() > 0 {} }).await);
    }
    node.advance(Phase::Draining);
    say("server drained and shutdown completed");
}

/// One round of a drain: no new SQL, the draining flag in the liveness record, leadership and leases to others,
/// patience with open transactions. Gives what is left.
pub async fn drain(node: &Arc<Node>) -> Remaining {
    if node.phase() < Phase::Draining {
        tokio::time::sleep(node.duration_setting("server.shutdown.initial_wait", Duration::ZERO)).await;
        *node.drains_since.lock().expect("no holder panics") = Some(Instant::now());
        node.advance(Phase::Draining);
    }
    let (Some(identity), Some(raft)) = (node.identity(), node.raft()) else { return Remaining::default() };
    super::liveness::beat(node, identity.node_id, false).await;
    raft.hand_over().await;
    let iteration = node.duration_setting("server.shutdown.lease_transfer_iteration.timeout", Duration::from_secs(5));
    let end = Instant::now() + iteration.min(node.timers.drain());
    while remaining(node).indicator() > 0 && Instant::now() < end {
        tokio::time::sleep(node.timers.millis(200)).await;
    }
    remaining(node)
}

/// What is left to drain.
pub fn remaining(node: &Node) -> Remaining {
    let leases = node.identity().zip(node.state()).map_or(0, |(own, state)| state.ranges.counts(own.node_id).1);
    Remaining { leases, txns: node.txns.load(Ordering::Relaxed) }
}

/// How long a drain lets transactions go on.
pub fn txn_limit(node: &Node) -> Duration {
    node.duration_setting("server.shutdown.transactions.timeout", Duration::from_secs(10))
}

fn say(message: &str) {
    log::info("cli/start.go:1300", message);
    print_out(&format!("{message}\n"));
}
