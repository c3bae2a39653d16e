//! The one record that is ours to write.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hangar_durable::{WriteError, failpoint};
use hangar_engine::StepError;
use hangar_plan::strategy::action::Action;
use hangar_plan::strategy::member::{self, MemberState};
use hangar_roster::next::{self, NextError};
use hangar_roster::{
    CarrierFile, Finding, MemberId, OrganisationKey, Proof, Record, Roster, SignedInvitation, SignedRecord, State,
    StoredError,
};

use crate::archive::Archive;
use crate::carrier::{Carrier, CarrierError};

/// Why our record is as it was, or could not be shown to others.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The rules of the roster forbid it.
    #[error(transparent)]
    Next(#[from] NextError),
    /// The carrier failed. The record is kept at home and goes out with the next run.
    #[error(transparent)]
    Carrier(#[from] CarrierError),
    /// It could not be kept at home, so it was not shown to anybody.
    #[error("cannot keep the roster")]
    Keep(#[from] WriteError),
    /// What is kept at home cannot be read.
    #[error("cannot read the roster kept in `{}`", path.display())]
    Stored {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        err: StoredError,
    },
    /// What is kept at home cannot be opened.
    #[error("cannot open `{}`", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        err: std::io::Error,
    },
    /// A strategy named something that no record can hold.
    #[error("the strategy asked for what a record cannot say: {0}")]
    Strategy(String),
}

impl RecordError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Next(err) => err.cure(),
            Self::Stored { err, .. } => err.hint(),
            Self::Carrier(_) => Some("make the carrier reachable and run the same command again".into()),
            Self::Keep(_) | Self::Open { .. } => {
                Some("make room or allow access, then run the same command again".into())
            }
            Self::Strategy(_) => None,
        }
    }
}

/// A step that writes our record: what the rules forbid is a person's to decide, all else is of the outside.
impl From<RecordError> for StepError {
    fn from(err: RecordError) -> Self {
        let hint = err.hint();
        let step = match &err {
            RecordError::Next(_) => Self::person(err),
            _ => Self::outside(err),
        };
        match hint {
            Some(hint) => step.with_hint(hint),
            None => step,
        }
    }
}

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

    /// Every record that was ever held here, as it came.
    ///
    /// # Errors
    ///
    /// [`RecordError::Carrier`] where the file cannot be read.
    pub fn history(&self) -> Result<Archive, RecordError> {
        let mut history = Archive::read(&self.history_path())?;
        let held: Vec<_> = self.roster().records().map(named).collect();
        history.files.retain(|file| !held.contains(file));
        history.files.extend(held);
        Ok(history)
    }

    fn remember(&self, news: &[SignedRecord]) -> Result<(), RecordError> {
        if news.is_empty() || self.only_looks {
            return Ok(());
        }
        let lines: Vec<_> = news.iter().map(named).collect();
        Ok(Archive::append(&self.history_path(), &lines)?)
    }

    /// A run that was killed while it wrote has left a file that nobody reads.
    fn sweep(&self) {
        let Some(folder) = self.path.parent() else { return };
        if let Err(err) = hangar_durable::sweep(folder) {
            tracing::debug!(%err, folder = %folder.display(), "what killed runs have left stays");
        }
    }

    /// A run that was killed may have kept records and not have added them to the history.
    fn remember_all(&self) {
        let done = Archive::read(&self.history_path()).map_err(RecordError::from).and_then(|archive| {
            let known: HashSet<_> = archive.files.into_iter().collect();
            let missing: Vec<_> =
                self.roster().records().filter(|signed| !known.contains(&named(signed))).cloned().collect();
            self.remember(&missing)
        });
        if let Err(err) = done {
            // Nothing of a pool rests on it: `pool history` tells what is amiss.
            tracing::warn!(%err, "the history of the pool is not complete");
        }
    }

    fn history_path(&self) -> PathBuf {
        self.path.with_extension("history.jsonl")
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

    /// Whether our record says already what a strategy wants it to say.
    pub(crate) async fn shows(&self, action: &Action) -> bool {
        match self.wanted(action, 0) {
            Ok(next) => next.is_none(),
            // Why not is told when it is tried.
            Err(_) => false,
        }
    }

    /// Makes our record say what a strategy wants.
    pub(crate) async fn apply(&self, action: &Action, now_ms: u64) -> Result<(), StepError> {
        let advance = || self.advance(self.wanted(action, now_ms)?);
        Ok(advance().map(drop)?)
    }

    fn wanted(&self, action: &Action, now_ms: u64) -> Result<Option<Record>, RecordError> {
        let roster = self.roster();
        Ok(match action {
            Action::Acknowledge(kind) => {
                let proof = Proof::try_from(kind.clone()).map_err(RecordError::Strategy)?;
                next::acknowledge(&roster, proof, now_ms)?
            }
            Action::SetState(state) => next::state(&roster, lowered(*state), now_ms)?,
            Action::RecordClusterId(id) => next::cluster_id(&roster, id, now_ms)?,
            other => return Err(RecordError::Strategy(format!("{other:?}"))),
        })
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

/// A record as a history names it.
fn named(signed: &SignedRecord) -> (String, Vec<u8>) {
    let record = signed.record();
    (format!("{}.{}.json", record.member, record.sequence), signed.to_bytes())
}

fn lowered(state: MemberState) -> State {
    match state {
        MemberState::Asking => State::Asking,
        MemberState::Joining => State::Joining,
        MemberState::Active => State::Active,
        MemberState::Leaving => State::Leaving,
        MemberState::Gone => State::Gone,
    }
}

#[cfg(test)]
mod tests;
