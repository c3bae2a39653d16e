//! The roster between two runs.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::change::ChangeId;
use crate::digest::{KeyFingerprint, RecordDigest};
use crate::envelope::Envelope;
use crate::finding::{Finding, Problem};
use crate::name::{MemberId, PoolName};
use crate::record::{RECORD_TYPE, Record, Seen, SignedRecord, VERSION};
use crate::roster::Roster;
use crate::roster::enter::Entered;

/// Why a stored roster cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoredError {
    /// Not what this program writes.
    #[error("stored roster is unreadable")]
    Unreadable {
        /// What the parser says.
        #[source]
        err: serde_json::Error,
    },
    /// A record in it is not signed by its owner.
    #[error("stored record of `{member}` is not signed with its key")]
    Record {
        /// Whose.
        member: MemberId,
    },
}

impl StoredError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        Some("restore the file from its backup; without it a carrier that has gone back cannot be told".to_owned())
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Stored {
    version: u32,
    own: MemberId,
    pool: PoolName,
    founder: Option<MemberId>,
    /// Envelopes as they came.
    records: BTreeMap<MemberId, String>,
    past: BTreeMap<MemberId, Vec<Seen>>,
    pinned: BTreeMap<MemberId, KeyFingerprint>,
    admitted: BTreeSet<MemberId>,
    invited: BTreeSet<KeyFingerprint>,
    entered: Option<Entered>,
    request: u64,
    forks: Vec<Fork>,
    #[serde(default)]
    observed: BTreeMap<ChangeId, u64>,
    #[serde(default)]
    expelled: BTreeSet<MemberId>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Fork {
    source: String,
    member: Option<MemberId>,
    sequence: u64,
    about: Option<MemberId>,
    witness: Option<MemberId>,
}

impl Roster {
    /// What has to be kept, as JSON. Nothing in it is secret.
    ///
    /// # Panics
    ///
    /// Never: what is stored has no map whose keys are not strings.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let stored = Stored {
            version: VERSION,
            own: self.own.clone(),
            pool: self.pool.clone(),
            founder: self.founder.clone(),
            records: self
                .records
                .iter()
                .map(|(member, signed)| (member.clone(), String::from_utf8(signed.to_bytes()).expect("JSON is UTF-8")))
                .collect(),
            past: self.past.clone(),
            pinned: self.pinned.clone(),
            admitted: self.admitted.clone(),
            invited: self.invited.clone(),
            entered: self.entered.clone(),
            request: self.request,
            forks: self.forks.iter().filter_map(Fork::of).collect(),
            observed: self.observed.clone(),
            expelled: self.expelled.clone(),
        };
        serde_json::to_vec_pretty(&stored).expect("names and digests are always JSON")
    }

    /// Takes up what [`Roster::to_bytes`] wrote. Signatures are checked again.
    ///
    /// # Errors
    ///
    /// [`StoredError::Unreadable`], [`StoredError::Record`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, StoredError> {
        let stored: Stored = serde_json::from_slice(bytes).map_err(|err| StoredError::Unreadable { err })?;
        let mut records = BTreeMap::new();
        for (member, envelope) in stored.records {
            let signed = record(&envelope).filter(|signed| signed.record.member == member);
            let signed = signed.ok_or_else(|| StoredError::Record { member: member.clone() })?;
            records.insert(member, signed);
        }
        if !records.contains_key(&stored.own) {
            return Err(StoredError::Record { member: stored.own });
        }
        Ok(Self {
            own: stored.own,
            pool: stored.pool,
            founder: stored.founder,
            records,
            past: stored.past,
            pinned: stored.pinned,
            admitted: stored.admitted,
            invited: stored.invited,
            entered: stored.entered,
            request: stored.request,
            forks: stored.forks.into_iter().map(Fork::finding).collect(),
            observed: stored.observed,
            expelled: stored.expelled,
        })
    }
}

fn record(envelope: &str) -> Option<SignedRecord> {
    let envelope = Envelope::parse(RECORD_TYPE, envelope.as_bytes()).ok()?;
    let record: Record = serde_json::from_slice(envelope.payload()).ok()?;
    let digest = RecordDigest::of(envelope.payload());
    envelope.is_signed_by(&record.key).then_some(SignedRecord { envelope, record, digest })
}

impl Fork {
    fn of(finding: &Finding) -> Option<Self> {
        let (sequence, about, witness) = match &finding.problem {
            Problem::Forked { sequence } => (*sequence, None, None),
            Problem::SeenBackwards { sequence, about } => (*sequence, Some(about.clone()), None),
            Problem::Contradicted { witness, sequence } => (*sequence, None, Some(witness.clone())),
            _ => return None,
        };
        Some(Self { source: finding.source.clone(), member: finding.member.clone(), sequence, about, witness })
    }

    fn finding(self) -> Finding {
        let sequence = self.sequence;
        let problem = match (self.about, self.witness) {
            (Some(about), _) => Problem::SeenBackwards { sequence, about },
            (None, Some(witness)) => Problem::Contradicted { witness, sequence },
            (None, None) => Problem::Forked { sequence },
        };
        Finding { source: self.source, member: self.member, problem }
    }
}
