//! What taking in records can find, each with its cure.

use hangar_plan::diagnostic::Severity;
use hangar_plan::strategy::decision;

use crate::digest::KeyFingerprint;
use crate::envelope::EnvelopeError;
use crate::name::{MemberId, PoolName};
use crate::record::State;

/// One thing found in what a carrier holds. The record it is about was not taken in, unless [`Problem::is_remark`] says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Where it was found, as the carrier names it; empty where it follows from several records.
    pub source: String,
    /// Whose record it is about, where that is known.
    pub member: Option<MemberId>,
    /// What was found.
    pub problem: Problem,
}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// Not an envelope of a record.
    #[error("not a record: {0}")]
    Envelope(EnvelopeError),
    /// Signed by a key that nobody here has vouched for. It was not read.
    #[error("signed by the unknown key {key}")]
    UnknownKey {
        /// The key.
        key: KeyFingerprint,
    },
    /// The signature is not of the key that it names.
    #[error("forged: the signature is not of the key {key}")]
    Forged {
        /// The key it names.
        key: KeyFingerprint,
    },
    /// Rightly signed, and not a record that this version can read.
    #[error("unreadable: {detail}")]
    Unreadable {
        /// Why.
        detail: String,
    },
    /// A record of another pool, shown here.
    #[error("replayed from the pool `{found}`")]
    OtherPool {
        /// The pool it is of.
        found: PoolName,
    },
    /// A record in another member's name.
    #[error("says it is of `{claimed}`, whose key it is not signed with")]
    Impersonation {
        /// Whose name it uses.
        claimed: MemberId,
    },
    /// The key is another one, without the signature of the former or the recovery key.
    #[error("has a new key that the former one did not sign")]
    KeyChanged,
    /// The recovery key is another one, without its own signature.
    #[error("has a new recovery key that the former one did not sign")]
    RecoveryKeyChanged,
    /// Older than what is held: the carrier has gone back.
    #[error("rolled back: record {found} where record {held} was seen")]
    RolledBack {
        /// Sequence found.
        found: u64,
        /// Sequence held.
        held: u64,
    },
    /// An old record shown again beside a newer one.
    #[error("replayed: record {found} beside record {newer}")]
    Replayed {
        /// Sequence found.
        found: u64,
        /// Sequence of the newer one.
        newer: u64,
    },
    /// Two records with one sequence, or a record that follows another one than was seen: signed by one key.
    #[error("forked: two different records {sequence} are signed with its key")]
    Forked {
        /// The sequence that exists twice.
        sequence: u64,
    },
    /// A newer record knows less of another member than an older one: two writers use one key.
    #[error("forked: record {sequence} has seen less of `{about}` than its former one")]
    SeenBackwards {
        /// Sequence of the record.
        sequence: u64,
        /// Whom it has seen less of.
        about: MemberId,
    },
    /// Another member has seen a different record of the same sequence.
    #[error("forked: `{witness}` has seen another record {sequence} of it")]
    Contradicted {
        /// The other member.
        witness: MemberId,
        /// The sequence.
        sequence: u64,
    },
    /// Another member has seen a newer record than the carrier shows.
    #[error("withheld: `{witness}` has seen its record {seen}, here is only {held}")]
    Withheld {
        /// The other member.
        witness: MemberId,
        /// What it has seen.
        seen: u64,
        /// What is held here; 0 for none.
        held: u64,
    },
    /// Records between this one and the held one were never seen.
    #[error("{n_missed} records before it were not seen")]
    Missed {
        /// How many.
        n_missed: u64,
    },
    /// This installation's own record is newer in the carrier than at home.
    #[error(
        "our own record {found} is newer than our {held}: another installation acts for us, or this one was restored"
    )]
    OwnAhead {
        /// Sequence found.
        found: u64,
        /// Sequence held.
        held: u64,
    },
    /// A state that does not follow from the former one.
    #[error("goes from `{from:?}` to `{to:?}`")]
    Transition {
        /// Former state.
        from: State,
        /// State now.
        to: State,
    },
    /// Says it is in the pool, and no open change bears it out.
    #[error("says it is in the pool before its change is open")]
    Premature,
    /// Something that only a vote may change has changed without one.
    #[error("has changed its {field} without an open change")]
    Unvoted {
        /// What has changed.
        field: &'static str,
    },
    /// The genesis is another one, or a second one.
    #[error("has another genesis than the pool")]
    Genesis,
    /// Shares with a member what each must have for itself.
    #[error("has the same {field} as `{other}`")]
    Clash {
        /// What it shares.
        field: &'static str,
        /// With whom.
        other: MemberId,
    },
    /// More than is read.
    #[error("more than {most} {what}; the rest was not read")]
    TooMany {
        /// What.
        what: &'static str,
        /// The bound.
        most: usize,
    },
}

impl Problem {
    /// Whether the record was taken in all the same.
    #[must_use]
    pub fn is_remark(&self) -> bool {
        matches!(self, Self::Withheld { .. } | Self::Missed { .. } | Self::OwnAhead { .. })
    }

    /// Whether it proves that one key has signed two histories, so that nothing may go on without a person.
    #[must_use]
    pub fn is_fork(&self) -> bool {
        matches!(self, Self::Forked { .. } | Self::SeenBackwards { .. } | Self::Contradicted { .. })
    }

    /// How much it matters. A record that is refused leaves the held one in force, so it warns; a fork stops.
    #[must_use]
    pub fn severity(&self) -> Severity {
        match self {
            _ if self.is_fork() => Severity::Error,
            Self::Missed { .. } | Self::Withheld { .. } | Self::Replayed { .. } => Severity::Note,
            _ => Severity::Warning,
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn cure(&self) -> String {
        match self {
            Self::Envelope(_) | Self::Unreadable { .. } => {
                "ask its owner to publish it again; both sides may need the same version of hangar"
            }
            Self::UnknownKey { .. } => {
                "if it is a joiner's, compare its fingerprint with the joiner and name it: `hangar pool invite --to FINGERPRINT`"
            }
            Self::Forged { .. } | Self::Impersonation { .. } => {
                "somebody else writes to the carrier: tell its keeper, and have the record's owner publish again"
            }
            Self::OtherPool { .. } => "take the file out of this pool's carrier",
            Self::KeyChanged | Self::RecoveryKeyChanged => {
                "ask its owner, not by the carrier; a lost key is replaced with the recovery key: `hangar pool rotate-key`"
            }
            Self::RolledBack { .. } => {
                "the newer record stays in force; ask the carrier's keeper whether it was restored, and its owner to publish again"
            }
            Self::Replayed { .. } => "nothing: the newer record is in force; the old file can be taken out of the carrier",
            Self::Forked { .. } | Self::SeenBackwards { .. } | Self::Contradicted { .. } => {
                "stop, and talk to its owner: two installations use one key, or the key is stolen; the pool stays frozen until \
                 the key is replaced: `hangar pool rotate-key`"
            }
            Self::Withheld { .. } | Self::Missed { .. } => "wait, or ask for the record by another way: `hangar pool import`",
            Self::OwnAhead { .. } => "stop the other installation, or go on here if this one was restored from a backup",
            Self::Transition { .. } | Self::Premature | Self::Unvoted { .. } => {
                "the held record stays in force; ask its owner what it is doing"
            }
            Self::Genesis => "ask which pool it was meant for; a pool is founded once",
            Self::Clash { .. } => "its owner chooses another one and asks again: `hangar pool request`",
            Self::TooMany { .. } => "take files that are not of this pool out of the carrier",
        }
        .to_owned()
    }
}

impl Finding {
    pub(crate) fn new(source: &str, member: Option<&MemberId>, problem: Problem) -> Self {
        Self { source: source.to_owned(), member: member.cloned(), problem }
    }
}

/// A finding as a status or a strategy's answer shows it.
impl From<&Finding> for decision::Finding {
    fn from(finding: &Finding) -> Self {
        let subject = match &finding.member {
            Some(member) => format!("member:{member}"),
            None => format!("file:{}", finding.source),
        };
        Self {
            severity: finding.problem.severity(),
            subject,
            message: finding.problem.to_string(),
            cure: Some(finding.problem.cure()),
            whose: finding.member.as_ref().map(ToString::to_string),
        }
    }
}
