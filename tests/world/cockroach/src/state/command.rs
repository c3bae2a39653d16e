//! Entries of the replicated log, and what applying one gives.

use serde::{Deserialize, Serialize};

use super::NodeId;
use super::descriptor::Descriptor;
use super::member::{Heartbeat, Membership};
use super::ranges::RangeChange;
use super::txn::Txn;
use crate::build_info::Version;

/// One entry of the log.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Command {
    /// What a new leader writes to commit what came before it.
    Noop,
    /// Who votes from this entry on. Differs from the last by one node.
    Voters(Vec<NodeId>),
    /// Gives out the next node ID and a liveness record for it.
    AllocateNode,
    /// A node says where it is and what it runs.
    Register(Descriptor),
    /// Liveness of one or several nodes.
    Heartbeats(Vec<Heartbeat>),
    /// A step of the membership machine.
    /// `at` is in nanoseconds since 1970.
    Membership { node: NodeId, to: Membership, at: i64 },
    /// The version the cluster runs at from now on. Never goes back.
    Version(Version),
    /// A cluster setting; `None` resets it.
    Setting { name: String, value: Option<String> },
    /// Replicas and leases.
    Ranges(Vec<RangeChange>),
    /// Changes of databases, tables and rows, all or none.
    Txn(Txn),
}

impl Command {
    /// The bytes kept in the log.
    pub fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("commands are plain data")
    }

    /// Reads bytes of the log.
    ///
    /// # Errors
    ///
    /// When another version wrote something else.
    pub fn decode(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(bytes)
    }
}

/// What became of a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    Done,
    Node(NodeId),
    /// Heartbeats of these processes came too late: another process has taken their node's identity.
    Fenced(Vec<u64>),
    /// A transaction read something that has changed since.
    Conflict,
    /// The command makes no sense now.
    Refused(String),
}
