//! What the nodes of a cluster share: the result of applying the replicated log in order.
//!
//! Applying is deterministic and needs no clock; times come inside commands. Every node holds a copy, which may lag.

pub mod catalog;
pub mod command;
pub mod datum;
pub mod descriptor;
pub mod member;
pub mod ranges;
pub(crate) mod shared;
pub mod txn;

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::build_info::Version;
use catalog::Catalog;
use command::{Command, Outcome};
use member::{Liveness, Member, Membership};
use ranges::Ranges;

/// How many finished transactions are remembered, so that a repeated proposal changes nothing.
const REMEMBERED_TXNS: usize = 256;

/// A node's number in its cluster. Grows from 1 and is never given twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NodeId(pub i32);

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Everything replicated.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ClusterState {
    pub cluster_id: Uuid,
    pub active_version: Version,
    /// When the cluster was founded, in nanoseconds since 1970.
    pub founded_at: i64,
    pub next_node: i32,
    pub members: BTreeMap<NodeId, Member>,
    pub voters: Vec<NodeId>,
    pub settings: BTreeMap<String, String>,
    #[serde(with = "shared")]
    pub catalog: Arc<Catalog>,
    pub ranges: Ranges,
    finished: VecDeque<(Uuid, Outcome)>,
}

impl ClusterState {
    /// The state a bootstrap writes: node 1 alone, with the ranges and databases every cluster starts with.
    pub fn founded(cluster_id: Uuid, active_version: Version) -> Self {
        let first = NodeId(1);
        Self {
            cluster_id,
            active_version,
            founded_at: 0,
            next_node: 2,
            members: BTreeMap::from([(first, Member::new(first))]),
            voters: vec![first],
            settings: BTreeMap::new(),
            catalog: Arc::new(Catalog::founded()),
            ranges: Ranges::founded(first),
            finished: VecDeque::new(),
        }
    }

    /// Applies one command of the log.
    pub fn apply(&mut self, command: Command) -> Outcome {
        match command {
            Command::Noop => Outcome::Done,
            Command::Voters(voters) => {
                self.voters = voters;
                Outcome::Done
            }
            Command::AllocateNode => {
                let id = NodeId(self.next_node);
                self.next_node += 1;
                self.members.insert(id, Member::new(id));
                Outcome::Node(id)
            }
            Command::Register(descriptor) => match self.members.get_mut(&descriptor.node_id) {
                Some(member) => {
                    member.descriptor = Some(descriptor);
                    Outcome::Done
                }
                None => Outcome::Refused("node is not a member".to_owned()),
            },
            Command::Heartbeats(heartbeats) => {
                let mut fenced = Vec::new();
                for heartbeat in heartbeats {
                    if let Some(member) = self.members.get_mut(&heartbeat.node)
                        && !member.heartbeat(&heartbeat)
                    {
                        fenced.push(heartbeat.process);
                    }
                }
                if fenced.is_empty() { Outcome::Done } else { Outcome::Fenced(fenced) }
            }
            Command::Version(version) => {
                self.active_version = self.active_version.max(version);
                self.settings.remove("cluster.preserve_downgrade_option");
                Outcome::Done
            }
            Command::Membership { node, to, at } => match self.members.get_mut(&node) {
                Some(member) => member.change(to, at).map_or_else(Outcome::Refused, |()| Outcome::Done),
                None => Outcome::Refused("node does not exist".to_owned()),
            },
            Command::Setting { name, value } => {
                match value {
                    Some(value) => drop(self.settings.insert(name, value)),
                    None => drop(self.settings.remove(&name)),
                }
                Outcome::Done
            }
            Command::Ranges(changes) => {
                for change in changes {
                    self.ranges.apply(&change);
                }
                Outcome::Done
            }
            Command::Txn(txn) => {
                if let Some((_, outcome)) = self.finished.iter().find(|(id, _)| *id == txn.id) {
                    return outcome.clone();
                }
                let id = txn.id;
                let outcome = txn.apply(self);
                self.finished.push_back((id, outcome.clone()));
                while self.finished.len() > REMEMBERED_TXNS {
                    self.finished.pop_front();
                }
                outcome
            }
        }
    }

    /// Members that have not left for good.
    pub fn remaining(&self) -> impl Iterator<Item = &Member> {
        self.members.values().filter(|member| member.membership != Membership::Decommissioned)
    }

    /// The liveness record of a member.
    pub fn liveness(&self, node: NodeId) -> Option<Liveness> {
        self.members.get(&node).map(|member| member.liveness)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn node_ids_are_never_given_twice() {
        let mut state = ClusterState::founded(Uuid::nil(), Version { major: 24, minor: 1 });
        assert_eq!(state.apply(Command::AllocateNode), Outcome::Node(NodeId(2)));
        assert_eq!(state.apply(Command::AllocateNode), Outcome::Node(NodeId(3)));
    }

    #[test]
    fn a_state_survives_a_snapshot() {
        let mut state = ClusterState::founded(Uuid::nil(), Version { major: 24, minor: 1 });
        state.apply(Command::AllocateNode);
        let json = serde_json::to_vec(&state).expect("states are plain data");
        let back: ClusterState = serde_json::from_slice(&json).expect("written by us");
        assert_eq!(back.next_node, 3);
    }
}
