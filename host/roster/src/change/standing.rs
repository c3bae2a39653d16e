//! How a change stands, as one member sees it.

use crate::change::{Change, Kind, Phase};
use crate::name::MemberId;
use crate::record::State;
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
    /// Its proposer has taken it back, and nobody has opened it.
    Withdrawn,
}

impl Roster {
    /// How a change stands.
    #[must_use]
    pub fn standing(&self, change: &Change) -> Standing {
        let voters = self.voters(change);
        let phases: Vec<_> = voters.iter().map(|voter| self.phase(voter, change)).collect();
        if phases.iter().any(|phase| matches!(phase, Some(Phase::Open | Phase::Done))) {
            return Standing::Open;
        }
        if !matches!(self.phase(&change.proposer, change), Some(Phase::Voted)) {
            return Standing::Withdrawn;
        }
        let is_for = |phase: &Option<Phase>| *phase == Some(Phase::Voted);
        let n_for = phases.iter().filter(|phase| is_for(phase)).count();
        let is_enough = match change.kind {
            Kind::Evict => 2 * n_for > voters.len(),
            Kind::Join | Kind::Leave | Kind::RotateCa => n_for == voters.len(),
        };
        if is_enough {
            return Standing::Voted;
        }
        let missing = voters.iter().zip(&phases).filter(|(_, phase)| !is_for(phase));
        Standing::Voting { missing: missing.map(|(voter, _)| (*voter).clone()).collect() }
    }

    /// Whether this member may open the change its slot names.
    pub(crate) fn may_open(&self, change: &Change) -> bool {
        match self.standing(change) {
            Standing::Voted => true,
            // It was opened from records in which all had voted. Only who sees each slot name it as well may follow: a slot
            // that names it does not name another before this member is done with it.
            Standing::Open => {
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
            Standing::Open => !self.is_closed(change),
            Standing::Withdrawn => false,
        }
    }

    /// Whether this member, as its proposer, must take back the change its slot names.
    pub(crate) fn must_withdraw(&self, change: &Change, now_ms: u64) -> bool {
        let is_rejected = |voter: &&MemberId| self.phase(voter, change) == Some(Phase::Withdrawn);
        let goes_first = |other: &&Change| other.id < change.id && self.is_alive(other);
        self.standing(change) != Standing::Open
            && (now_ms > change.expires_ms
                || self.voters(change).iter().any(is_rejected)
                || self.changes().iter().any(goes_first))
    }

    /// Whether a withdrawn change can never be opened any more, so that this member's slot may be emptied.
    pub(crate) fn is_settled(&self, change: &Change) -> bool {
        let own = self.own();
        let Some(proposer_slot) = self.slot(&change.proposer).filter(|vote| vote.change.id == change.id) else {
            // The proposer has emptied its slot, so it had found this out.
            return true;
        };
        if proposer_slot.phase != Phase::Withdrawn {
            return false;
        }
        let since = proposer_slot.since;
        self.voters(change).into_iter().filter(|voter| *voter != own && **voter != change.proposer).all(|voter| {
            match self.phase(voter, change) {
                Some(phase) => phase == Phase::Withdrawn,
                None => self.seen_by(voter, &change.proposer).is_some_and(|seen| seen.sequence >= since),
            }
        })
    }

    /// Whether what the change wants has come about, as far as its subject's record says.
    pub(crate) fn is_carried_out(&self, change: &Change) -> bool {
        let Some(subject) = self.record(&change.subject) else { return false };
        match change.kind {
            // A joiner that gives up is gone; whoever had deployed its authority takes it back before it says `done`.
            Kind::Join => matches!(subject.state, State::Active | State::Gone),
            Kind::Leave => subject.state == State::Gone,
            Kind::Evict | Kind::RotateCa => true,
        }
    }

    /// Whether every voter has said `done`, or has gone on to something else, which it does only after all have.
    pub(crate) fn is_closed(&self, change: &Change) -> bool {
        self.voters(change).into_iter().all(|voter| matches!(self.phase(voter, change), None | Some(Phase::Done)))
    }
}
