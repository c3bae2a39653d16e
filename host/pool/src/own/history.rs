//! Every record that was ever held, for whoever verifies the history.

use std::collections::HashSet;
use std::path::PathBuf;

use hangar_roster::SignedRecord;

use super::{OwnRecord, RecordError};
use crate::archive::Archive;

impl OwnRecord {
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

    pub(super) fn remember(&self, news: &[SignedRecord]) -> Result<(), RecordError> {
        if news.is_empty() || self.only_looks {
            return Ok(());
        }
        let lines: Vec<_> = news.iter().map(named).collect();
        Ok(Archive::append(&self.history_path(), &lines)?)
    }

    /// A run that was killed may have kept records and not have added them to the history.
    pub(super) fn remember_all(&self) {
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
}

/// A record as a history names it.
fn named(signed: &SignedRecord) -> (String, Vec<u8>) {
    let record = signed.record();
    (format!("{}.{}.json", record.member, record.sequence), signed.to_bytes())
}
