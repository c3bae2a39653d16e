//! How a joiner comes to know the members.

use serde::{Deserialize, Serialize};

use crate::digest::{InvitationDigest, KeyFingerprint, RecordDigest};
use crate::invitation::{InvitationError, SignedInvitation};
use crate::name::MemberId;
use crate::record::State;
use crate::roster::Roster;

/// The invitation by which a joiner has entered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Entered {
    digest: InvitationDigest,
    inviter: MemberId,
    /// Of the inviter's record from which it invited.
    sequence: u64,
}

impl Roster {
    /// Takes up an invitation: from now on records of the members that it names are read.
    ///
    /// `inviter` is the fingerprint that was compared out of band, by words or in full. A later invitation takes the place
    /// of an earlier one; the same one again changes nothing.
    ///
    /// # Errors
    ///
    /// All of [`InvitationError`] but those of parsing; the roster is then as it was.
    pub fn enter(
        &mut self,
        signed: &SignedInvitation,
        inviter: KeyFingerprint,
        now_ms: u64,
    ) -> Result<(), InvitationError> {
        let invitation = signed.invitation();
        let own = self.own_record();
        if invitation.inviter_key.fingerprint() != inviter {
            return Err(InvitationError::Forged { expected: inviter });
        }
        let entering = Entered::by(signed);
        if self.entered.as_ref() == Some(&entering) {
            return entering.check(self);
        }
        if invitation.pool != self.pool {
            let (wanted, found) = (self.pool.clone(), invitation.pool.clone());
            return Err(InvitationError::OtherPool { wanted, found });
        }
        let ours = own.record.key.fingerprint();
        if invitation.audience != ours {
            return Err(InvitationError::OtherAudience { ours, found: invitation.audience });
        }
        if own.record.state != State::Asking {
            return Err(InvitationError::AlreadyIn { member: self.own.clone() });
        }
        if !self.is_our_request(invitation.record) {
            return Err(InvitationError::OtherRequest);
        }
        if now_ms > invitation.expires_ms {
            return Err(InvitationError::Expired { at_ms: invitation.expires_ms });
        }
        entering.check(self)?;
        let strangers = invitation.members.iter().filter(|(member, key)| {
            // A record that an earlier invitation brought, under another key, is of somebody else.
            self.record(member).is_none_or(|record| record.key.fingerprint() != **key)
        });
        self.pinned = strangers.map(|(member, key)| (member.clone(), *key)).collect();
        let pinned: Vec<_> = self.pinned.keys().cloned().collect();
        for member in pinned {
            self.records.remove(&member);
            self.past.remove(&member);
        }
        self.admitted = invitation.members.keys().cloned().collect();
        self.founder = Some(invitation.founder.clone());
        self.entered = Some(entering);
        Ok(())
    }

    /// Whether this joiner's invitation is void, so that it waits for the next one.
    #[must_use]
    pub fn awaits_invitation(&self) -> bool {
        self.own_record().record.state == State::Asking && self.check_entered().is_err()
    }

    /// Takes up an invitation that its inviter has made in the place of the one by which this member has entered. Whose key it
    /// is was compared then. Says whether it was taken up.
    pub fn enter_anew(&mut self, signed: &SignedInvitation, now_ms: u64) -> bool {
        let inviter = self.entered.as_ref().map(|entered| &entered.inviter);
        let known = inviter.and_then(|inviter| self.record(inviter)).map(|record| record.key.fingerprint());
        self.awaits_invitation() && known.is_some_and(|key| self.enter(signed, key, now_ms).is_ok())
    }

    /// Whether a record is our request, or our word since about nothing but what was proved.
    fn is_our_request(&self, record: RecordDigest) -> bool {
        let past = self.past.get(&self.own).map_or(&[][..], Vec::as_slice).iter().copied();
        past.chain([self.own_record().seen()]).any(|own| own.sequence >= self.request && own.digest == record)
    }

    /// Whether this member's latest request was answered by an invitation that it has taken up, and that is in force.
    #[must_use]
    pub fn has_entered(&self) -> bool {
        self.entered.as_ref().is_some_and(|entered| entered.check(self).is_ok())
    }

    /// Whether the invitation by which this joiner entered is still the inviter's latest, as far as its record is held.
    ///
    /// # Errors
    ///
    /// [`InvitationError::Voided`].
    pub fn check_entered(&self) -> Result<(), InvitationError> {
        self.entered.as_ref().map_or(Ok(()), |entered| entered.check(self))
    }
}

impl Entered {
    fn by(signed: &SignedInvitation) -> Self {
        let invitation = signed.invitation();
        Self { digest: signed.digest(), inviter: invitation.inviter.clone(), sequence: invitation.sequence }
    }

    /// A record from before the invitation says nothing of it: the carrier may be late.
    fn check(&self, roster: &Roster) -> Result<(), InvitationError> {
        match roster.record(&self.inviter) {
            Some(record) if record.sequence > self.sequence && record.invitation != Some(self.digest) => {
                Err(InvitationError::Voided { inviter: self.inviter.clone() })
            }
            _ => Ok(()),
        }
    }
}
