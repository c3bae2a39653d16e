//! A model of ranges: a fixed number for the system and for each database, with their replicas and leases.

use serde::{Deserialize, Serialize};

use super::NodeId;

/// Replicas of `system` data; user data has three.
const SYSTEM_FACTOR: usize = 5;
const USER_FACTOR: usize = 3;
/// Ranges each database has.
const PER_DATABASE: usize = 2;

/// All ranges of the cluster.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Ranges {
    next: i64,
    all: Vec<Range>,
}

/// One range.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Range {
    pub id: i64,
    /// Its start key, as `SHOW RANGES` prints it.
    pub name: String,
    /// The database it belongs to.
    pub database: Option<String>,
    /// How many replicas it should have.
    pub factor: usize,
    /// Never empty.
    pub replicas: Vec<Replica>,
    pub next_replica: i32,
    pub lease: NodeId,
}

/// A copy of a range on a node. Store and node carry the same number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replica {
    pub node: NodeId,
    pub id: i32,
}

/// A step of the allocator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RangeChange {
    pub range: i64,
    pub add: Option<NodeId>,
    pub remove: Option<NodeId>,
    pub lease: Option<NodeId>,
}

/// Replication as one node reports it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RangeCounts {
    pub ranges: usize,
    pub unavailable: usize,
    pub underreplicated: usize,
    pub overreplicated: usize,
    pub replicas: usize,
    pub leaseholders: usize,
}

impl Ranges {
    /// The ranges of a new cluster, all on its first node.
    pub fn founded(first: NodeId) -> Self {
        let mut ranges = Self { next: 1, all: Vec::new() };
        let alone = [Replica { node: first, id: 1 }];
        for (name, factor) in [
            ("/Min", SYSTEM_FACTOR),
            ("/System/NodeLiveness", SYSTEM_FACTOR),
            ("/System/NodeLivenessMax", SYSTEM_FACTOR),
            ("/System/tsd", USER_FACTOR),
            ("/System/\"tse\"", SYSTEM_FACTOR),
            ("/Table/3", SYSTEM_FACTOR),
            ("/Table/6", SYSTEM_FACTOR),
            ("/Table/11", SYSTEM_FACTOR),
            ("/Table/14", SYSTEM_FACTOR),
            ("/Table/20", SYSTEM_FACTOR),
        ] {
            ranges.push(name.to_owned(), Some("system".to_owned()), factor, &alone);
        }
        for database in ["defaultdb", "postgres"] {
            ranges.add_database(database);
        }
        ranges
    }

    /// All ranges, by ID.
    pub fn iter(&self) -> impl Iterator<Item = &Range> {
        self.all.iter()
    }

    /// Splits off the ranges of a new database. Like a real split, they start where their neighbour is.
    pub fn add_database(&mut self, name: &str) {
        let neighbour = self.all.iter().find(|range| range.factor == USER_FACTOR).map(|range| range.replicas.clone());
        let replicas = neighbour.unwrap_or_default();
        for part in 1..=PER_DATABASE {
            self.push(format!("/Database/{name}/{part}"), Some(name.to_owned()), USER_FACTOR, &replicas);
        }
    }

    /// Drops the ranges of a database.
    pub fn drop_database(&mut self, name: &str) {
        self.all.retain(|range| range.database.as_deref() != Some(name));
    }

    /// The range that holds a table.
    pub fn of_table(&self, database: &str, table: u32) -> Option<&Range> {
        let of_database = self.all.iter().filter(|range| range.database.as_deref() == Some(database));
        of_database.cycle().nth(table as usize % PER_DATABASE)
    }

    /// The range of the liveness table and of what `crdb_internal.kv_*` reads.
    pub fn liveness(&self) -> Option<&Range> {
        self.all.iter().find(|range| range.name == "/System/NodeLiveness")
    }

    /// Takes a step of the allocator. A step that no longer fits changes nothing.
    pub fn apply(&mut self, change: &RangeChange) {
        let Some(range) = self.all.iter_mut().find(|range| range.id == change.range) else { return };
        if let Some(node) = change.add
            && !range.holds(node)
        {
            range.replicas.push(Replica { node, id: range.next_replica });
            range.next_replica += 1;
        }
        if let Some(node) = change.remove
            && range.replicas.len() > 1
        {
            range.replicas.retain(|replica| replica.node != node);
        }
        if let Some(node) = change.lease
            && range.holds(node)
        {
            range.lease = node;
        }
        if !range.holds(range.lease) {
            range.lease = range.replicas[0].node;
        }
    }

    /// How many replicas and leases a node has.
    pub fn counts(&self, node: NodeId) -> (usize, usize) {
        let replicas = self.all.iter().filter(|range| range.holds(node)).count();
        let leases = self.all.iter().filter(|range| range.lease == node).count();
        (replicas, leases)
    }

    fn push(&mut self, name: String, database: Option<String>, factor: usize, replicas: &[Replica]) {
        let replicas: Vec<Replica> =
            replicas.iter().zip(1..).map(|(replica, id)| Replica { node: replica.node, id }).collect();
        let Some(first) = replicas.first().map(|replica| replica.node) else { return };
        let next_replica = i32::try_from(replicas.len()).unwrap_or(i32::MAX).saturating_add(1);
        self.all.push(Range { id: self.next, name, database, factor, replicas, next_replica, lease: first });
        self.next += 1;
    }
}

impl Range {
    /// Whether a node has a replica.
    pub fn holds(&self, node: NodeId) -> bool {
        self.replicas.iter().any(|replica| replica.node == node)
    }

    /// Replicas on nodes for which `live` holds.
    pub fn n_live(&self, live: impl Fn(NodeId) -> bool) -> usize {
        self.replicas.iter().filter(|replica| live(replica.node)).count()
    }

    /// Whether a majority of the replicas is live.
    pub fn has_quorum(&self, live: impl Fn(NodeId) -> bool) -> bool {
        self.n_live(live) > self.replicas.len() / 2
    }

    /// The node that reports on this range: the leaseholder, or else the first live replica.
    pub fn reporter(&self, live: impl Fn(NodeId) -> bool) -> Option<NodeId> {
        if live(self.lease) {
            return Some(self.lease);
        }
        self.replicas.iter().map(|replica| replica.node).find(|node| live(*node))
    }
}

/// How many replicas a range needs in a cluster of `n_nodes`: its factor, or less with fewer nodes, but odd and
/// never below three.
pub fn needed(factor: usize, n_nodes: usize) -> usize {
    let possible = factor.min(n_nodes);
    if possible == factor {
        return factor;
    }
    let odd = if possible.is_multiple_of(2) { possible.saturating_sub(1) } else { possible };
    odd.max(3).min(factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_factor_steps_down_with_fewer_nodes_but_never_below_three() {
        assert_eq!([1, 2, 3, 4, 5, 9].map(|n_nodes| needed(5, n_nodes)), [3, 3, 3, 3, 5, 5]);
        assert_eq!(needed(3, 1), 3);
    }

    #[test]
    fn a_new_database_starts_where_its_neighbour_is() {
        let mut ranges = Ranges::founded(NodeId(1));
        ranges.add_database("rid");
        let placed: Vec<_> = ranges.iter().filter(|range| range.database.as_deref() == Some("rid")).collect();
        assert_eq!(placed.len(), PER_DATABASE);
        assert!(placed.iter().all(|range| range.holds(NodeId(1)) && range.lease == NodeId(1)));
    }

    #[test]
    fn a_lease_never_stays_where_no_replica_is() {
        let mut ranges = Ranges::founded(NodeId(1));
        ranges.apply(&RangeChange { range: 1, add: Some(NodeId(2)), remove: Some(NodeId(1)), lease: None });
        assert_eq!(ranges.iter().next().expect("ten ranges").lease, NodeId(2));
    }
}
