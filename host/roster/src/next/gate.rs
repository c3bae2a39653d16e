//! What must be proved before a joiner starts.

use std::fmt;

use crate::change::{Kind, Phase};
use crate::digest::CaFingerprint;
use crate::invitation::InvitationError;
use crate::name::MemberId;
use crate::record::acknowledgement::Proof;
use crate::roster::Roster;

/// One thing that is missing before a joiner may start a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Missing {
    /// The invitation is void.
    Invitation(InvitationError),
    /// No vote on this member is open.
    Change,
    /// A member is being put out; everything else waits.
    Eviction(MemberId),
    /// The member has not opened the change.
    Open(MemberId),
    /// The member has not said that it has deployed our authorities.
    Deployed(MemberId),
    /// We have not proved that all nodes of the member accept a leaf of ours.
    AcceptedBy(MemberId),
}

impl Missing {
    /// Who has to do something about it; none: ourselves.
    #[must_use]
    pub fn whose(&self) -> Option<&MemberId> {
        match self {
            Self::Open(member) | Self::Deployed(member) => Some(member),
            Self::Invitation(_) | Self::Change | Self::Eviction(_) | Self::AcceptedBy(_) => None,
        }
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invitation(err) => err.fmt(f),
            Self::Change => f.write_str("no open change lets us in"),
            Self::Eviction(member) => write!(f, "`{member}` is being put out of the pool"),
            Self::Open(member) => write!(f, "`{member}` has not accepted and opened the change"),
            Self::Deployed(member) => write!(f, "`{member}` has not deployed our certificate authority"),
            Self::AcceptedBy(member) => write!(f, "nodes of `{member}` were not seen to accept our leaf"),
        }
    }
}

impl Roster {
    /// The gate before a joiner starts: every member has opened its change and deployed its authorities, and every member's
    /// nodes were seen to accept it. Empty: it may start, and never initialises.
    #[must_use]
    pub fn missing_to_start(&self) -> Vec<Missing> {
        let mut missing: Vec<_> = self.check_entered().err().map(Missing::Invitation).into_iter().collect();
        if let Some(eviction) = self.open_eviction() {
            missing.push(Missing::Eviction(eviction.subject.clone()));
            return missing;
        }
        let own = self.open_change().filter(|change| change.kind == Kind::Join && change.subject == *self.own());
        let Some(change) = own else {
            missing.push(Missing::Change);
            return missing;
        };
        let ours = self.own_record().record().presence.fingerprints();
        for voter in self.voters(change) {
            // Only who says so itself: that others have opened it does not bind one that has not heard of it.
            if !matches!(self.phase(voter, change), Some(Phase::Open | Phase::Done)) {
                missing.push(Missing::Open(voter.clone()));
            }
            let deployed = |proof: &Proof| matches!(proof, Proof::Deployed { authorities } if ours.iter().all(|own| authorities.contains(own)));
            if !self.proofs(voter).any(deployed) {
                missing.push(Missing::Deployed(voter.clone()));
            }
            let accepted = |proof: &Proof| matches!(proof, Proof::AcceptedBy { peer, authority } if peer == voter && ours.contains(authority));
            if !self.proofs(self.own()).any(accepted) {
                missing.push(Missing::AcceptedBy(voter.clone()));
            }
        }
        missing
    }

    /// Whether a member says that all its nodes have loaded this authority.
    #[must_use]
    pub fn has_deployed(&self, member: &MemberId, authority: &CaFingerprint) -> bool {
        self.proofs(member)
            .any(|proof| matches!(proof, Proof::Deployed { authorities } if authorities.contains(authority)))
    }

    pub(crate) fn proofs(&self, member: &MemberId) -> impl Iterator<Item = &Proof> {
        let all = self.record(member).map_or(&[][..], |record| &record.acknowledgements);
        all.iter().map(|acknowledgement| &acknowledgement.proof)
    }
}
