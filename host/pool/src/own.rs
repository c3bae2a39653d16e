//! The one record that is ours to write.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hangar_durable::failpoint;
use hangar_plan::strategy::member;
use hangar_roster::next::{self, NextError};
use hangar_roster::{CarrierFile, Finding, OrganisationKey, Record, Roster, SignedInvitation, SignedRecord};

use crate::carrier::Carrier;

mod error;
mod history;
mod invitations;
mod wishes;

pub use error::RecordError;

/// The roster as we hold it, the key that signs our record, and the ways to keep it and to show it.
///
/// A new record is kept at home first and shown afterwards: one that was shown and forgotten would make the next a fork.
pub struct OwnRecord {
    roster: Mutex<Roster>,
    key: OrganisationKey,
    path: PathBuf,
    carrier: Arc<dyn Carrier>,
    /// Whether another process may be writing: then nothing is kept and nothing is shown here.
    only_looks: bool,
}

impl OwnRecord {
    /// Takes up the roster kept in a file; none if nothing was ever kept there.
    ///
    /// # Errors
    ///
    /// [`RecordError::Open`], [`RecordError::Stored`].
    pub fn open(path: &Path, key: OrganisationKey, carrier: Arc<dyn Carrier>) -> Result<Option<Self>, RecordError> {
        Self::take_up(path, key, carrier, false)
    }

    /// The same to look only, also while another process has it open: what the carrier shows is taken in for as long as this value
    /// lives, nothing is kept at home, and nothing is shown to others.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub fn open_to_look(
        path: &Path,
        key: OrganisationKey,
        carrier: Arc<dyn Carrier>,
    ) -> Result<Option<Self>, RecordError> {
        Self::take_up(path, key, carrier, true)
    }

    fn take_up(
        path: &Path,
        key: OrganisationKey,
        carrier: Arc<dyn Carrier>,
        only_looks: bool,
    ) -> Result<Option<Self>, RecordError> {
        let bytes = match std::fs::read(path) {
            Ok(bytes) => bytes,
            Err(err) if err.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(err) => return Err(RecordError::Open { path: path.to_owned(), err }),
        };
        let roster = Roster::from_bytes(&bytes).map_err(|err| RecordError::Stored { path: path.to_owned(), err })?;
        let own = Self { roster: Mutex::new(roster), key, path: path.to_owned(), carrier, only_looks };
        if !only_looks {
            own.sweep();
            own.remember_all();
        }
        Ok(Some(own))
    }

    /// Begins a roster with our own first record, keeps it and shows it.
    ///
    /// # Errors
    ///
    /// [`RecordError::Keep`], [`RecordError::Carrier`].
    pub fn begin(
        path: &Path,
        key: OrganisationKey,
        carrier: Arc<dyn Carrier>,
        first: Record,
    ) -> Result<Self, RecordError> {
        let roster = Roster::start(first.sign(&key));
        let own = Self { roster: Mutex::new(roster), key, path: path.to_owned(), carrier, only_looks: false };
        let first = own.roster().own_record().clone();
        own.keep_and_show(&[first])?;
        Ok(own)
    }

    /// The roster, for reading.
    pub fn roster(&self) -> MutexGuard<'_, Roster> {
        self.roster.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes what we expect of others (a joiner's key, an invitation) and keeps it.
    ///
    /// # Errors
    ///
    /// [`RecordError::Keep`].
    pub fn change<T>(&self, change: impl FnOnce(&mut Roster) -> T) -> Result<T, RecordError> {
        let value = change(&mut self.roster());
        self.keep()?;
        Ok(value)
    }

    /// Takes in what the carrier shows, and shows our own record again if the carrier has another.
    ///
    /// # Errors
    ///
    /// [`RecordError::Carrier`], [`RecordError::Keep`].
    pub fn refresh(&self) -> Result<Vec<Finding>, RecordError> {
        let files = self.carrier.records()?;
        let findings = self.take_in(&files)?;
        let own = self.roster().own_record().to_bytes();
        if !files.iter().any(|(_, bytes)| *bytes == own) {
            self.show()?;
        }
        Ok(findings)
    }

    /// Takes in records that came in another way than by the carrier.
    ///
    /// # Errors
    ///
    /// [`RecordError::Keep`], [`RecordError::Carrier`] for the history.
    pub fn take_in(&self, files: &[(String, Vec<u8>)]) -> Result<Vec<Finding>, RecordError> {
        let (findings, news) = {
            let mut roster = self.roster();
            let before = roster.clone();
            let findings = roster.take_in(files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())));
            let is_new = |signed: &&SignedRecord| before.signed(&signed.record().member) != Some(*signed);
            let news: Vec<_> = roster.records().filter(is_new).cloned().collect();
            (findings, (*roster != before).then_some(news))
        };
        if let Some(news) = news {
            self.keep()?;
            self.remember(&news)?;
        }
        Ok(findings)
    }

    /// A run that was killed while it wrote has left a file that nobody reads.
    fn sweep(&self) {
        let Some(folder) = self.path.parent() else { return };
        if let Err(err) = hangar_durable::sweep(folder) {
            tracing::debug!(%err, folder = %folder.display(), "what killed runs have left stays");
        }
    }

    /// Signs, keeps and shows our next record; nothing for none.
    ///
    /// # Errors
    ///
    /// [`RecordError::Keep`] before anybody saw it, [`RecordError::Carrier`] after it was kept.
    pub fn advance(&self, next: Option<Record>) -> Result<bool, RecordError> {
        let Some(next) = next else { return Ok(false) };
        let signed = self.roster().sign(next, &self.key);
        self.publish(signed)?;
        Ok(true)
    }

    /// Takes another organisation key: one record signed by each of these. From then on this value is of no more use: our
    /// record is signed with the new key.
    ///
    /// # Errors
    ///
    /// [`RecordError`]; nothing for a key that is in use already.
    pub fn rotate_key(
        &self,
        signers: &[&OrganisationKey],
        key: &OrganisationKey,
        now_ms: u64,
    ) -> Result<bool, RecordError> {
        let next = next::rotate_key(&self.roster(), key.public(), now_ms)?;
        let Some(next) = next else { return Ok(false) };
        self.publish(next.sign_with(signers))?;
        Ok(true)
    }

    fn publish(&self, signed: SignedRecord) -> Result<(), RecordError> {
        self.roster().publish(signed.clone());
        self.keep_and_show(&[signed])
    }

    /// Makes the next record out of the roster as it is now, and advances to it.
    ///
    /// # Errors
    ///
    /// [`RecordError`].
    pub fn step(&self, next: impl FnOnce(&Roster) -> Result<Option<Record>, NextError>) -> Result<bool, RecordError> {
        let next = next(&self.roster())?;
        self.advance(next)
    }

    /// Does what the rules of voting make due, until nothing is. A joiner whose invitation is void takes up the one that its
    /// inviter has made since.
    ///
    /// # Errors
    ///
    /// [`RecordError`].
    pub fn duties(&self, now_ms: u64) -> Result<(), RecordError> {
        let mut is_news = self.roster().observe(now_ms);
        let awaits = self.roster().awaits_invitation();
        if awaits && let Some(Ok(signed)) = self.invitation()?.as_deref().map(SignedInvitation::parse) {
            is_news |= self.roster().enter_anew(&signed, now_ms);
        }
        if is_news {
            self.keep()?;
        }
        while self.step(|roster| next::due(roster, now_ms))? {}
        Ok(())
    }

    /// Our key, for signing an invitation.
    #[must_use]
    pub fn key(&self) -> &OrganisationKey {
        &self.key
    }

    /// The roster as a strategy sees it.
    #[must_use]
    pub fn view(&self) -> member::Roster {
        let describe = |pem: &str| {
            hangar_pki::Certificate::from_pem(pem).ok().map(|certificate| hangar_pki::authority(&certificate))
        };
        self.roster().view(describe)
    }

    fn keep_and_show(&self, news: &[SignedRecord]) -> Result<(), RecordError> {
        failpoint::hit("pool.record.before");
        self.keep()?;
        failpoint::hit("pool.record.kept");
        self.remember(news)?;
        self.show()?;
        failpoint::hit("pool.record.after");
        Ok(())
    }

    fn keep(&self) -> Result<(), RecordError> {
        if self.only_looks {
            return Ok(());
        }
        if let Some(folder) = self.path.parent() {
            hangar_durable::private_dir(folder)?;
        }
        let bytes = self.roster().to_bytes();
        Ok(hangar_durable::write_private(&self.path, &bytes)?)
    }

    fn show(&self) -> Result<(), RecordError> {
        if self.only_looks {
            return Ok(());
        }
        let (own, bytes) = {
            let roster = self.roster();
            (roster.own().clone(), roster.own_record().to_bytes())
        };
        Ok(self.carrier.publish(&CarrierFile::Record(own), &bytes)?)
    }
}

#[cfg(test)]
mod tests;
