//! One change at a time, by one vote slot in each record.
//!
//! A vote goes `voted → open → done`, or `voted → withdrawn`. The voters of a change are the members of the pool, without the
//! one it is about when that one is not yet in it.
//!
//! - **Open.** A voter opens a change once it sees that *every* voter's slot names it. A slot holds one change and is emptied
//!   only when that change is settled, so two changes are never open at once, however late records arrive.
//! - **Closed.** A voter that sees the change carried out says `done`, and empties its slot once every voter has said so.
//! - **Withdrawn.** The proposer takes a change back that is expired, rejected, or the larger of two. It may be that another
//!   voter has opened it meanwhile, from older records: then it *is* open, and whoever had followed the withdrawal returns to
//!   it. So a slot with a withdrawn change is emptied only once no voter can open it any more: each has withdrawn too, or has
//!   an empty (or other) slot and had seen the proposer's withdrawal when it wrote so. For one that has withdrawn never opened
//!   before, and one that knows of the withdrawal never votes for it.
//!
//! - **Abandoned.** A joiner that vanishes leaves its change open. Once its time is over by a voter's own clock (after which no
//!   joiner starts) and the joiner was not seen to be in, that voter may abandon it, and the others follow. Only who has seen
//!   *every* voter abandon it drops it and takes the authority back; one that has said `done` never abandons, so the two exclude
//!   each other.
//!
//! What cannot be had without a coordinator is progress past a silent member: it blocks, until the others evict it. That has a
//! slot of its own, see [`Roster::evictions`]: more than half of the whole pool must vote for it, so two evictions share a
//! voter and are never open at once, and everything else waits while one is open. The proposal is a question: the subject that
//! lives answers it by its next record, and only who has waited the pool's own period by its own clock opens it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::digest::RecordDigest;
use crate::name::MemberId;
use crate::record::Record;
use crate::roster::Roster;

pub(crate) mod eviction;
mod standing;

pub use standing::Standing;

/// Kinds of change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The subject comes into the pool.
    Join,
    /// The subject goes out of the pool.
    Leave,
    /// The others put the subject out of the pool.
    Evict,
    /// The subject replaces its certificate authority.
    RotateCa,
    /// The subject takes its nodes down in turn, for another version or a repair, while all others stay up.
    Maintain,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Join => "join",
            Self::Leave => "leave",
            Self::Evict => "evict",
            Self::RotateCa => "rotate-ca",
            Self::Maintain => "maintain",
        })
    }
}

/// What a change is known by: SHA-256 over all that makes it. Of two that are proposed at once the smaller wins.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ChangeId(RecordDigest);

impl FromStr for ChangeId {
    type Err = crate::digest::NotHex;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

impl fmt::Display for ChangeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for ChangeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.12}", self.0.to_string())
    }
}

/// A change that somebody proposes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Change {
    /// Id.
    pub id: ChangeId,
    /// Kind.
    pub kind: Kind,
    /// Whom it is about.
    pub subject: MemberId,
    /// The subject's record that is voted on.
    pub record: RecordDigest,
    /// Who proposed it, and alone may withdraw it.
    pub proposer: MemberId,
    /// Sequence of the proposer's record that proposed it, so that it is never the same change again.
    pub proposed_at: u64,
    /// Milliseconds since 1970 after which nobody votes for it any more, by each voter's own clock.
    pub expires_ms: u64,
}

impl Change {
    /// A change by this proposer in its record of this sequence.
    pub(crate) fn new(
        kind: Kind,
        subject: MemberId,
        record: RecordDigest,
        (proposer, proposed_at): (MemberId, u64),
        expires_ms: u64,
    ) -> Self {
        let id = ChangeId(record);
        let unnamed = Self { id, kind, subject, record, proposer, proposed_at, expires_ms };
        Self { id: unnamed.computed_id(), ..unnamed }
    }

    /// The id that its other fields give.
    pub(crate) fn computed_id(&self) -> ChangeId {
        let mut hash = Sha256::new();
        let (subject, proposer) = (self.subject.as_str(), self.proposer.as_str());
        for part in [&self.kind.to_string(), subject, &self.record.to_string(), proposer] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        hash.update(self.proposed_at.to_be_bytes());
        hash.update(self.expires_ms.to_be_bytes());
        ChangeId(RecordDigest::from_bytes(hash.finalize().into()))
    }
}

/// How far a member is with the change it voted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// For it.
    Voted,
    /// Has seen that all are for it, and does its part.
    Open,
    /// Has seen it carried out.
    Done,
    /// Against it, or following its proposer.
    Withdrawn,
    /// Had opened it, and lets its subject in no more: its time is over and the joiner was not seen to start.
    Abandoned,
    /// Has seen that all have abandoned it, and has taken back what it had done for it.
    Dropped,
}

/// A member's vote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Vote {
    /// For what.
    pub change: Change,
    /// How far.
    pub phase: Phase,
    /// Sequence of the member's record in which it came this far.
    pub since: u64,
}

impl Roster {
    /// Who must vote for a change: the members in the pool, without its subject when that is coming in or is put out.
    #[must_use]
    pub fn voters(&self, change: &Change) -> Vec<&MemberId> {
        let is_without = matches!(change.kind, Kind::Join | Kind::Evict);
        self.in_pool().filter(|member| !(is_without && **member == change.subject)).collect()
    }

    /// The changes that stand in some member's slot, smallest first. Evictions are apart.
    #[must_use]
    pub fn changes(&self) -> Vec<&Change> {
        self.distinct(|record| record.vote.as_ref())
    }

    /// The evictions that some member has voted for, smallest first.
    #[must_use]
    pub fn evictions(&self) -> Vec<&Change> {
        self.distinct(|record| record.eviction.as_ref())
    }

    fn distinct(&self, slot: impl Fn(&Record) -> Option<&Vote>) -> Vec<&Change> {
        let records = self.in_pool().filter_map(|member| self.record(member));
        let mut all: Vec<&Change> = records.filter_map(slot).map(|vote| &vote.change).collect();
        all.sort_unstable_by_key(|change| change.id);
        all.dedup_by_key(|change| change.id);
        all
    }

    /// The vote of a member of the pool, on anything but an eviction.
    #[must_use]
    pub fn slot(&self, member: &MemberId) -> Option<&Vote> {
        self.record(member).and_then(|record| record.vote.as_ref())
    }

    /// The vote of a member for this change; none if its slot does not name it.
    pub(crate) fn vote_for(&self, member: &MemberId, change: &Change) -> Option<&Vote> {
        let record = self.record(member)?;
        let slot = if change.kind == Kind::Evict { &record.eviction } else { &record.vote };
        slot.as_ref().filter(|vote| vote.change.id == change.id)
    }

    /// How far a member of the pool is with a change; none if its slot does not name it.
    pub(crate) fn phase(&self, member: &MemberId, change: &Change) -> Option<Phase> {
        self.vote_for(member, change).map(|vote| vote.phase)
    }
}
