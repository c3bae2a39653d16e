//! A node's own heartbeats.

use std::sync::Weak;
use std::sync::atomic::Ordering;

use super::{FATAL, Node, Phase};
use crate::clock::now_nanos;
use crate::http_server::metrics::range_counts;
use crate::log;
use crate::state::NodeId;
use crate::state::command::{Command, Outcome};
use crate::state::member::{Heartbeat, Status};
use crate::store::Identity;

/// What became of a heartbeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beat {
    Taken,
    /// No majority took it in time.
    Lost,
    /// Another process has this node's identity.
    Fenced,
}

/// Sends a heartbeat every few seconds until the node stops. The first starts a new epoch and does not wait.
pub async fn run(node: Weak<Node>, identity: Identity) {
    let mut first = true;
    loop {
        let Some(strong) = node.upgrade() else { return };
        let pause = strong.timers.liveness_heartbeat();
        match beat(&strong, identity.node_id, first).await {
            Beat::Taken => {
                first = false;
                strong.advance(Phase::Serving);
            }
            Beat::Lost => {
                strong.heartbeat_failures.fetch_add(1, Ordering::Relaxed);
                log::warning(
                    "kv/kvserver/liveness/liveness.go:664",
                    "failed node liveness heartbeat: operation \"node liveness heartbeat\" timed out: context deadline exceeded",
                );
            }
            Beat::Fenced => {
                let id = identity.node_id;
                strong.end(
                    FATAL,
                    format!(
                        "node liveness heartbeat failed: epoch incremented: another process runs as n{id}; a store must \
                         never be used by two processes, not even a copy of it"
                    ),
                );
                return;
            }
        }
        drop(strong);
        tokio::time::sleep(if first { pause / 10 } else { pause }).await;
    }
}

/// Sends one heartbeat and says what became of it. A node that drains says so.
pub async fn beat(node: &Node, id: NodeId, new_epoch: bool) -> Beat {
    let duration = node.timers.liveness_duration();
    let nanos = i64::try_from(duration.as_nanos()).expect("seconds fit");
    // In this order: of two heartbeats the one that knows of the drain also ends later.
    let expiration = now_nanos() + nanos;
    let draining = node.phase() == Phase::Draining;
    let status = Status { clock_offset: node.offsets.spread().0, ranges: range_counts(node, id) };
    let heartbeat = Heartbeat { node: id, expiration, draining, new_epoch, process: node.process, status };
    let Some(raft) = node.raft() else { return Beat::Lost };
    let told = node.state().is_some_and(|state| state.liveness(id).is_some_and(|known| known.draining));
    let urgent = new_epoch || draining != told;
    match raft.propose(Command::Heartbeats(vec![heartbeat]), !urgent, duration).await {
        Ok(Outcome::Fenced(processes)) if processes.contains(&node.process) => Beat::Fenced,
        Ok(_) => Beat::Taken,
        Err(_) => Beat::Lost,
    }
}

impl Node {
    /// Whether a node is alive, as this node sees it. It sees itself alive only while its record is good.
    pub fn is_live(&self, id: NodeId) -> bool {
        let now = now_nanos();
        self.livenesses().get(&id).is_some_and(|(liveness, _)| liveness.is_live(now))
    }

    /// How many nodes are alive; 0 when this one is not, because then it cannot know.
    pub fn n_live(&self) -> usize {
        let now = now_nanos();
        let all = self.livenesses();
        let own = self.identity().and_then(|identity| all.get(&identity.node_id));
        if !own.is_some_and(|(liveness, _)| liveness.is_live(now)) {
            return 0;
        }
        all.values().filter(|(liveness, _)| liveness.is_live(now)).count()
    }
}
