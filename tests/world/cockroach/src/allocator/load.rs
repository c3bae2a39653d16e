//! How much each node carries.

use std::collections::BTreeMap;

use crate::state::NodeId;
use crate::state::ranges::Range;

/// Replicas and leases per node.
pub(super) struct Load {
    by_node: BTreeMap<NodeId, (i64, i64)>,
}

impl Load {
    pub(super) fn of(ranges: &[Range]) -> Self {
        let mut by_node: BTreeMap<NodeId, (i64, i64)> = BTreeMap::new();
        for range in ranges {
            for replica in &range.replicas {
                by_node.entry(replica.node).or_default().0 += 1;
            }
            by_node.entry(range.lease).or_default().1 += 1;
        }
        Self { by_node }
    }

    pub(super) fn replicas(&self, node: NodeId) -> i64 {
        self.by_node.get(&node).map_or(0, |(replicas, _)| *replicas)
    }

    pub(super) fn leases(&self, node: NodeId) -> i64 {
        self.by_node.get(&node).map_or(0, |(_, leases)| *leases)
    }
}
