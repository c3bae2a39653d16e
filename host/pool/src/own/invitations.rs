//! Invitations, beside the record: made by us, and for us.

use std::path::PathBuf;

use hangar_durable::failpoint;
use hangar_roster::{CarrierFile, MemberId, SignedInvitation, next};

use super::{OwnRecord, RecordError};

impl OwnRecord {
    /// Keeps an invitation of ours at home, and votes for it. Nobody sees it yet: one that was shown before there was a vote
    /// for it would be voided by the next, under the feet of a joiner who holds it.
    ///
    /// # Errors
    ///
    /// [`RecordError`].
    pub fn invite(&self, joiner: &MemberId, invitation: &SignedInvitation, now_ms: u64) -> Result<(), RecordError> {
        hangar_durable::write_private(&self.invitation_path(joiner), &invitation.to_bytes())?;
        self.step(|roster| next::invite(roster, invitation, now_ms))?;
        Ok(())
    }

    /// Shows the joiner the invitation that our vote stands for; again is no harm.
    ///
    /// # Errors
    ///
    /// [`RecordError::Open`] if what was kept cannot be read, [`RecordError::Carrier`].
    pub fn show_invitation(&self, joiner: &MemberId) -> Result<(), RecordError> {
        let path = self.invitation_path(joiner);
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(err) if err.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(err) => return Err(RecordError::Open { path, err }),
        };
        let voted = self.roster().own_record().record().invitation;
        if SignedInvitation::parse(&bytes).ok().map(|kept| kept.digest()) != voted {
            return Ok(());
        }
        failpoint::hit("pool.invitation.before");
        self.carrier.publish(&CarrierFile::Invitation(joiner.clone()), &bytes)?;
        failpoint::hit("pool.invitation.after");
        Ok(())
    }

    fn invitation_path(&self, joiner: &MemberId) -> PathBuf {
        self.path.with_file_name(format!("{joiner}.invitation.json"))
    }

    /// The invitation that was made for us, as the carrier has it.
    ///
    /// # Errors
    ///
    /// [`RecordError::Carrier`].
    pub fn invitation(&self) -> Result<Option<Vec<u8>>, RecordError> {
        let own = self.roster().own().clone();
        Ok(self.carrier.read(&CarrierFile::Invitation(own))?)
    }
}
