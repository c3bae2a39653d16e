//! How far a pool is from whole, counted.

use std::fmt;

use serde::Serialize;

use super::PoolStatus;

/// How many of how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Count {
    /// So many are as they should be.
    pub done: usize,
    /// Of so many.
    pub of: usize,
}

/// How far a pool is from whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Tally {
    /// Nodes of members that every own node calls live.
    pub nodes: Count,
    /// Nodes of other members that took a certificate of ours, seen from our own cluster.
    pub pairs: Count,
    /// Ordered pairs of members of which one says that its nodes have loaded every authority of the other.
    pub acknowledgements: Count,
    /// Ranges without enough replicas; none where no own node answers, and where the database tells of none by the way.
    pub underreplicated: Option<u64>,
    /// Whether the strategy asks about ranges at all.
    #[serde(skip)]
    pub asks_ranges: bool,
    /// What is proposed or open, in words.
    pub changes: Vec<String>,
}

impl Tally {
    /// Counts what a status shows.
    #[must_use]
    pub fn of(status: &PoolStatus) -> Self {
        let nodes = || status.active().flat_map(|member| &member.nodes);
        let ids: Vec<&str> = status.active().map(|member| member.id.as_str()).collect();
        let has = |status: &PoolStatus, a: &str, b: &str| {
            let mut deployed = status.active().filter(|member| member.id == b).flat_map(|member| &member.deployed_by);
            deployed.any(|by| by == a)
        };
        let pairs = ids.iter().flat_map(|a| ids.iter().filter(move |b| *b != a).map(move |b| (*a, *b)));
        let changes = status.proposed.iter().map(|one| {
            let who = if one.waits_for.is_empty() { "nobody".into() } else { one.waits_for.join(", ") };
            format!("{} {} waits for {who}", one.kind, one.subject)
        });
        Self {
            nodes: Count { done: nodes().filter(|node| node.is_live()).count(), of: nodes().count() },
            pairs: Count {
                done: nodes().filter(|node| node.accepts_us == Some(true)).count(),
                of: status.active().filter(|member| member.id != status.own).map(|member| member.nodes.len()).sum(),
            },
            acknowledgements: Count {
                done: pairs.filter(|(a, b)| has(status, a, b)).count(),
                of: ids.len() * ids.len().saturating_sub(1),
            },
            underreplicated: status.underreplicated,
            asks_ranges: status.asks_ranges,
            changes: changes.collect(),
        }
    }

    /// Whether there is nothing left to wait for.
    #[must_use]
    pub fn is_full(&self) -> bool {
        let counts = [self.nodes, self.pairs, self.acknowledgements];
        let has_replicas = !self.asks_ranges || self.underreplicated == Some(0);
        counts.iter().all(|count| count.done == count.of) && has_replicas && self.changes.is_empty()
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.done, self.of)
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "nodes live {}, nodes that accept us {}, authorities loaded {}",
            self.nodes, self.pairs, self.acknowledgements
        )?;
        match self.underreplicated {
            None if self.asks_ranges => write!(f, ", no own node answers")?,
            None | Some(0) => {}
            Some(ranges) => write!(f, ", {ranges} ranges lack replicas")?,
        }
        self.changes.iter().try_for_each(|change| write!(f, "; {change}"))
    }
}
