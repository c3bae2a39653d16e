//! One member's record: what it says of itself, and nothing of anybody else.

use std::collections::BTreeMap;

use hangar_plan::strategy::member::MemberState;
use serde::{Deserialize, Serialize};

use crate::change::Vote;
use crate::digest::{InvitationDigest, KeyFingerprint, RecordDigest};
use crate::envelope::Envelope;
use crate::key::{OrganisationKey, PublicKey};
use crate::name::{MemberId, PoolName};

pub(crate) mod acknowledgement;
pub mod limits;
pub(crate) mod presence;

use acknowledgement::Acknowledgement;
use presence::Presence;

/// Media type of a record in its envelope.
pub(crate) const RECORD_TYPE: &str = "application/vnd.hangar.roster-record.v1+json";

/// Version of the record's form.
pub(crate) const VERSION: u32 = 1;

/// One member's record. Its signed bytes are its only canonical form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Record {
    /// Always 1.
    pub version: u32,
    /// Pool. A record of one pool says nothing in another.
    pub pool: PoolName,
    /// Whose record it is.
    pub member: MemberId,
    /// Organisation key; the record is signed with it.
    pub key: PublicKey,
    /// Key, kept offline, that can replace a lost organisation key.
    pub recovery_key: Option<PublicKey>,
    /// Grows by one with each record of the member, from 1.
    pub sequence: u64,
    /// The member's former record; none for its first.
    pub previous: Option<RecordDigest>,
    /// Milliseconds since 1970-01-01T00:00:00Z, by the member's own clock. Nothing is decided by it.
    pub at_ms: u64,
    /// Where it says it stands.
    pub state: State,
    /// What others need to reach and to trust its nodes.
    pub presence: Presence,
    /// What it says it has proved.
    pub acknowledgements: Vec<Acknowledgement>,
    /// Its one vote, if it has cast one that is not settled.
    pub vote: Option<Vote>,
    /// Its vote on putting out a member that does not answer. Apart from the other, which such a member blocks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub eviction: Option<Vote>,
    /// Members that it has put out, by the record that was theirs then; until they ask anew.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub evicted: BTreeMap<MemberId, Seen>,
    /// Keys that it vouches for, compared out of band, of members that have lost theirs.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub vouches: BTreeMap<MemberId, KeyFingerprint>,
    /// The record of each other member that it had seen when it wrote this one.
    pub seen: BTreeMap<MemberId, Seen>,
    /// How the pool began; in the founder's record only.
    pub genesis: Option<Genesis>,
    /// Its latest invitation; any former one is void.
    pub invitation: Option<InvitationDigest>,
}

/// A record that was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Seen {
    /// Sequence.
    pub sequence: u64,
    /// Digest.
    pub digest: RecordDigest,
}

/// How the pool began. Never changes, but for the identity of the database cluster, which is filled in once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Genesis {
    /// Pool.
    pub pool: PoolName,
    /// Who founded it: a person or a program, as the founder says.
    pub created_by: String,
    /// Milliseconds since 1970-01-01T00:00:00Z, by the founder's clock.
    pub at_ms: u64,
    /// Identity of the pool's database cluster, once it is known.
    pub cluster_id: Option<String>,
    /// Milliseconds that a member may leave the proposal to evict it unanswered, by the clock of whoever waits.
    #[serde(default = "default_silence_ms")]
    pub silence_ms: u64,
}

/// Three days: longer than a weekend.
pub(crate) const SILENCE_MS: u64 = 3 * 24 * 3_600_000;

fn default_silence_ms() -> u64 {
    SILENCE_MS
}

/// Where a member says it stands. Others believe it only as far as votes bear it out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Asks to join.
    Asking,
    /// Its change is open.
    Joining,
    /// In the pool.
    Active,
    /// On its way out.
    Leaving,
    /// Out, or no longer wants in.
    Gone,
}

impl State {
    /// On the way in, or out: votes are for others.
    pub(crate) fn is_outside(self) -> bool {
        matches!(self, Self::Asking | Self::Joining | Self::Gone)
    }
}

impl From<State> for MemberState {
    fn from(state: State) -> Self {
        match state {
            State::Asking => Self::Asking,
            State::Joining => Self::Joining,
            State::Active => Self::Active,
            State::Leaving => Self::Leaving,
            State::Gone => Self::Gone,
        }
    }
}

impl Record {
    /// Signs the record with the member's organisation key.
    ///
    /// # Panics
    ///
    /// Never: a record has no map whose keys are not strings.
    #[must_use]
    pub fn sign(self, key: &OrganisationKey) -> SignedRecord {
        self.sign_with(&[key])
    }

    /// Signs with several keys: for a change of key, the former (or the recovery key) and the new one.
    #[must_use]
    pub fn sign_with(self, keys: &[&OrganisationKey]) -> SignedRecord {
        let payload = serde_json::to_vec(&self).expect("a record is always JSON");
        let envelope = Envelope::sign(RECORD_TYPE, payload, keys);
        SignedRecord { digest: RecordDigest::of(envelope.payload()), record: self, envelope }
    }
}

/// A record with the bytes and signatures it came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedRecord {
    pub(crate) envelope: Envelope,
    pub(crate) record: Record,
    pub(crate) digest: RecordDigest,
}

impl SignedRecord {
    /// What it says.
    #[must_use]
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// SHA-256 over its signed bytes.
    #[must_use]
    pub fn digest(&self) -> RecordDigest {
        self.digest
    }

    /// The file's content.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.envelope.to_bytes()
    }

    pub(crate) fn seen(&self) -> Seen {
        Seen { sequence: self.record.sequence, digest: self.digest }
    }
}
