//! The consensus itself: what a node does with each message and each moment. No tasks, no sockets.

mod applying;
mod elections;
mod following;
mod leading;
mod majority;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::log::Log;
use super::storage::{HardState, Snapshot, Storage};
use crate::state::command::Outcome;
use crate::state::member::Heartbeat;
use crate::state::{ClusterState, NodeId};
use crate::timers::Timers;

/// Entries in one append.
const BATCH: usize = 256;
/// Entries applied since the last snapshot before the next one is taken.
const SNAPSHOT_EVERY: u64 = 1_000;

/// What a proposer waits for; `None` when the entry was replaced by another.
pub type Waiter = oneshot::Sender<Option<(u64, Outcome)>>;

/// One node's part in the consensus.
#[derive(Debug)]
pub struct Core {
    pub id: NodeId,
    pub role: Role,
    pub leader: Option<NodeId>,
    /// When a follower stands for election.
    pub election_at: Instant,
    timers: Timers,
    hard: HardState,
    log: Log,
    commit: u64,
    applied: u64,
    /// Absent in a joiner that has heard from no leader yet.
    state: Option<Arc<ClusterState>>,
    heard: Option<Instant>,
    waiters: BTreeMap<u64, (u64, Waiter)>,
    storage: Storage,
}

/// What a node is at the moment.
#[derive(Debug)]
pub enum Role {
    Follower,
    Leader(Leadership),
}

/// What a leader keeps in mind.
#[derive(Debug)]
pub struct Leadership {
    /// Index of the entry that opened this term.
    pub opening: u64,
    pub progress: BTreeMap<NodeId, Progress>,
    /// Heartbeats that wait for the next beat, with those who wait for them.
    pub lazy: Vec<(Heartbeat, Waiter)>,
    pub since: Instant,
}

/// How far a follower is.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    pub next: u64,
    pub matched: u64,
    pub sent_commit: u64,
    /// When the last answered append was sent.
    pub acked: Option<Instant>,
}

impl Core {
    /// Starts from what the storage holds.
    ///
    /// # Errors
    ///
    /// When the storage cannot be read.
    pub fn open(id: NodeId, storage: Storage, timers: Timers, now: Instant) -> io::Result<Self> {
        let (hard, snapshot, entries) = storage.load()?;
        let (index, term) = snapshot.as_ref().map_or((0, 0), |snapshot| (snapshot.index, snapshot.term));
        let mut core = Self {
            id,
            role: Role::Follower,
            leader: None,
            election_at: now,
            timers,
            hard,
            log: Log::after(index, term, entries),
            commit: index,
            applied: index,
            state: snapshot.map(|snapshot| snapshot.state),
            heard: None,
            waiters: BTreeMap::new(),
            storage,
        };
        // Alone, nobody else could win.
        if core.voters() != [id] {
            core.postpone_election(now);
        }
        Ok(core)
    }

    /// Writes the state of a new cluster as the first snapshot.
    ///
    /// # Errors
    ///
    /// When the disk refuses.
    pub fn found(storage: &mut Storage, state: ClusterState) -> io::Result<()> {
        storage.write_hard(HardState { term: 1, voted_for: None })?;
        storage.write_snapshot(&Snapshot { index: 1, term: 1, state: Arc::new(state) }, &[])
    }

    /// The applied state.
    pub fn state(&self) -> Option<&Arc<ClusterState>> {
        self.state.as_ref()
    }

    /// The last applied index.
    pub fn applied(&self) -> u64 {
        self.applied
    }

    /// The last committed index.
    pub fn commit(&self) -> u64 {
        self.commit
    }

    /// The current term.
    pub fn term(&self) -> u64 {
        self.hard.term
    }

    /// Who votes, by the latest entry, committed or not.
    pub fn voters(&self) -> Vec<NodeId> {
        let applied = self.state.as_ref().map_or(&[] as &[NodeId], |state| &state.voters);
        self.log.voters_after(self.applied).unwrap_or(applied).to_vec()
    }

    /// Whether this node votes.
    pub fn is_voter(&self) -> bool {
        self.voters().contains(&self.id)
    }

    /// Whether this node leads.
    pub fn is_leader(&self) -> bool {
        matches!(self.role, Role::Leader(_))
    }

    /// Sets the next election, at random between one and two election times from `now`.
    pub fn postpone_election(&mut self, now: Instant) {
        let shortest = self.timers.election();
        let random = f64::from(u16::from_le_bytes([0, 1].map(|at| uuid::Uuid::new_v4().as_bytes()[at]))) / 65_536.0;
        self.election_at = now + shortest + shortest.mul_f64(random);
    }

    /// The shortest silence after which another leader may come.
    pub fn election_time(&self) -> Duration {
        self.timers.election()
    }
}
