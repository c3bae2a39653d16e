//! All records of a pool that were kept, verified without anybody's help.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::change::Phase;
use crate::digest::{KeyFingerprint, RecordDigest};
use crate::envelope::Envelope;
use crate::finding::{Finding, Problem};
use crate::name::MemberId;
use crate::record::{RECORD_TYPE, Record, SignedRecord, limits};

/// What a history says, once its signatures and chains were checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct History {
    /// Every record that is in order, by time as its writer says and then by member and sequence.
    pub events: Vec<Event>,
    /// What is not in order. Empty: the history is whole from each member's first record that was kept.
    pub findings: Vec<Finding>,
}

/// What one record changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Event {
    /// Milliseconds since 1970, by the writer's own clock.
    pub at_ms: u64,
    /// Whose record.
    pub member: MemberId,
    /// Sequence.
    pub sequence: u64,
    /// Digest.
    pub digest: RecordDigest,
    /// Key it is signed with.
    pub key: KeyFingerprint,
    /// What is new in it, in words; empty where it only says what was seen.
    pub what: Vec<String>,
}

/// Verifies a history: every envelope in any order, as they were published.
///
/// Each record must be signed with its own key, follow the one before it by digest, and take another key only with the
/// signature of the former or the recovery key, or with enough vouchers in the records of others. Whom to believe at the very
/// beginning is not in the records: compare the first keys with those you know.
#[must_use]
pub fn verify<'a>(envelopes: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> History {
    let mut findings = Vec::new();
    let mut chains: BTreeMap<MemberId, Vec<SignedRecord>> = BTreeMap::new();
    for (source, bytes) in envelopes {
        match read(bytes) {
            Ok(signed) => chains.entry(signed.record.member.clone()).or_default().push(signed),
            Err(problem) => findings.push(Finding::new(source, None, problem)),
        }
    }
    for chain in chains.values_mut() {
        chain.sort_by_key(|signed| (signed.record.sequence, signed.digest));
        chain.dedup_by_key(|signed| signed.digest);
    }
    for (member, chain) in &chains {
        for pair in chain.windows(2) {
            if let Some(problem) = follows(&chains, &pair[0], &pair[1]) {
                findings.push(Finding::new("", Some(member), problem));
            }
        }
    }
    let mut events: Vec<Event> = chains.values().flat_map(|chain| events(chain)).collect();
    events.sort_by(|a, b| (a.at_ms, &a.member, a.sequence).cmp(&(b.at_ms, &b.member, b.sequence)));
    History { events, findings }
}

fn read(bytes: &[u8]) -> Result<SignedRecord, Problem> {
    let envelope = Envelope::parse(RECORD_TYPE, bytes).map_err(Problem::Envelope)?;
    let record: Record =
        serde_json::from_slice(envelope.payload()).map_err(|err| Problem::Unreadable { detail: err.to_string() })?;
    limits::check(&record).map_err(|detail| Problem::Unreadable { detail })?;
    if !envelope.is_signed_by(&record.key) {
        return Err(Problem::Forged { key: record.key.fingerprint() });
    }
    let digest = RecordDigest::of(envelope.payload());
    Ok(SignedRecord { envelope, record, digest })
}

fn follows(
    chains: &BTreeMap<MemberId, Vec<SignedRecord>>,
    former: &SignedRecord,
    next: &SignedRecord,
) -> Option<Problem> {
    let (then, now) = (&former.record, &next.record);
    let renewed = then.key != now.key && !next.envelope.is_signed_by(&then.key);
    if renewed {
        let is_recovery = then.recovery_key.is_some_and(|key| next.envelope.is_signed_by(&key));
        return (!is_recovery && !is_vouched(chains, now)).then_some(Problem::KeyChanged);
    }
    if now.sequence == then.sequence || (now.sequence == then.sequence + 1 && now.previous != Some(former.digest)) {
        return Some(Problem::Forked { sequence: then.sequence });
    }
    (now.sequence > then.sequence + 1).then(|| Problem::Missed { n_missed: now.sequence - then.sequence - 1 })
}

/// Whether enough others have vouched for the key at some time.
fn is_vouched(chains: &BTreeMap<MemberId, Vec<SignedRecord>>, record: &Record) -> bool {
    let key = record.key.fingerprint();
    let says_so = |chain: &&Vec<SignedRecord>| {
        chain
            .iter()
            .any(|one| one.record.member != record.member && one.record.vouches.get(&record.member) == Some(&key))
    };
    // Members at that time: everybody whom this record has seen, and itself.
    let n_all = record.seen.len() + 1;
    let needed = if n_all == 2 { 1 } else { n_all / 2 + 1 };
    chains.values().filter(says_so).count() >= needed
}

fn events(chain: &[SignedRecord]) -> Vec<Event> {
    let formers = std::iter::once(None).chain(chain.iter().map(Some));
    let pairs = formers.zip(chain);
    pairs
        .map(|(former, signed)| Event {
            at_ms: signed.record.at_ms,
            member: signed.record.member.clone(),
            sequence: signed.record.sequence,
            digest: signed.digest,
            key: signed.record.key.fingerprint(),
            what: news(former.map(|former| &former.record), &signed.record),
        })
        .collect()
}

fn news(former: Option<&Record>, now: &Record) -> Vec<String> {
    let mut what = Vec::new();
    match former {
        None if now.sequence == 1 && now.genesis.is_some() => what.push("founds the pool".to_owned()),
        None if now.sequence == 1 => what.push("asks to join".to_owned()),
        None => {}
        Some(then) => {
            if then.state != now.state {
                what.push(format!("is {:?}", now.state).to_lowercase());
            }
            if then.key != now.key {
                what.push(format!("has the new key {}", now.key.fingerprint()));
            }
            if then.presence.authorities != now.presence.authorities {
                what.push("has other certificate authorities".to_owned());
            }
            if then.presence.nodes != now.presence.nodes || then.presence.egress != now.presence.egress {
                what.push("has other addresses".to_owned());
            }
        }
    }
    for (now, then) in [
        (&now.vote, former.and_then(|record| record.vote.as_ref())),
        (&now.eviction, former.and_then(|record| record.eviction.as_ref())),
    ] {
        let Some(vote) = now.as_ref().filter(|now| then != Some(*now)) else { continue };
        let verb = match vote.phase {
            Phase::Voted => "votes for",
            Phase::Open => "opens",
            Phase::Done => "closes",
            Phase::Withdrawn => "is against",
            Phase::Abandoned => "abandons",
            Phase::Dropped => "has taken back",
        };
        what.push(format!("{verb} the {} of {}", vote.change.kind, vote.change.subject));
    }
    let proofs =
        now.acknowledgements.iter().filter(|one| former.is_none_or(|then| !then.acknowledgements.contains(one)));
    what.extend(proofs.map(|one| one.proof.to_string()));
    for member in now.evicted.keys().filter(|member| former.is_none_or(|then| !then.evicted.contains_key(*member))) {
        what.push(format!("has put {member} out"));
    }
    for (member, key) in &now.vouches {
        if former.is_none_or(|then| then.vouches.get(member) != Some(key)) {
            what.push(format!("vouches for the key {key} of {member}"));
        }
    }
    what
}
