//! Committed entries become state.

use std::io;
use std::sync::Arc;

use super::super::storage::Snapshot;
use super::{Core, SNAPSHOT_EVERY};

impl Core {
    pub(super) fn commit_to(&mut self, index: u64) -> io::Result<()> {
        self.commit = self.commit.max(index.min(self.log.last().0));
        while self.applied < self.commit {
            let Some(entry) = self.log.get(self.applied + 1).cloned() else { break };
            let Some(state) = self.state.as_mut() else { break };
            let outcome = Arc::make_mut(state).apply(entry.command);
            self.applied = entry.index;
            if let Some((term, waiter)) = self.waiters.remove(&entry.index) {
                let answer = (term == entry.term).then_some((entry.index, outcome));
                // A proposer may have given up.
                drop(waiter.send(answer));
            }
        }
        if self.applied >= self.log.base_index() + SNAPSHOT_EVERY {
            self.take_snapshot()?;
        }
        Ok(())
    }

    pub(super) fn take_snapshot(&mut self) -> io::Result<()> {
        let (Some(state), Some(term)) = (self.state.as_ref(), self.log.term(self.applied)) else { return Ok(()) };
        let snapshot = Snapshot { index: self.applied, term, state: Arc::clone(state) };
        self.log.compact(self.applied, term);
        self.storage.write_snapshot(&snapshot, self.log.entries())
    }
}
