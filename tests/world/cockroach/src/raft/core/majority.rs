//! What a majority has: commits, the lease, and who could succeed.

use std::io;
use std::time::Instant;

use super::{Core, Leadership, Progress, Role};
use crate::state::NodeId;

impl Core {
    pub(super) fn advance_commit(&mut self) -> io::Result<()> {
        let Role::Leader(leadership) = &self.role else { return Ok(()) };
        let (last, _) = self.log.last();
        let mut matched: Vec<u64> =
            self.voters()
                .iter()
                .map(|voter| {
                    if *voter == self.id { last } else { leadership.progress.get(voter).map_or(0, |seen| seen.matched) }
                })
                .collect();
        matched.sort_unstable_by(|left, right| right.cmp(left));
        let Some(&agreed) = matched.get(matched.len() / 2) else { return Ok(()) };
        // Only an entry of the own term proves that the majority will never lose it.
        if self.log.term(agreed) == Some(self.hard.term) { self.commit_to(agreed) } else { Ok(()) }
    }

    /// Whether a majority answered so lately that no other leader can exist, and this term's first entry is
    /// committed: then reads at the commit index are current.
    pub fn lease_holds(&self, now: Instant) -> bool {
        let Role::Leader(leadership) = &self.role else { return false };
        if self.commit < leadership.opening {
            return false;
        }
        self.majority_acked(leadership, now).is_some_and(|acked| now < acked + self.timers.election().mul_f64(0.8))
    }

    /// Steps down when no majority has answered for two election times.
    ///
    /// # Errors
    ///
    /// When the disk refuses.
    pub fn check_quorum(&mut self, now: Instant) -> io::Result<()> {
        let Role::Leader(leadership) = &self.role else { return Ok(()) };
        let limit = 2 * self.timers.election();
        let acked = self.majority_acked(leadership, now).unwrap_or(leadership.since);
        if now > acked.max(leadership.since) + limit {
            self.follow(self.hard.term, None)?;
            self.postpone_election(now);
        }
        Ok(())
    }

    pub(super) fn majority_acked(&self, leadership: &Leadership, now: Instant) -> Option<Instant> {
        let mut acked: Vec<Option<Instant>> =
            self.voters()
                .iter()
                .map(|voter| {
                    if *voter == self.id {
                        Some(now)
                    } else {
                        leadership.progress.get(voter).and_then(|seen| seen.acked)
                    }
                })
                .collect();
        acked.sort_unstable_by(|left, right| right.cmp(left));
        acked.get(acked.len() / 2).copied().flatten()
    }

    /// A voter to hand leadership to: the most caught up that answered lately.
    pub fn successor(&self, now: Instant) -> Option<NodeId> {
        let Role::Leader(leadership) = &self.role else { return None };
        let recent = |seen: &Progress| seen.acked.is_some_and(|acked| now < acked + self.timers.election());
        let candidates = self.voters().into_iter().filter_map(|voter| Some((voter, leadership.progress.get(&voter)?)));
        candidates.filter(|(_, seen)| recent(seen)).max_by_key(|(_, seen)| seen.matched).map(|(voter, _)| voter)
    }

    /// Whether a member that does not vote has caught up.
    pub fn caught_up(&self, node: NodeId, now: Instant) -> bool {
        let Role::Leader(leadership) = &self.role else { return false };
        leadership.progress.get(&node).is_some_and(|seen| {
            seen.matched >= leadership.opening
                && seen.matched + 64 > self.commit
                && seen.acked.is_some_and(|acked| now < acked + self.timers.election())
        })
    }
}
