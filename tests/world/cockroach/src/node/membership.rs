//! What the leader of the log does for the cluster: replicas, leases, voters, and the end of an upgrade.

use std::sync::Weak;
use std::time::{Duration, Instant};

use super::{Node, Phase, replicas, upgrade};
use crate::allocator::voters::next_voters;
use crate::allocator::{Map, Place};
use crate::clock::now_nanos;
use crate::state::command::Command;
use crate::state::member::Membership;
use crate::state::{ClusterState, NodeId};

/// Changes of replicas in one round.
const CHANGES: usize = 3;

/// Works, round by round, while this node leads.
pub async fn run(node: Weak<Node>) {
    loop {
        let Some(strong) = node.upgrade() else { return };
        let begun = Instant::now();
        let worked = match (strong.raft().filter(|raft| raft.leadership().0), strong.state()) {
            (Some(_), Some(state)) => round(&strong, &state).await,
            _ => false,
        };
        let pause = if worked { strong.timers.allocator_busy() } else { strong.timers.allocator_idle() };
        let next = begun + pause;
        drop(strong);
        tokio::time::sleep_until(next.into()).await;
    }
}

/// Does what is next; says whether anything was.
async fn round(node: &Node, state: &ClusterState) -> bool {
    let Some(raft) = node.raft() else { return false };
    let own = node.identity().and_then(|identity| state.members.get(&identity.node_id));
    if node.phase() == Phase::Draining || own.is_some_and(|own| own.membership != Membership::Active) {
        // Who is leaving does not lead, unless nobody else can.
        raft.hand_over().await;
        if !raft.leadership().0 {
            return true;
        }
    }
    let map = map(node, state);
    let mut commands = Vec::new();
    let changes = map.next_changes(state, CHANGES);
    if !changes.is_empty() {
        let (changes, refused) = replicas::send(node, state, changes).await;
        node.refusals.lock().expect("no holder panics").extend(refused.into_iter().map(|id| (id, Instant::now())));
        commands.push(Command::Ranges(changes));
    }
    if let Some(voters) = voters(node, state, &map) {
        commands.push(Command::Voters(voters));
    }
    if let Some(version) = upgrade::due(node, state) {
        commands.push(Command::Version(version));
    }
    let worked = !commands.is_empty();
    for command in commands {
        // Without a majority nothing changes; the next round looks again.
        drop(raft.propose(command, false, node.timers.liveness_duration()).await);
    }
    worked
}

/// The cluster as this node sees it.
pub fn map(node: &Node, state: &ClusterState) -> Map {
    let now = now_nanos();
    let dead_after = node.duration_setting("server.time_until_store_dead", Duration::from_secs(300));
    let dead_after = i64::try_from(dead_after.as_nanos()).unwrap_or(i64::MAX);
    let livenesses = node.livenesses();
    let mut refusals = node.refusals.lock().expect("no holder panics");
    refusals.retain(|_, at| at.elapsed() < node.timers.millis(10_000));
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
                full: refusals.contains_key(&member.id),
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
