//! What a member gives a joiner, so that the joiner knows whom to believe.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::digest::{InvitationDigest, KeyFingerprint, RecordDigest};
use crate::envelope::{Envelope, EnvelopeError};
use crate::key::{OrganisationKey, PublicKey};
use crate::name::{MemberId, PoolName};
use crate::record::{VERSION, limits};
use crate::roster::Roster;

const INVITATION_TYPE: &str = "application/vnd.hangar.roster-invitation.v1+json";

/// Who may come in, and whom the joiner will meet. Public data: it opens nothing to whoever finds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Invitation {
    /// Always 1.
    pub version: u32,
    /// Pool.
    pub pool: PoolName,
    /// Member who invites.
    pub inviter: MemberId,
    /// Sequence of the inviter's record from which it invites: a later one names this invitation, or has voided it.
    pub sequence: u64,
    /// The inviter's organisation key, with which this is signed; joiner and inviter compare it by voice.
    pub inviter_key: PublicKey,
    /// The joiner's organisation key.
    pub audience: KeyFingerprint,
    /// The joiner's record that is invited.
    pub record: RecordDigest,
    /// Who founded the pool.
    pub founder: MemberId,
    /// All members in the pool and their keys, as the inviter has verified them.
    pub members: BTreeMap<MemberId, KeyFingerprint>,
    /// Makes each invitation another one; 32 hexadecimal digits.
    pub nonce: String,
    /// Milliseconds since 1970-01-01T00:00:00Z after which it is void.
    pub expires_ms: u64,
}

/// Why an invitation was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvitationError {
    /// Not an envelope of an invitation.
    #[error("not an invitation: {0}")]
    Envelope(EnvelopeError),
    /// Rightly formed, and not an invitation that this version can read.
    #[error("unreadable invitation: {detail}")]
    Unreadable {
        /// Why.
        detail: String,
    },
    /// The signature is not of the key that the operator compared.
    #[error("forged invitation: not signed with the key {expected}")]
    Forged {
        /// The key that was compared.
        expected: KeyFingerprint,
    },
    /// Of another pool.
    #[error("invitation into the pool `{found}`, and `{wanted}` was asked for")]
    OtherPool {
        /// The pool asked for.
        wanted: PoolName,
        /// The pool it is of.
        found: PoolName,
    },
    /// For another organisation.
    #[error("invitation for the key {found}, and ours is {ours}")]
    OtherAudience {
        /// Our key.
        ours: KeyFingerprint,
        /// The key it names.
        found: KeyFingerprint,
    },
    /// For another request of ours.
    #[error("invitation for another request than our latest")]
    OtherRequest,
    /// Past its time.
    #[error("invitation expired")]
    Expired {
        /// When, in milliseconds since 1970.
        at_ms: u64,
    },
    /// The inviter has made a later one, or has withdrawn it.
    #[error("invitation of `{inviter}` is void")]
    Voided {
        /// Who made it.
        inviter: MemberId,
    },
    /// This member is in the pool already.
    #[error("`{member}` is in the pool already")]
    AlreadyIn {
        /// Us.
        member: MemberId,
    },
}

impl InvitationError {
    /// What to do about it.
    #[must_use]
    pub fn cure(&self) -> String {
        match self {
            Self::Envelope(_) | Self::Unreadable { .. } => "ask the inviter for the file again",
            Self::Forged { .. } => "do not go on: compare the inviter's words again, by voice",
            Self::OtherPool { .. } | Self::OtherAudience { .. } => {
                "ask the inviter for the invitation that was made for you"
            }
            Self::OtherRequest | Self::Expired { .. } | Self::Voided { .. } => {
                "ask the inviter for a new one: `hangar pool invite --to FINGERPRINT`; it voids the former"
            }
            Self::AlreadyIn { .. } => "nothing: `hangar pool status`",
        }
        .to_owned()
    }
}

impl Invitation {
    /// An invitation for a joiner whose record is held. `nonce` is 16 random bytes.
    ///
    /// Nothing if the joiner's record is not held, or this member does not know who founded the pool.
    #[must_use]
    pub fn new(roster: &Roster, joiner: &MemberId, nonce: [u8; 16], expires_ms: u64) -> Option<Self> {
        let joiner = roster.signed(joiner)?;
        let own = roster.own_record().record();
        let key_of = |member: &MemberId| Some((member.clone(), roster.record(member)?.key.fingerprint()));
        Some(Self {
            version: VERSION,
            pool: roster.pool().clone(),
            inviter: own.member.clone(),
            sequence: own.sequence,
            inviter_key: own.key,
            audience: joiner.record().key.fingerprint(),
            record: joiner.digest(),
            founder: roster.founder()?.clone(),
            members: roster.in_pool().map(key_of).collect::<Option<_>>()?,
            nonce: hex::encode(nonce),
            expires_ms,
        })
    }

    /// Signs it with the inviter's organisation key.
    ///
    /// # Panics
    ///
    /// Never: an invitation has no map whose keys are not strings.
    #[must_use]
    pub fn sign(self, key: &OrganisationKey) -> SignedInvitation {
        let payload = serde_json::to_vec(&self).expect("an invitation is always JSON");
        let envelope = Envelope::sign(INVITATION_TYPE, payload, &[key]);
        SignedInvitation { digest: InvitationDigest::of(envelope.payload()), invitation: self, envelope }
    }
}

/// An invitation with the bytes and the signature it came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedInvitation {
    envelope: Envelope,
    invitation: Invitation,
    digest: InvitationDigest,
}

impl SignedInvitation {
    /// Reads an invitation and checks that the key it names has signed it. Whether that key is the inviter's is for
    /// [`Roster::enter`], with what was compared by voice.
    ///
    /// # Errors
    ///
    /// [`InvitationError::Envelope`], [`InvitationError::Unreadable`], [`InvitationError::Forged`].
    pub fn parse(bytes: &[u8]) -> Result<Self, InvitationError> {
        let envelope = Envelope::parse(INVITATION_TYPE, bytes).map_err(InvitationError::Envelope)?;
        let unreadable = |detail: String| InvitationError::Unreadable { detail };
        let invitation: Invitation =
            serde_json::from_slice(envelope.payload()).map_err(|err| unreadable(err.to_string()))?;
        if invitation.version != VERSION {
            return Err(unreadable(format!("version {} is not known here, only {VERSION}", invitation.version)));
        }
        if invitation.members.len() > limits::MEMBERS {
            return Err(unreadable(format!("more than {} members", limits::MEMBERS)));
        }
        let key = invitation.inviter_key.fingerprint();
        if !envelope.is_signed_by(&invitation.inviter_key) || invitation.members.get(&invitation.inviter) != Some(&key)
        {
            return Err(InvitationError::Forged { expected: key });
        }
        Ok(Self { digest: InvitationDigest::of(envelope.payload()), invitation, envelope })
    }

    /// What it says.
    #[must_use]
    pub fn invitation(&self) -> &Invitation {
        &self.invitation
    }

    /// SHA-256 over its signed bytes.
    #[must_use]
    pub fn digest(&self) -> InvitationDigest {
        self.digest
    }

    /// The file's content.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.envelope.to_bytes()
    }
}
