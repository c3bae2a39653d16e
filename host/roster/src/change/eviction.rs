//! Putting out a member that does not answer.

use crate::change::{Change, Phase, Standing};
use crate::name::MemberId;
use crate::record::acknowledgement::Proof;
use crate::roster::Roster;

/// Name of the proof that none of a member's nodes answered. Its one value is the member.
pub const SEEN_DEAD: &str = "seen-dead";
/// Members who must have seen the nodes dead, where there are as many.
const WITNESSES: usize = 2;

impl Roster {
    /// Votes that an eviction needs: more than half of the whole pool, its subject counted and not heard. In a pool of two
    /// there is no majority, and the other one alone decides.
    #[must_use]
    pub fn majority(&self, eviction: &Change) -> usize {
        most(self.voters(eviction).len() + 1)
    }

    /// Whom our vote is to put out, unless it was taken back: a fork of that member is one more reason to.
    #[must_use]
    pub fn putting_out(&self) -> Option<&MemberId> {
        let vote = self.own_record().record().eviction.as_ref();
        vote.filter(|vote| vote.phase != Phase::Withdrawn).map(|vote| &vote.change.subject)
    }

    /// The eviction that a voter has opened and that is not over.
    #[must_use]
    pub fn open_eviction(&self) -> Option<&Change> {
        let own = self.own();
        let is_open = |change: &&Change| {
            self.standing(change) == Standing::Open
                && !self.is_evicted_by_most(change)
                && self.phase(own, change) != Some(Phase::Done)
        };
        self.evictions().into_iter().find(is_open)
    }

    /// Begins to measure how long each eviction stays unanswered, by this member's own clock. Called whenever records were
    /// taken in; says whether anything has to be kept.
    pub fn observe(&mut self, now_ms: u64) -> bool {
        let ids: Vec<_> = self.evictions().into_iter().map(|change| change.id).collect();
        let n_before = self.observed.len();
        self.observed.retain(|id, _| ids.contains(id));
        let has_gone = self.observed.len() != n_before;
        let n_kept = self.observed.len();
        for id in ids {
            self.observed.entry(id).or_insert(now_ms);
        }
        has_gone || self.observed.len() != n_kept
    }

    /// When the eviction may be opened, by this member's own clock; none while it was not observed.
    #[must_use]
    pub fn silent_until(&self, eviction: &Change) -> Option<u64> {
        if self.forks.iter().any(|fork| fork.member.as_ref() == Some(&eviction.subject)) {
            // Two histories under one key: whoever answers may be the thief.
            return Some(0);
        }
        let since = self.observed.get(&eviction.id)?;
        let period = self.genesis().map_or(crate::record::SILENCE_MS, |genesis| genesis.silence_ms);
        Some(since.saturating_add(period))
    }

    /// Members who vote for the eviction and say that they have seen every node of its subject dead.
    #[must_use]
    pub fn witnesses(&self, eviction: &Change) -> Vec<&MemberId> {
        let has_seen = |voter: &&MemberId| {
            let is_proof = |proof: &Proof| {
                matches!(proof, Proof::Other { name, values }
                if name == SEEN_DEAD && *values == [eviction.subject.to_string()])
            };
            self.proofs(voter).any(is_proof)
        };
        self.voters(eviction).into_iter().filter(has_seen).collect()
    }

    /// Whether the subject has shown that it lives: a record of its own that knows of the proposal.
    #[must_use]
    pub fn has_answered(&self, eviction: &Change) -> bool {
        let is_forked = self.forks.iter().any(|fork| fork.member.as_ref() == Some(&eviction.subject));
        let seen = self.seen_by(&eviction.subject, &eviction.proposer);
        !is_forked && seen.is_some_and(|seen| seen.sequence >= eviction.proposed_at)
    }

    pub(crate) fn may_evict(&self, eviction: &Change, now_ms: u64) -> bool {
        match self.standing(eviction) {
            // A majority has found it out: it binds whoever is left.
            Standing::Open => true,
            Standing::Voted => {
                let n_wanted = WITNESSES.min(self.voters(eviction).len());
                !self.has_answered(eviction)
                    && self.witnesses(eviction).len() >= n_wanted
                    && self.silent_until(eviction).is_some_and(|until| now_ms >= until)
            }
            Standing::Voting { .. } | Standing::Abandoned | Standing::Withdrawn => false,
        }
    }

    /// Whether enough members say that they have put the subject out.
    pub(crate) fn is_evicted_by_most(&self, eviction: &Change) -> bool {
        let voters = self.voters(eviction);
        let n_said = voters.into_iter().filter(|voter| self.says_evicted(voter, &eviction.subject)).count();
        n_said >= self.majority(eviction)
    }

    /// Whether a member's record says that it has put the other one out.
    pub(crate) fn says_evicted(&self, member: &MemberId, subject: &MemberId) -> bool {
        self.record(member).is_some_and(|record| record.evicted.contains_key(subject))
    }

    /// Takes out of the pool whom this member, or a majority, has put out.
    pub(crate) fn expel(&mut self) {
        let needed = most(self.in_pool().count());
        let is_out = |subject: &&MemberId| {
            let is_asking = self.record(subject).is_some_and(|record| record.state.is_outside());
            let others = self.in_pool().filter(|member| member != subject);
            let n_said = others.filter(|member| self.says_evicted(member, subject)).count();
            !is_asking && (self.says_evicted(self.own(), subject) || n_said >= needed)
        };
        let out: Vec<_> = self.in_pool().filter(is_out).cloned().collect();
        for member in out {
            self.admitted.remove(&member);
            self.forks.retain(|fork| fork.member.as_ref() != Some(&member));
            self.expelled.insert(member);
        }
    }

    /// Whether a member was put out and has not asked anew.
    #[must_use]
    pub fn is_expelled(&self, member: &MemberId) -> bool {
        self.expelled.contains(member)
    }
}

/// More than half of a pool; one of two.
fn most(n_all: usize) -> usize {
    if n_all == 2 { 1 } else { n_all / 2 + 1 }
}
