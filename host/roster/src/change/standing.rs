//! How a change stands, as one member sees it.

use crate::change::{Change, Kind, Phase};
use crate::name::MemberId;
use crate::record::State;
use crate::record::acknowledgement::Proof;
use crate::roster::Roster;

/// How a change stands, as the records held say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Votes are missing.
    Voting {
        /// Whose.
        missing: Vec<MemberId>,
    },
    /// All have voted; nobody says it is open yet.
    Voted,
    /// At least one voter has opened it, which nobody can take back.
    Open,
    /// It was open, and at least one voter lets its subject in no more.
    Abandoned,
    /// Its proposer has taken it back, and nobody has opened it.
    Withdrawn,
}

impl Roster {
    /// How a change stands.
    #[must_use]
    pub fn standing(&self, change: &Change) -> Standing {
        let voters = self.voters(change);
        let phases: Vec<_> = voters.iter().map(|voter| self.phase(voter, change)).collect();
        if phases.iter().any(|phase| matches!(phase, Some(Phase::Abandoned | Phase::Dropped))) {
            return Standing::Abandoned;
        }
        if phases.iter().any(|phase| matches!(phase, Some(Phase::Open | Phase::Done))) {
            return Standing::Open;
        }
        let is_proposed = matches!(self.phase(&change.proposer, change), Some(Phase::Voted));
        if !is_proposed || !self.is_in_pool(&change.proposer) {
            return Standing::Withdrawn;
        }
        let is_for = |phase: &Option<Phase>| *phase == Some(Phase::Voted);
        let n_for = phases.iter().filter(|phase| is_for(phase)).count();
        let is_enough = match change.kind {
            Kind::Evict => n_for >= self.majority(change),
            Kind::Join | Kind::Leave | Kind::RotateCa | Kind::Maintain => n_for == voters.len(),
        };
        if is_enough {
            return Standing::Voted;
        }
        let missing = voters.iter().zip(&phases).filter(|(_, phase)| !is_for(phase));
        Standing::Voting { missing: missing.map(|(voter, _)| (*voter).clone()).collect() }
    }

    /// Voters who have said no to a change, its proposer apart: that one withdraws it once it has seen them.
    #[must_use]
    pub fn against(&self, change: &Change) -> Vec<&MemberId> {
        let mut voters = self.voters(change);
        voters.retain(|voter| **voter != change.proposer && self.phase(voter, change) == Some(Phase::Withdrawn));
        voters
    }

    /// Whether this member may open the change its slot names.
    pub(crate) fn may_open(&self, change: &Change, now_ms: u64) -> bool {
        if change.kind == Kind::Evict {
            return self.may_evict(change, now_ms);
        }
        if self.open_eviction().is_some() {
            return false;
        }
        match self.standing(change) {
            Standing::Voted => true,
            // It was opened from records in which all had voted. Only who sees each slot name it as well may follow: a slot
            // that names it does not name another before this member is done with it.
            Standing::Open | Standing::Abandoned => {
                let voters = self.voters(change);
                let n_named = voters.iter().filter(|voter| self.phase(voter, change).is_some()).count();
                n_named == voters.len()
            }
            Standing::Voting { .. } | Standing::Withdrawn => false,
        }
    }

    /// Whether a change is still to be dealt with.
    #[must_use]
    pub fn is_alive(&self, change: &Change) -> bool {
        match self.standing(change) {
            Standing::Voting { .. } | Standing::Voted => true,
            Standing::Open | Standing::Abandoned => !self.is_closed(change),
            Standing::Withdrawn => false,
        }
    }

    /// Whether this member, as its proposer, must take back the change its slot names.
    pub(crate) fn must_withdraw(&self, change: &Change, now_ms: u64) -> bool {
        if matches!(self.standing(change), Standing::Open | Standing::Abandoned) {
            return false;
        }
        let is_rejected = |voter: &&MemberId| self.phase(voter, change) == Some(Phase::Withdrawn);
        let others = if change.kind == Kind::Evict { self.evictions() } else { self.changes() };
        let goes_first = |other: &&Change| other.id < change.id && self.is_alive(other);
        now_ms > change.expires_ms
            || self.voters(change).iter().any(is_rejected)
            || others.iter().any(goes_first)
            || (change.kind == Kind::Evict && self.has_answered(change))
    }

    /// Whether a withdrawn change can never be opened any more, so that this member's slot may be emptied. What `without`
    /// could still do does not count: it is being put out.
    pub(crate) fn is_settled(&self, change: &Change, without: Option<&MemberId>) -> bool {
        let own = self.own();
        let voters = self.voters(change);
        let mut others =
            voters.into_iter().filter(|voter| *voter != own && **voter != change.proposer && Some(*voter) != without);
        if !self.is_in_pool(&change.proposer) || without == Some(&change.proposer) {
            // Nobody will say that it is withdrawn: each must have found out by itself that the proposer is out.
            return others.all(|voter| match self.phase(voter, change) {
                Some(phase) => phase == Phase::Withdrawn,
                None => without.is_some() || self.says_evicted(voter, &change.proposer),
            });
        }
        let Some(proposer) = self.vote_for(&change.proposer, change) else {
            // The proposer has emptied its slot, so it had found this out.
            return true;
        };
        if proposer.phase != Phase::Withdrawn {
            return false;
        }
        let since = proposer.since;
        others.all(|voter| match self.phase(voter, change) {
            Some(phase) => phase == Phase::Withdrawn,
            None => self.seen_by(voter, &change.proposer).is_some_and(|seen| seen.sequence >= since),
        })
    }

    /// Whether what the change wants has come about, as far as its subject's record says.
    pub(crate) fn is_carried_out(&self, change: &Change) -> bool {
        if self.state(&change.subject) == Some(State::Gone) {
            // A joiner that gives up is gone, and so is one that was put out meanwhile; whoever had deployed its authority
            // takes it back before it says `done`.
            return true;
        }
        let Some(subject) = self.record(&change.subject) else { return false };
        let is_ours = change.subject == *self.own();
        match change.kind {
            Kind::Join => subject.state == State::Active,
            Kind::Leave => false,
            Kind::Evict => true,
            // The subject knows when it is through; the others follow it.
            Kind::RotateCa if is_ours => subject.presence.authorities.len() == 1 && self.is_rotated_everywhere(change),
            Kind::Maintain if is_ours => true,
            Kind::RotateCa | Kind::Maintain => self.phase(&change.subject, change) == Some(Phase::Done),
        }
    }

    /// Whether every voter says that it has loaded the subject's authorities, and nothing beyond those of members.
    fn is_rotated_everywhere(&self, change: &Change) -> bool {
        let trusted: Vec<_> = self
            .in_pool()
            .filter_map(|member| self.record(member))
            .flat_map(|record| record.presence.fingerprints())
            .collect();
        let ours = self.own_record().record().presence.fingerprints();
        let is_done = |proof: &Proof| {
            matches!(proof, Proof::Deployed { authorities }
                if ours.iter().all(|own| authorities.contains(own)) && authorities.iter().all(|one| trusted.contains(one)))
        };
        self.voters(change).into_iter().all(|voter| self.proofs(voter).any(is_done))
    }

    /// Whether every voter has said `done`, or has gone on to something else, which it does only after all have.
    pub(crate) fn is_closed(&self, change: &Change) -> bool {
        if change.kind == Kind::Evict {
            return self.is_evicted_by_most(change);
        }
        let is_over = |phase| matches!(phase, None | Some(Phase::Done | Phase::Dropped));
        self.voters(change).into_iter().all(|voter| is_over(self.phase(voter, change)))
    }
}
