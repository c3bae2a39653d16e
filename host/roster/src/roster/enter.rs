//! How a joiner comes to know the members.

use crate::digest::KeyFingerprint;
use crate::invitation::{InvitationError, SignedInvitation};
use crate::record::State;
use crate::roster::Roster;

impl Roster {
    /// Takes up an invitation: from now on records of the members that it names are read.
    ///
    /// `inviter` is the fingerprint that was compared out of band, by words or in full. A later invitation takes the place
    /// of an earlier one.
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
        if invitation.record != own.digest {
            return Err(InvitationError::OtherRequest);
        }
        if now_ms > invitation.expires_ms {
            return Err(InvitationError::Expired { at_ms: invitation.expires_ms });
        }
        self.check_void(signed)?;
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
        self.entered = Some((signed.digest(), invitation.inviter.clone()));
        Ok(())
    }

    /// Whether the invitation by which this joiner entered is still the inviter's latest, as far as its record is held.
    ///
    /// # Errors
    ///
    /// [`InvitationError::Voided`].
    pub fn check_entered(&self) -> Result<(), InvitationError> {
        let Some((digest, inviter)) = &self.entered else { return Ok(()) };
        match self.record(inviter) {
            Some(record) if record.invitation != Some(*digest) => {
                Err(InvitationError::Voided { inviter: inviter.clone() })
            }
            _ => Ok(()),
        }
    }

    fn check_void(&self, signed: &SignedInvitation) -> Result<(), InvitationError> {
        let inviter = &signed.invitation().inviter;
        match &self.entered {
            // Entered by it before, and the inviter's record says by now that it is void.
            Some((digest, _)) if *digest == signed.digest() => self.check_entered(),
            // Another one of the same inviter: a record that names neither is older than both.
            Some((former, by)) if by == inviter => match self.record(inviter).and_then(|record| record.invitation) {
                Some(latest) if latest != signed.digest() && latest != *former => {
                    Err(InvitationError::Voided { inviter: inviter.clone() })
                }
                _ => Ok(()),
            },
            _ => Ok(()),
        }
    }
}
