//! Verification of what a carrier holds.

use std::collections::{BTreeMap, BTreeSet};

use crate::digest::{KeyFingerprint, RecordDigest};
use crate::envelope::Envelope;
use crate::finding::{Finding, Problem};
use crate::name::MemberId;
use crate::record::{RECORD_TYPE, Record, SignedRecord, limits};
use crate::roster::Roster;

/// An envelope and where it was found.
struct Arrival {
    source: String,
    envelope: Envelope,
    /// It came along with a later one of the same owner.
    is_carried: bool,
}

/// What became of an envelope.
enum Reading {
    /// Signed by somebody who is not known (yet).
    Stranger,
    /// The very record that is held.
    Held,
    /// Refused, for this reason.
    Refused(Option<MemberId>, Problem),
    /// Rightly signed by its owner.
    Signed(Box<SignedRecord>),
}

impl Roster {
    /// Takes in what a carrier holds: names as the carrier has them, and contents, in any order.
    ///
    /// Equal input gives an equal result, and taking the same in twice changes nothing the second time. Whatever is refused
    /// leaves the record that is held in force. A record is parsed only once it is signed by a key of a member, of the
    /// invitation, of a joiner that the operator has named, or if a member has voted on exactly its bytes.
    pub fn take_in<'a>(&mut self, files: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Vec<Finding> {
        let mut found = Vec::new();
        let mut pending = Vec::new();
        for (source, bytes) in files {
            if pending.len() >= limits::ENVELOPES {
                let problem = Problem::TooMany { what: "records", most: limits::ENVELOPES };
                found.push(Finding::new(source, None, problem));
                break;
            }
            match Envelope::parse(RECORD_TYPE, bytes) {
                Ok(envelope) => {
                    let carried = envelope.after().cloned();
                    let arrivals = carried.map(|envelope| (envelope, true)).into_iter().chain([(envelope, false)]);
                    pending.extend(arrivals.map(|(envelope, is_carried)| Arrival {
                        source: source.to_owned(),
                        envelope,
                        is_carried,
                    }));
                }
                Err(err) => found.push(Finding::new(source, None, Problem::Envelope(err))),
            }
        }
        // One record can make another one readable: a vote names a joiner's, a new key signs the next. So until nothing comes.
        loop {
            let n_before = pending.len();
            let mut signed = Vec::new();
            let vouched = Vouched::by(self);
            pending.retain(|arrival| match self.read(&vouched, &arrival.envelope) {
                Reading::Stranger => true,
                Reading::Held => false,
                // What came along is for those who need it, and nothing to complain of for the others.
                Reading::Refused(..) if arrival.is_carried => false,
                Reading::Signed(record) if arrival.is_carried && !self.is_news(&record) => false,
                Reading::Refused(member, problem) => {
                    found.push(Finding::new(&arrival.source, member.as_ref(), problem));
                    false
                }
                Reading::Signed(record) => {
                    signed.push((arrival.source.clone(), *record));
                    false
                }
            });
            // In the order in which they were written, so that each is held to the one before it.
            signed.sort_by_key(|(_, signed)| (signed.record.member.clone(), signed.record.sequence));
            self.accept_all(signed, &mut found);
            if pending.is_empty() || pending.len() == n_before {
                break;
            }
        }
        let unknown = pending.iter().filter(|arrival| !arrival.is_carried);
        found.extend(unknown.map(|arrival| {
            let key = arrival.envelope.signers().next().expect("an envelope has a signature");
            Finding::new(&arrival.source, None, Problem::UnknownKey { key })
        }));
        self.hear_witnesses(&mut found);
        self.expel();
        let forks = found.iter().filter(|finding| self.freezes(finding) && !self.forks.contains(finding));
        let forks: Vec<_> = forks.cloned().collect();
        self.forks.extend(forks);
        found
    }

    fn is_news(&self, signed: &SignedRecord) -> bool {
        self.record(&signed.record.member).is_none_or(|held| held.sequence < signed.record.sequence)
    }

    /// A joiner that signs two histories is refused; it cannot stop a pool that it is not in.
    fn freezes(&self, finding: &Finding) -> bool {
        finding.problem.is_fork() && finding.member.as_ref().is_some_and(|member| self.admitted.contains(member))
    }

    fn accept_all(&mut self, signed: Vec<(String, SignedRecord)>, found: &mut Vec<Finding>) {
        for i in 0..signed.len() {
            let (source, record) = &signed[i];
            let member = &record.record.member;
            let newest = signed.iter().rfind(|(_, other)| other.record.member == *member);
            let newest = newest.map_or(record.record.sequence, |(_, other)| other.record.sequence);
            for problem in self.accept(record, newest) {
                found.push(Finding::new(source, Some(member), problem));
            }
        }
        self.admit();
    }

    /// Checks who signed an envelope, and only then what it says.
    fn read(&self, vouched: &Vouched, envelope: &Envelope) -> Reading {
        if let Some((key, member)) = envelope.signers().find_map(|key| Some((key, vouched.held.get(&key)?))) {
            let held = self.signed(member).expect("its keys are of the held record");
            let is_held = RecordDigest::of(envelope.payload()) == held.digest;
            return if is_held { Reading::Held } else { self.read_known(envelope, held, key) };
        }
        if let Some((key, member)) = envelope.signers().find_map(|key| Some((key, vouched.renewed.get(&key)?))) {
            return self.read_new(envelope, key, Some(member));
        }
        let signer = envelope.signers().next().expect("an envelope has a signature");
        if let Some(member) = vouched.pinned.get(&signer) {
            return self.read_new(envelope, signer, Some(member));
        }
        let is_expected =
            self.invited.contains(&signer) || vouched.voted_on.contains(&RecordDigest::of(envelope.payload()));
        if is_expected { self.read_new(envelope, signer, None) } else { Reading::Stranger }
    }

    fn read_known(&self, envelope: &Envelope, held: &SignedRecord, key: KeyFingerprint) -> Reading {
        let member = Some(held.record.member.clone());
        let signer = [Some(held.record.key), held.record.recovery_key].into_iter().flatten();
        if !signer.filter(|own| own.fingerprint() == key).any(|own| envelope.is_signed_by(&own)) {
            return Reading::Refused(member, Problem::Forged { key });
        }
        let is_recovery = held.record.recovery_key.is_some_and(|recovery| envelope.is_signed_by(&recovery));
        match self.parse(envelope) {
            Err(problem) => Reading::Refused(member, problem),
            Ok(record) if record.member != held.record.member => {
                Reading::Refused(member, Problem::Impersonation { claimed: record.member })
            }
            Ok(record) if record.key.fingerprint() != key && !envelope.is_signed_by(&record.key) => {
                Reading::Refused(member, Problem::KeyChanged)
            }
            // Whoever has the former key has it twice, so it does not say which one is next.
            Ok(record) if record.key != held.record.key && self.is_forked(&held.record.member) && !is_recovery => {
                Reading::Refused(member, Problem::KeyChanged)
            }
            Ok(record) if record.recovery_key != held.record.recovery_key => {
                if is_recovery {
                    signed(envelope, record)
                } else {
                    Reading::Refused(member, Problem::RecoveryKeyChanged)
                }
            }
            Ok(record) => signed(envelope, record),
        }
    }

    /// Reads the first record of somebody: its key is in it, and must be the one that was vouched for.
    fn read_new(&self, envelope: &Envelope, key: KeyFingerprint, pinned: Option<&MemberId>) -> Reading {
        let record = match self.parse(envelope) {
            Ok(record) => record,
            Err(problem) => return Reading::Refused(pinned.cloned(), problem),
        };
        let member = record.member.clone();
        if record.key.fingerprint() != key || !envelope.is_signed_by(&record.key) {
            return Reading::Refused(Some(member), Problem::Forged { key });
        }
        let is_taken = self.records.contains_key(&member) || self.pinned.contains_key(&member);
        if pinned.is_some_and(|pinned| *pinned != member) || (pinned.is_none() && is_taken) {
            return Reading::Refused(None, Problem::Impersonation { claimed: member });
        }
        signed(envelope, record)
    }

    fn parse(&self, envelope: &Envelope) -> Result<Record, Problem> {
        let record: Record = serde_json::from_slice(envelope.payload())
            .map_err(|err| Problem::Unreadable { detail: err.to_string() })?;
        if record.pool == self.pool { Ok(record) } else { Err(Problem::OtherPool { found: record.pool }) }
    }
}

/// Whose records are read.
struct Vouched {
    /// Keys of held records, recovery keys with them.
    held: BTreeMap<KeyFingerprint, MemberId>,
    /// Keys of members whose record is not held yet.
    pinned: BTreeMap<KeyFingerprint, MemberId>,
    /// Keys that enough members vouch for, of members that lost theirs.
    renewed: BTreeMap<KeyFingerprint, MemberId>,
    /// Records of joiners, by exactly their bytes.
    voted_on: BTreeSet<RecordDigest>,
}

impl Vouched {
    fn by(roster: &Roster) -> Self {
        let held = roster.records.values().flat_map(|signed| {
            let record = &signed.record;
            let keys = [Some(record.key), record.recovery_key].into_iter().flatten();
            keys.map(|key| (key.fingerprint(), record.member.clone()))
        });
        Self {
            held: held.collect(),
            pinned: roster.pinned.iter().map(|(member, key)| (*key, member.clone())).collect(),
            renewed: roster.vouched_for(),
            voted_on: roster.changes().iter().map(|change| change.record).collect(),
        }
    }
}

/// A record whose owner is certain, if it keeps the bounds.
fn signed(envelope: &Envelope, record: Record) -> Reading {
    if let Err(detail) = limits::check(&record) {
        return Reading::Refused(Some(record.member), Problem::Unreadable { detail });
    }
    let digest = RecordDigest::of(envelope.payload());
    Reading::Signed(Box::new(SignedRecord { envelope: envelope.clone(), record, digest }))
}
