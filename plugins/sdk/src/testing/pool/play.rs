//! A kind of database, and one process of it.

use std::collections::BTreeSet;

use super::{DAY_MS, LEAF_MS, NOW_MS, World};
use crate::pooling_strategy::{Decision, Facts, Intent, Observation, Probe, Roster};

/// One kind of database on paper, and the strategy that pools it.
pub trait Play: Sized {
    /// Image of the database.
    const IMAGE: &str;
    /// What the roster calls it, and its version.
    const DATASTORE: (&str, &str);

    /// What the strategy says.
    fn decide(intent: &Intent, roster: &Roster, facts: &Facts) -> Decision;

    /// The pods of an organisation run for the first time, with these chart values.
    fn started(world: &mut World<Self>, id: &str, values: &serde_json::Value);

    /// A release is applied, for the first time or again, with these chart values.
    fn applied(_world: &mut World<Self>, _id: &str, _values: &serde_json::Value) {}

    /// The pods of an organisation are restarted, one by one.
    fn restarted(_world: &mut World<Self>, _id: &str) {}

    /// The pods of an organisation have new files, and whoever is told by that reads them.
    fn reloaded(world: &mut World<Self>, id: &str);

    /// A verb of the database's own program.
    fn verb(world: &mut World<Self>, id: &str, name: &str, arguments: &[String]);

    /// What the database answers to a question that only it can answer.
    fn look(world: &World<Self>, id: &str, probe: &Probe) -> Observation;

    /// The process at a node's port, if it runs: what it trusts and shows.
    fn process(&self, host: &str, port: u16) -> Option<&Process>;

    /// Every process of a node that the database counts, with its owner.
    fn counted(&self) -> Vec<(&str, &Process)>;

    /// What must always hold of this database.
    fn check(&self);
}

/// What one process of a database has read of its files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Process {
    /// Authorities it trusts.
    pub trusts: BTreeSet<String>,
    /// Authority of the leaf that it shows.
    pub shows: String,
    /// When that was issued.
    pub issued_ms: u64,
}

impl Process {
    /// Whether the leaf that it shows has come to its end.
    #[must_use]
    pub fn is_over(&self, now_ms: u64) -> bool {
        now_ms >= self.issued_ms + LEAF_MS
    }

    /// Whether either of two would end a connection to the other. One whose leaf is over does anyway, and is not meant.
    pub(super) fn refuses(&self, other: &Self, now_ms: u64) -> bool {
        let is_over = self.is_over(now_ms) || other.is_over(now_ms);
        let is_mutual = self.trusts.contains(&other.shows) && other.trusts.contains(&self.shows);
        !is_over && !is_mutual
    }

    /// The same with a leaf that has come to its end by the time a pool begins.
    #[must_use]
    pub fn worn(self) -> Self {
        Self { issued_ms: NOW_MS - LEAF_MS - DAY_MS, ..self }
    }
}
