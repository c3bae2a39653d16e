//! Why a record cannot be made now.

use crate::change::{Change, ChangeId, Kind};
use crate::digest::CaFingerprint;
use crate::finding::Finding;
use crate::invitation::InvitationError;
use crate::name::MemberId;
use crate::next::Missing;
use crate::record::State;

/// Why a record cannot be made now. Nothing has changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NextError {
    /// One key has signed two histories.
    #[error("the pool is frozen: {}", fork.problem)]
    Frozen {
        /// The proof.
        fork: Box<Finding>,
    },
    /// Only members vote.
    #[error("`{member}` is not in the pool")]
    NotInPool {
        /// Who is not.
        member: MemberId,
    },
    /// Another change has this member's vote.
    #[error("our vote is given to the {kind} of `{subject}` until that is settled")]
    VoteGiven {
        /// Kind of that change.
        kind: Kind,
        /// Its subject.
        subject: MemberId,
    },
    /// Another change is under way.
    #[error("the {kind} of `{subject}`, proposed by `{proposer}`, is under way")]
    UnderWay {
        /// Kind of that change.
        kind: Kind,
        /// Its subject.
        subject: MemberId,
        /// Who proposed it.
        proposer: MemberId,
    },
    /// No member proposes to put this one out.
    #[error("no member proposes to put `{member}` out")]
    NoEviction {
        /// Who stays.
        member: MemberId,
    },
    /// No member proposes anything about this one.
    #[error("no member proposes anything about `{member}`")]
    NothingProposed {
        /// About whom.
        member: MemberId,
    },
    /// It was asked whether it lives, and it answered.
    #[error("`{member}` has answered: it is not silent")]
    Answered {
        /// Who has.
        member: MemberId,
    },
    /// In a pool of two there is no majority.
    #[error("the pool has two members, so putting `{member}` out is decided by us alone")]
    Alone {
        /// The other one.
        member: MemberId,
    },
    /// A member that goes leaves.
    #[error("nobody puts itself out")]
    Ourselves,
    /// No member proposes this change (any more).
    #[error("no member proposes the change {id}")]
    NotProposed {
        /// The change.
        id: ChangeId,
    },
    /// The change is past its time.
    #[error("the change expired")]
    Expired {
        /// When, in milliseconds since 1970.
        at_ms: u64,
    },
    /// The joiner's record is not held.
    #[error("no record of `{member}` has been taken in")]
    NoRecord {
        /// Whose.
        member: MemberId,
    },
    /// The joiner has published another record than the one that is voted on.
    #[error("the record of `{member}` is not the one that was proposed")]
    OtherRecord {
        /// Whose.
        member: MemberId,
    },
    /// The joiner is in the pool, or gone.
    #[error("`{member}` does not ask to join")]
    NotAsking {
        /// Who does not.
        member: MemberId,
    },
    /// Two organisations with one name for themselves.
    #[error("`{member}` has the same {field} as `{other}`")]
    Clash {
        /// Who asks.
        member: MemberId,
        /// What it shares.
        field: &'static str,
        /// With whom.
        other: MemberId,
    },
    /// Not a change that this version proposes in this way.
    #[error("the change `{kind}` cannot be proposed here")]
    Unsupported {
        /// The kind.
        kind: Kind,
    },
    /// The invitation does not fit.
    #[error("{0}")]
    Invitation(InvitationError),
    /// What is to be closed is not open.
    #[error("no change is open")]
    NotOpen,
    /// Its subject is not where the change is to bring it.
    #[error("the {kind} of `{subject}` is not carried out yet")]
    NotCarriedOut {
        /// Kind.
        kind: Kind,
        /// Subject.
        subject: MemberId,
    },
    /// An authority of one that is gone is still deployed here.
    #[error("an authority of `{member}`, which is gone, is still deployed")]
    StillDeployed {
        /// Who is gone.
        member: MemberId,
    },
    /// An authority that nobody has voted for.
    #[error("authority {authority} is of nobody in the pool and of no open change")]
    NotToBeTrusted {
        /// Its fingerprint.
        authority: CaFingerprint,
    },
    /// Something has to be proved first.
    #[error("{} not proved yet: {}", missing.len(), missing.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Gate {
        /// What is missing, by member.
        missing: Vec<Missing>,
    },
    /// No way leads from one state to the other now.
    #[error("cannot go from `{from:?}` to `{to:?}` now")]
    Transition {
        /// State now.
        from: State,
        /// State wanted.
        to: State,
    },
    /// Only the founder keeps the genesis.
    #[error("the cluster's identity is kept by the founder of the pool")]
    NotFounder,
    /// The pool's database is another one.
    #[error("the pool's database cluster is {kept}, and {found} was found")]
    ClusterId {
        /// The one kept.
        kept: String,
        /// The one found.
        found: String,
    },
    /// Something others trust us by would change without their vote.
    #[error("authorities and locality change only under a vote, and nothing while others vote on us")]
    Unvoted,
}

impl NextError {
    pub(crate) fn under_way(change: &Change) -> Self {
        let (kind, subject, proposer) = (change.kind, change.subject.clone(), change.proposer.clone());
        Self::UnderWay { kind, subject, proposer }
    }

    /// What to do about it.
    #[must_use]
    pub fn cure(&self) -> Option<String> {
        let text = match self {
            Self::Frozen { fork } => return Some(fork.problem.cure()),
            Self::Invitation(err) => return Some(err.cure()),
            Self::NotInPool { .. } => "found or join a pool first: `hangar pool create`, `hangar pool request`".to_owned(),
            Self::VoteGiven { .. } | Self::UnderWay { .. } => {
                "one change at a time: wait until it is closed (`hangar pool status --wait`), or its proposer withdraws it".to_owned()
            }
            Self::NotProposed { .. } | Self::NothingProposed { .. } => "look at what is proposed: `hangar pool status`".to_owned(),
            Self::NoEviction { member } | Self::Answered { member } => {
                format!("talk to `{member}`; `hangar pool evict {member}` asks it again whether it lives")
            }
            Self::Alone { .. } => {
                "be sure that it is gone and not only out of reach: if its nodes run on, both sides go on as one pool that has \
                 split, and its data since is lost; then pass --alone"
                    .to_owned()
            }
            Self::Ourselves => "`hangar pool leave`".to_owned(),
            Self::Expired { .. } => {
                "whoever proposed it proposes it again, by the same command; a joiner is invited anew: `hangar pool \
                 invite`"
                    .to_owned()
            }
            Self::NotAsking { member } => format!("`{member}` asks first: `hangar pool request`"),
            Self::Transition { .. } => "look at what is under way: `hangar pool status`".to_owned(),
            Self::NoRecord { member } => format!("ask `{member}` for its record, or look whether the carrier shows it"),
            Self::OtherRecord { member } => {
                format!("`{member}` has asked anew since: the inviter invites it again, which voids the former vote")
            }
            Self::Clash { member, field, .. } => format!("`{member}` chooses another {field} and asks again: `hangar pool request`"),
            Self::StillDeployed { .. } => "take its authority out of the bundle first".to_owned(),
            Self::Gate { missing } => {
                let mut who: Vec<_> = missing.iter().filter_map(Missing::whose).map(MemberId::as_str).collect();
                who.dedup();
                if who.is_empty() {
                    return None;
                }
                format!("wait for {}", who.join(", "))
            }
            Self::ClusterId { .. } => {
                "stop: this instance's nodes run another database; they must be empty before they join".to_owned()
            }
            Self::Unvoted => "`hangar pool rotate-ca`, or leave and ask anew".to_owned(),
            _ => return None,
        };
        Some(text)
    }
}
