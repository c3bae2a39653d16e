//! A change of key on its way to the others.
//!
//! Who holds a record of the former key can read the one record that both keys have signed, and nothing that came later. So that
//! record travels with every later one of its owner, until each member's own record says that it has seen it.

use crate::envelope::Envelope;
use crate::key::OrganisationKey;
use crate::name::MemberId;
use crate::record::{Record, SignedRecord};
use crate::roster::Roster;

impl Roster {
    /// Signs this member's next record. What tells of our latest change of key goes along as long as somebody has yet to see it.
    #[must_use]
    pub fn sign(&self, next: Record, key: &OrganisationKey) -> SignedRecord {
        let mut signed = next.sign(key);
        if !self.yet_to_see_our_key().is_empty()
            && let Some((change, _)) = key_change(self.own_record())
        {
            signed.envelope.carry(change);
        }
        signed
    }

    /// Members who have not said that they have seen our latest change of key. Another one with the former key alone would leave
    /// them with a key that they do not know.
    #[must_use]
    pub fn yet_to_see_our_key(&self) -> Vec<&MemberId> {
        let Some((_, sequence)) = key_change(self.own_record()) else { return Vec::new() };
        let has_seen =
            |member: &MemberId| self.seen_by(member, &self.own).is_some_and(|seen| seen.sequence >= sequence);
        self.in_pool().filter(|member| **member != self.own && !has_seen(member)).collect()
    }

    /// Whether somebody waits to hear that this member has seen its change of key.
    pub(crate) fn owes_sight_of_a_key(&self) -> bool {
        let others = self.in_pool().filter(|member| **member != self.own).filter_map(|member| self.signed(member));
        let mut changes = others.filter_map(|signed| Some((&signed.record.member, key_change(signed)?.1)));
        changes.any(|(member, sequence)| self.seen_by(&self.own, member).is_none_or(|seen| seen.sequence < sequence))
    }
}

/// The change of key that a record comes with: itself, or what it carries; and the sequence of that.
fn key_change(signed: &SignedRecord) -> Option<(&Envelope, u64)> {
    if let Some(after) = signed.envelope.after() {
        let record: Record = serde_json::from_slice(after.payload()).ok()?;
        return Some((after, record.sequence));
    }
    // A record has two signatures when its owner's key changes, and at no other time.
    (signed.envelope.signers().count() > 1).then_some((&signed.envelope, signed.record.sequence))
}
