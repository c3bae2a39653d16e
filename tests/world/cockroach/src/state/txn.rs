//! A transaction as it travels through the log: what it read, and what it wants changed.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::ClusterState;
use super::catalog::{Change, TableName};
use super::command::Outcome;

/// Changes that happen together, if all that was read still stands.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Txn {
    /// Chosen by the gateway; a transaction proposed twice happens once.
    pub id: Uuid,
    pub reads: Vec<Read>,
    pub changes: Vec<Change>,
}

/// Something a transaction relied on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Read {
    /// A table, with its number and version; `None` if there was no such table.
    Table { name: TableName, seen: Option<(u32, u64)> },
    /// Whether a database exists.
    Database { name: String, exists: bool },
}

impl Txn {
    /// Applies all changes, or none if something read has changed since.
    pub fn apply(self, state: &mut ClusterState) -> Outcome {
        if !self.reads.iter().all(|read| read.stands(state)) {
            return Outcome::Conflict;
        }
        let catalog = Arc::make_mut(&mut state.catalog);
        for change in self.changes {
            match &change {
                Change::CreateDatabase(name) if catalog.database(name).is_none() => state.ranges.add_database(name),
                Change::DropDatabase(name) => state.ranges.drop_database(name),
                _ => {}
            }
            catalog.apply(change);
        }
        Outcome::Done
    }
}

impl Read {
    fn stands(&self, state: &ClusterState) -> bool {
        match self {
            Self::Table { name, seen } => state.catalog.table(name).map(|table| (table.id, table.version)) == *seen,
            Self::Database { name, exists } => state.catalog.database(name).is_some() == *exists,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build_info::Version;
    use crate::state::command::Command;

    fn create(name: &str) -> Txn {
        Txn {
            id: Uuid::new_v4(),
            reads: vec![Read::Database { name: name.into(), exists: false }],
            changes: vec![Change::CreateDatabase(name.into())],
        }
    }

    #[test]
    fn of_two_transactions_that_read_the_same_only_the_first_happens() {
        let mut state = ClusterState::founded(Uuid::nil(), Version { major: 24, minor: 1 });
        let (first, second) = (create("rid"), create("rid"));
        assert_eq!(state.apply(Command::Txn(first)), Outcome::Done);
        assert_eq!(state.apply(Command::Txn(second)), Outcome::Conflict);
    }

    #[test]
    fn a_transaction_proposed_twice_happens_once() {
        let mut state = ClusterState::founded(Uuid::nil(), Version { major: 24, minor: 1 });
        let txn = create("rid");
        assert_eq!(state.apply(Command::Txn(txn.clone())), Outcome::Done);
        assert_eq!(state.apply(Command::Txn(txn)), Outcome::Done);
    }
}
