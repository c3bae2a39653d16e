//! What the leader of the log does for the cluster: replicas, leases and voters.

use std::sync::Weak;
use std::time::Instant;

use super::Node;
use crate::allocator::{Map, Place, next_voters};
use crate::state::command::Command;
use crate::state::datum::now_nanos;
use crate::state::member::Membership;
use crate::state::{ClusterState, NodeId};

/// Changes of replicas in one round.
const CHANGES: usize = 3;

/// Works, round by round, while this node leads.
pub async fn run(node: Weak<Node>) {
    loop {
        let Some(strong) = node.upgrade() else { return };
        let worked = match (strong.raft().filter(|raft| raft.leadership().0), strong.state()) {
            (Some(_), Some(state)) => round(&strong, &state).await,
            _ => false,
        };
        let pause = if worked { strong.timers.allocator_busy() } else { strong.timers.allocator_idle() };
        drop(strong);
        tokio::time::sleep(pause).await;
    }
}

/// Does what is next; says whether anything was.
async fn round(node: &Node, state: &ClusterState) -> bool {
    let Some(raft) = node.raft() else { return false };
    let map = map(node, state);
    let mut commands = Vec::new();
    let changes = map.next_changes(state, CHANGES);
    if !changes.is_empty() {
        commands.push(Command::Ranges(changes));
    }
    if let Some(voters) = voters(node, state, &map) {
        commands.push(Command::Voters(voters));
    }
    let worked = !commands.is_empty();
    for command in commands {
        // Without a majority nothing changes; the next round looks again.
        drop(raft.propose(command, false, node.timers.liveness_duration()).await);
    }
    worked
}

fn map(node: &Node, state: &ClusterState) -> Map {
    let now = now_nanos();
    let dead_after = i64::try_from(node.timers.until_store_dead().as_nanos()).unwrap_or(i64::MAX);
    let livenesses = node.livenesses();
    let mut map = Map::default();
    for member in state.remaining() {
        let (liveness, membership) =
            livenesses.get(&member.id).copied().unwrap_or((member.liveness, member.membership));
        let live = liveness.is_live(now);
        let started = member.descriptor.is_some();
        map.places.insert(
            member.id,
            Place {
                locality: member.descriptor.as_ref().map(|descriptor| descriptor.locality.clone()).unwrap_or_default(),
                usable: live && started && !liveness.draining && membership == Membership::Active,
                live,
                lost: !started
                    || membership != Membership::Active
                    || liveness.expiration.saturating_add(dead_after) < now,
            },
        );
    }
    map
}

/// One change of voters at a time, and only when the last one is applied.
fn voters(node: &Node, state: &ClusterState, map: &Map) -> Option<Vec<NodeId>> {
    let raft = node.raft()?;
    let voters = raft.voters();
    if voters != state.voters {
        return None;
    }
    let now = Instant::now();
    let ready: Vec<NodeId> = map
        .places
        .iter()
        .filter(|(id, place)| {
            place.usable && (Some(**id) == node.identity().map(|own| own.node_id) || raft.caught_up(**id, now))
        })
        .map(|(id, _)| *id)
        .collect();
    let gone: Vec<NodeId> = voters.iter().copied().filter(|voter| !map.places.contains_key(voter)).collect();
    next_voters(&voters, &gone, &ready, |voter| map.places.get(&voter).is_some_and(|place| place.live))
}
