//! Votes, asked for and given.

use std::collections::BTreeMap;
use std::io;
use std::time::Instant;

use super::super::storage::HardState;
use super::{Core, Leadership, Role};
use crate::state::NodeId;
use crate::state::command::Command;
use crate::wire::world::replication as wire;

impl Core {
    /// Answers a request for a vote.
    ///
    /// # Errors
    ///
    /// When the disk refuses; nothing may be answered then.
    pub fn vote(&mut self, request: &wire::VoteRequest, now: Instant) -> io::Result<wire::VoteResponse> {
        let refused = wire::VoteResponse { term: self.hard.term, granted: false };
        // A node that hears from a leader does not help to replace it: this is what makes the leader's lease sound,
        // and what keeps a half-connected node from disturbing the rest.
        let hears = self.heard.is_some_and(|heard| now < heard + self.timers.election()) && self.leader.is_some();
        if !request.handed_over && (hears || self.lease_holds(now)) {
            return Ok(refused);
        }
        let fresh = (request.last_term, request.last_index) >= {
            let (index, term) = self.log.last();
            (term, index)
        };
        if request.trial {
            return Ok(wire::VoteResponse { granted: fresh && request.term > self.hard.term, ..refused });
        }
        if request.term < self.hard.term {
            return Ok(refused);
        }
        if request.term > self.hard.term {
            self.follow(request.term, None)?;
        }
        let candidate = NodeId(request.candidate);
        let free = self.hard.voted_for.is_none_or(|voted| voted == candidate);
        let granted = fresh && free && !self.is_leader();
        if granted {
            self.hard.voted_for = Some(candidate);
            self.storage.write_hard(self.hard)?;
            self.postpone_election(now);
        }
        Ok(wire::VoteResponse { term: self.hard.term, granted })
    }

    /// Prepares to ask for votes. A trial changes nothing here; otherwise a new term begins with our own vote.
    ///
    /// # Errors
    ///
    /// When the disk refuses.
    pub fn campaign(&mut self, trial: bool, handed_over: bool, now: Instant) -> io::Result<wire::VoteRequest> {
        self.postpone_election(now);
        if !trial {
            self.hard = HardState { term: self.hard.term + 1, voted_for: Some(self.id) };
            self.storage.write_hard(self.hard)?;
            self.leader = None;
        }
        let (last_index, last_term) = self.log.last();
        Ok(wire::VoteRequest {
            term: self.hard.term + u64::from(trial),
            candidate: self.id.0,
            last_index,
            last_term,
            trial,
            handed_over,
        })
    }

    /// Takes notice of a term met elsewhere.
    ///
    /// # Errors
    ///
    /// When the disk refuses.
    pub fn notice(&mut self, term: u64) -> io::Result<()> {
        if term > self.hard.term { self.follow(term, None) } else { Ok(()) }
    }

    /// Begins to lead, after a majority voted in `term`. Opens the term with an entry of its own.
    ///
    /// # Errors
    ///
    /// When the disk refuses.
    pub fn lead(&mut self, term: u64, now: Instant) -> io::Result<bool> {
        if term != self.hard.term || self.is_leader() {
            return Ok(false);
        }
        let opening = self.log.last().0 + 1;
        self.leader = Some(self.id);
        self.role = Role::Leader(Leadership { opening, progress: BTreeMap::new(), lazy: Vec::new(), since: now });
        self.push(Command::Noop)?;
        self.advance_commit()?;
        Ok(true)
    }
}
