//! Following a leader.

use std::io;
use std::sync::Arc;
use std::time::Instant;

use super::super::log::{Entry, Log};
use super::super::storage::{HardState, Snapshot};
use super::{Core, Role};
use crate::state::command::Command;
use crate::state::{ClusterState, NodeId};
use crate::wire::world::replication as wire;

impl Core {
    /// Takes entries from a leader.
    ///
    /// # Errors
    ///
    /// When the disk refuses; nothing may be answered then.
    pub fn append(&mut self, request: wire::AppendRequest, now: Instant) -> io::Result<wire::AppendResponse> {
        if request.term < self.hard.term {
            return Ok(self.refusal(0));
        }
        self.follow(request.term, Some(NodeId(request.leader)))?;
        self.heard = Some(now);
        self.postpone_election(now);
        if let Some(snapshot) = request.snapshot {
            self.install(&snapshot)?;
        }
        let (last, _) = self.log.last();
        match self.log.term(request.previous_index) {
            Some(term) if term == request.previous_term => {}
            // What is in the snapshot is committed and cannot differ.
            None if request.previous_index < self.log.base_index() => {}
            _ => return Ok(self.refusal(request.previous_index.min(last + 1).max(1))),
        }
        let agreed = request.entries.last().map_or(request.previous_index, |entry| entry.index);
        self.take(request.entries)?;
        self.commit_to(request.commit.min(agreed.max(self.commit)))?;
        Ok(wire::AppendResponse { term: self.hard.term, accepted: true, index: agreed })
    }

    pub(super) fn refusal(&self, index: u64) -> wire::AppendResponse {
        wire::AppendResponse { term: self.hard.term, accepted: false, index }
    }

    pub(super) fn take(&mut self, entries: Vec<wire::Entry>) -> io::Result<()> {
        let mut fresh = Vec::new();
        let mut cut = false;
        for entry in entries {
            match self.log.term(entry.index) {
                Some(term) if term == entry.term => continue,
                None if entry.index <= self.log.base_index() => continue,
                Some(_) => {
                    self.log.truncate_from(entry.index);
                    // Those who wait for replaced entries learn that they are gone.
                    drop(self.waiters.split_off(&entry.index));
                    cut = true;
                }
                None => {}
            }
            let command = Command::decode(&entry.command)?;
            let entry = Entry { index: entry.index, term: entry.term, command };
            self.log.push(entry.clone());
            fresh.push(entry);
        }
        let written = if cut { self.storage.rewrite(self.log.entries()) } else { self.storage.append(&fresh) };
        if let (Err(_), Some(first)) = (&written, fresh.first()) {
            // What is not on disk must not look agreed when it is sent again.
            self.log.truncate_from(first.index);
        }
        written
    }

    pub(super) fn install(&mut self, snapshot: &wire::Snapshot) -> io::Result<()> {
        if snapshot.index <= self.commit {
            return Ok(());
        }
        let state: Arc<ClusterState> = Arc::new(serde_json::from_slice(&snapshot.state)?);
        let kept = Snapshot { index: snapshot.index, term: snapshot.term, state: Arc::clone(&state) };
        self.log = Log::after(snapshot.index, snapshot.term, Vec::new());
        self.storage.write_snapshot(&kept, &[])?;
        self.state = Some(state);
        self.commit = snapshot.index;
        self.applied = snapshot.index;
        self.waiters.clear();
        Ok(())
    }

    /// Becomes a follower in `term`.
    pub(super) fn follow(&mut self, term: u64, leader: Option<NodeId>) -> io::Result<()> {
        if term > self.hard.term {
            self.hard = HardState { term, voted_for: None };
            self.storage.write_hard(self.hard)?;
        }
        if self.is_leader() {
            self.role = Role::Follower;
        }
        self.leader = leader;
        Ok(())
    }
}
