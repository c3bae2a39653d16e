//! The part of the replicated log that is not yet in a snapshot.

use crate::state::NodeId;
use crate::state::command::Command;

/// One entry.
#[derive(Debug, Clone)]
pub struct Entry {
    pub index: u64,
    pub term: u64,
    pub command: Command,
}

/// Entries after a snapshot.
#[derive(Debug, Default)]
pub struct Log {
    /// Index and term of the last entry inside the snapshot.
    base: (u64, u64),
    entries: Vec<Entry>,
}

impl Log {
    /// A log that goes on after a snapshot.
    pub fn after(index: u64, term: u64, entries: Vec<Entry>) -> Self {
        Self { base: (index, term), entries }
    }

    /// The last index inside the snapshot.
    pub fn base_index(&self) -> u64 {
        self.base.0
    }

    /// Index and term of the last entry.
    pub fn last(&self) -> (u64, u64) {
        self.entries.last().map_or(self.base, |entry| (entry.index, entry.term))
    }

    /// The term of an entry; `None` if it is not known any more, or not yet.
    pub fn term(&self, index: u64) -> Option<u64> {
        if index == self.base.0 {
            return Some(self.base.1);
        }
        self.get(index).map(|entry| entry.term)
    }

    /// One entry.
    pub fn get(&self, index: u64) -> Option<&Entry> {
        let offset = index.checked_sub(self.base.0 + 1)?;
        self.entries.get(usize::try_from(offset).ok()?)
    }

    /// Up to `limit` entries from `index` on.
    pub fn from(&self, index: u64, limit: usize) -> Vec<Entry> {
        let skip = usize::try_from(index.saturating_sub(self.base.0 + 1)).unwrap_or(usize::MAX);
        self.entries.iter().skip(skip).take(limit).cloned().collect()
    }

    /// All entries.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Adds an entry at the end.
    pub fn push(&mut self, entry: Entry) {
        debug_assert_eq!(entry.index, self.last().0 + 1, "logs have no holes");
        self.entries.push(entry);
    }

    /// Takes away `index` and all after it.
    pub fn truncate_from(&mut self, index: u64) {
        let keep = usize::try_from(index.saturating_sub(self.base.0 + 1)).unwrap_or(usize::MAX);
        self.entries.truncate(keep);
    }

    /// Forgets what a snapshot up to `index` holds.
    pub fn compact(&mut self, index: u64, term: u64) {
        self.entries.retain(|entry| entry.index > index);
        self.base = (index, term);
    }

    /// The last change of voters after `index`.
    pub fn voters_after(&self, index: u64) -> Option<&[NodeId]> {
        self.entries.iter().rev().take_while(|entry| entry.index > index).find_map(|entry| match &entry.command {
            Command::Voters(voters) => Some(voters.as_slice()),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(n_entries: u64) -> Log {
        let mut log = Log::after(10, 3, Vec::new());
        for index in 11..=10 + n_entries {
            log.push(Entry { index, term: 4, command: Command::Noop });
        }
        log
    }

    #[test]
    fn the_end_of_the_snapshot_has_a_term_and_what_it_holds_has_none() {
        let log = log(2);
        assert_eq!((log.term(9), log.term(10), log.term(12), log.term(13)), (None, Some(3), Some(4), None));
    }

    #[test]
    fn truncation_and_compaction_keep_indexes() {
        let mut log = log(5);
        log.truncate_from(14);
        assert_eq!(log.last(), (13, 4));
        log.compact(12, 4);
        assert_eq!((log.base_index(), log.from(12, 9).len()), (12, 1));
    }
}
