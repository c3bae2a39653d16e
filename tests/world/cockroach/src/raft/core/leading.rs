//! What a leader sends, and takes back.

use std::io;
use std::time::Instant;

use tokio::sync::oneshot;

use super::super::log::Entry;
use super::{BATCH, Core, Progress, Role, Waiter};
use crate::state::NodeId;
use crate::state::command::Command;
use crate::state::member::Heartbeat;
use crate::wire::world::replication as wire;

impl Core {
    /// Adds an entry as leader; `None` if this node does not lead.
    ///
    /// # Errors
    ///
    /// When the disk refuses.
    pub fn propose(&mut self, command: Command, waiter: Waiter) -> io::Result<Option<u64>> {
        if !self.is_leader() {
            return Ok(None);
        }
        let index = self.push(command)?;
        self.waiters.insert(index, (self.hard.term, waiter));
        self.advance_commit()?;
        Ok(Some(index))
    }

    /// Puts the heartbeats that wait into one entry.
    ///
    /// # Errors
    ///
    /// When the disk refuses.
    pub fn flush_lazy(&mut self) -> io::Result<()> {
        let Role::Leader(leadership) = &mut self.role else { return Ok(()) };
        let lazy = std::mem::take(&mut leadership.lazy);
        if lazy.is_empty() {
            return Ok(());
        }
        let (heartbeats, waiters): (Vec<Heartbeat>, Vec<Waiter>) = lazy.into_iter().unzip();
        let (all, done) = oneshot::channel();
        tokio::spawn(async move {
            let outcome = done.await.ok().flatten();
            for waiter in waiters {
                // A proposer may have given up.
                drop(waiter.send(outcome.clone()));
            }
        });
        self.propose(Command::Heartbeats(heartbeats), all).map(drop)
    }

    pub(super) fn push(&mut self, command: Command) -> io::Result<u64> {
        let entry = Entry { index: self.log.last().0 + 1, term: self.hard.term, command };
        self.storage.append(std::slice::from_ref(&entry))?;
        let index = entry.index;
        self.log.push(entry);
        Ok(index)
    }

    /// Who gets appends: all remaining members, and voters not applied yet.
    pub fn followers(&self) -> Vec<NodeId> {
        let mut all: Vec<NodeId> = self
            .state
            .iter()
            .flat_map(|state| state.remaining())
            .map(|member| member.id)
            .chain(self.voters())
            .collect();
        all.sort();
        all.dedup();
        all.retain(|node| *node != self.id);
        all
    }

    /// The next append for a follower; `None` if this node does not lead in `term`.
    pub fn next_append(&mut self, to: NodeId, term: u64) -> Option<wire::AppendRequest> {
        if term != self.hard.term {
            return None;
        }
        let (last, _) = self.log.last();
        let Role::Leader(leadership) = &mut self.role else { return None };
        let fresh = Progress { next: last + 1, matched: 0, sent_commit: 0, acked: None };
        let progress = leadership.progress.entry(to).or_insert(fresh);
        progress.sent_commit = self.commit;
        let next = progress.next;
        let snapshot = (next <= self.log.base_index()).then(|| wire::Snapshot {
            index: self.applied,
            term: self.log.term(self.applied).unwrap_or_default(),
            state: self
                .state
                .as_deref()
                .map(|state| serde_json::to_vec(state).expect("states are plain data"))
                .unwrap_or_default(),
        });
        let next = if snapshot.is_some() { self.applied + 1 } else { next };
        let entries = self.log.from(next, BATCH);
        Some(wire::AppendRequest {
            term,
            leader: self.id.0,
            previous_index: next - 1,
            previous_term: self.log.term(next - 1).unwrap_or_default(),
            entries: entries
                .iter()
                .map(|entry| wire::Entry { index: entry.index, term: entry.term, command: entry.command.encode() })
                .collect(),
            commit: self.commit,
            snapshot,
        })
    }

    /// Takes the answer to an append sent at `sent`. Says whether there is more to send.
    ///
    /// # Errors
    ///
    /// When the disk refuses.
    pub fn appended(&mut self, to: NodeId, answer: &wire::AppendResponse, sent: Instant) -> io::Result<bool> {
        if answer.term > self.hard.term {
            self.follow(answer.term, None)?;
            return Ok(false);
        }
        let (last, _) = self.log.last();
        let commit = self.commit;
        let Role::Leader(leadership) = &mut self.role else { return Ok(false) };
        let Some(progress) = leadership.progress.get_mut(&to) else { return Ok(false) };
        progress.acked = Some(sent);
        if answer.accepted {
            progress.matched = progress.matched.max(answer.index);
            progress.next = progress.matched + 1;
        } else {
            progress.next = answer.index.clamp(1, progress.next.max(1));
        }
        let more = progress.next <= last || progress.sent_commit < commit;
        self.advance_commit()?;
        Ok(more)
    }
}
