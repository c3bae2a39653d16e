//! A key that is replaced without the former one.
//!
//! The recovery key stands above the organisation key, and so does what most of the pool vouches for. A record that comes with
//! either begins the member's history anew: what was signed with the former key, by whomever, counts no more. This is the one
//! way out of a fork.

use std::collections::BTreeMap;

use crate::digest::KeyFingerprint;
use crate::name::MemberId;
use crate::record::SignedRecord;
use crate::roster::Roster;

impl Roster {
    /// Whether this member is known to have signed two histories.
    #[must_use]
    pub fn is_forked(&self, member: &MemberId) -> bool {
        self.forks.iter().any(|fork| fork.member.as_ref() == Some(member))
    }

    /// Whether a record, rightly signed, replaces its owner's key without the former one.
    pub(super) fn renews(&self, signed: &SignedRecord) -> bool {
        let Some(held) = self.records.get(&signed.record.member) else { return false };
        if held.record.key == signed.record.key {
            return false;
        }
        let is_recovery = held.record.recovery_key.is_some_and(|key| signed.envelope.is_signed_by(&key));
        let key = signed.record.key.fingerprint();
        is_recovery || self.vouched_for().get(&key) == Some(&signed.record.member)
    }

    /// What anybody has seen of the member before counts no more.
    pub(super) fn begin_anew(&mut self, member: &MemberId) {
        self.past.remove(member);
        self.forks.retain(|fork| fork.member.as_ref() != Some(member));
    }

    /// Keys that enough members vouch for: more than half of the whole pool, the one that lost its key counted and not
    /// heard. In a pool of two the other one alone decides.
    pub(super) fn vouched_for(&self) -> BTreeMap<KeyFingerprint, MemberId> {
        let n_all = self.in_pool().count();
        let needed = if n_all == 2 { 1 } else { n_all / 2 + 1 };
        let mut votes: BTreeMap<(&MemberId, KeyFingerprint), usize> = BTreeMap::new();
        for voucher in self.in_pool().filter_map(|member| self.record(member)) {
            for (member, key) in voucher.vouches.iter().filter(|(member, _)| **member != voucher.member) {
                *votes.entry((member, *key)).or_default() += 1;
            }
        }
        let is_news = |member: &MemberId, key| self.record(member).is_some_and(|held| held.key.fingerprint() != key);
        let enough = votes.into_iter().filter(|((member, key), n)| *n >= needed && is_news(member, *key));
        enough.map(|((member, key), _)| (key, member.clone())).collect()
    }

    /// Members who vouch for this key of a member that lost its own.
    #[must_use]
    pub fn vouchers(&self, member: &MemberId, key: KeyFingerprint) -> Vec<&MemberId> {
        let says_so =
            |voucher: &&MemberId| self.record(voucher).is_some_and(|record| record.vouches.get(member) == Some(&key));
        self.in_pool().filter(|voucher| *voucher != member).filter(says_so).collect()
    }

    /// The largest sequence that anybody says it has seen of a member.
    pub(crate) fn largest_seen(&self, member: &MemberId) -> u64 {
        let held = self.record(member).map_or(0, |record| record.sequence);
        let seen = self.records.keys().filter_map(|witness| self.seen_by(witness, member)).map(|seen| seen.sequence);
        seen.fold(held, u64::max)
    }
}
