//! A node's own heartbeats.

use std::sync::Weak;
use std::sync::atomic::Ordering;

use super::{Node, Phase};
use crate::log;
use crate::state::NodeId;
use crate::state::command::Command;
use crate::state::datum::now_nanos;
use crate::state::member::Heartbeat;
use crate::store::Identity;

/// Sends a heartbeat every few seconds until the node stops. The first starts a new epoch and does not wait.
pub async fn run(node: Weak<Node>, identity: Identity) {
    let mut first = true;
    loop {
        let Some(strong) = node.upgrade() else { return };
        if strong.phase() == Phase::Draining {
            return;
        }
        let pause = strong.timers.liveness_heartbeat();
        if beat(&strong, identity.node_id, first, false).await {
            first = false;
            strong.advance(Phase::Serving);
        } else {
            strong.heartbeat_failures.fetch_add(1, Ordering::Relaxed);
            log::warning(
                "kv/kvserver/liveness/liveness.go:664",
                "failed node liveness heartbeat: operation \"node liveness heartbeat\" timed out: context deadline exceeded",
            );
        }
        drop(strong);
        tokio::time::sleep(if first { pause / 10 } else { pause }).await;
    }
}

/// Sends one heartbeat and says whether it arrived.
pub async fn beat(node: &Node, id: NodeId, new_epoch: bool, draining: bool) -> bool {
    let duration = node.timers.liveness_duration();
    let nanos = i64::try_from(duration.as_nanos()).expect("seconds fit");
    let heartbeat = Heartbeat { node: id, expiration: now_nanos() + nanos, draining, new_epoch };
    let Some(raft) = node.raft() else { return false };
    raft.propose(Command::Heartbeats(vec![heartbeat]), !new_epoch && !draining, duration).await.is_ok()
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
